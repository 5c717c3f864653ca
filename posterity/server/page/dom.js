// Elements from their parts, and numbers and days as people read them.

const SVG = "http://www.w3.org/2000/svg";

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child != null && child !== false));
  return element;
}

// h("p", {class: "note"}, "text"): nothing is ever parsed as HTML.
export const h = (tag, attributes = {}, ...children) => build(document.createElement(tag), attributes, children);
export const s = (tag, attributes = {}, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

export const pill = (kind, text) => h("span", { class: `pill ${kind}` }, text);

// How a quantity is written: a share of trials in percent, anything else with three significant digits.
export function writer(quantity) {
  const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
  if (quantity.exposure) return (value) => (value == null ? "–" : `${Math.round(100 * value)}\u00a0%`);
  return (value) => (value == null ? "–" : plain.format(value));
}

export const count = (number) => new Intl.NumberFormat("en").format(number);

const dayFormat = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
const noon = (text) => new Date(`${text}T12:00:00Z`);
export const day = (text) => dayFormat({ day: "numeric", month: "short", year: "numeric" }).format(noon(text));

// A period in few words: a whole month by its name.
export function period(from, until) {
  const [start, end] = [noon(from), noon(until)];
  const last = new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + 1, 0)).getUTCDate();
  const whole = start.getUTCDate() === 1 && end.getUTCDate() === last && from.slice(0, 7) === until.slice(0, 7);
  return whole ? dayFormat({ month: "short", year: "numeric" }).format(start) : `${day(from)} – ${day(until)}`;
}

export const keyOf = (row, keys) => keys.map((name) => String(row[name]));
export const keyPath = (values) => values.map(encodeURIComponent).join(",");
