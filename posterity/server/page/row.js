// One prediction: how it is distributed, why, and what was said of the same key before.

import { chart, contributions, dots, extent, timeline } from "./charts.js";
import { count, h, keyOf, period, s, writer } from "./dom.js";

const LEVELS = ["q05", "q25", "q50", "q75", "q95"];
const quantiles = (row, name) => Object.fromEntries(LEVELS.map((level) => [level, row[`${name}_${level}`]]));

// `told`: row, distributions, contributions and history of a key; `facts`: of the product.
export function card(facts, told) {
  const top = h("div", { class: "top" }, h("h2", {}, keyOf(told.row, facts.keys).join(" · ")),
    h("p", { class: "note" }, facts.keys.map((name) => `${name} ${told.row[name]}`).join(", ")),
    facts.quantities.map((quantity) => headline(quantity, told)));
  return [top, facts.quantities.map((quantity) => why(quantity, told)), facts.quantities.map((quantity) => past(quantity, told))];
}

function headline(quantity, told) {
  const write = writer(quantity);
  const [row, name] = [told.row, quantity.name];
  const q = quantiles(row, name);
  const trials = quantity.exposure ? row[quantity.exposure] : null;
  const values = told.distributions.find((item) => item.quantity === name)?.values;
  const of = trials == null ? quantity.unit : `of ${count(trials)} ${quantity.exposure}`;
  const says = `${name}: ${write(row[`${name}_mean`])} ${of}; 90 % between ${write(q.q05)} and ${write(q.q95)}, half between ${write(q.q25)} and ${write(q.q75)}`;
  if (trials === 0) return h("div", { class: "quantity" }, h("h3", {}, name), h("p", {}, `Nothing is expected: ${of}.`));
  return h("div", { class: "quantity" },
    h("h3", {}, name), quantity.description && h("p", { class: "note" }, quantity.description),
    h("p", { class: "big" }, h("b", {}, write(row[`${name}_mean`])),
      h("span", {}, `${of}; with a probability of 90\u00a0% between `, h("strong", {}, write(q.q05)), " and ", h("strong", {}, write(q.q95)))),
    values && [chart(says, dots(values, q, extent([...values, q.q05, q.q95], Boolean(quantity.exposure)), write)),
      h("ul", { class: "legend" }, key(s("circle", { cx: 13, cy: 7, r: 5, class: "dot" }), `${values.length} equally likely outcomes`),
        key([s("line", { x1: 3, x2: 23, y1: 7, y2: 7, class: "thin" }), s("line", { x1: 8, x2: 18, y1: 7, y2: 7, class: "thick" })], "50\u00a0% and 90\u00a0% interval, median"))]);
}

const key = (sign, words) => h("li", {}, s("svg", { viewBox: "0 0 26 14", "aria-hidden": "true" }, sign), words);

const LINKS = {
  identity: { scale: "", back: (value) => value, words: (write) => (value) => (value < 0 ? `−${write(-value)}` : `+${write(value)}`) },
  log: { scale: "Factors multiply.", back: Math.exp, words: () => (value) => `× ${Math.exp(value).toFixed(2)}` },
  logit: {
    scale: "Each effect multiplies the odds.", back: (value) => 1 / (1 + Math.exp(-value)),
    words: () => (value) => `odds × ${Math.exp(value).toFixed(2)}`,
  },
};

function why(quantity, told) {
  const found = told.contributions.find((item) => item.quantity === quantity.name);
  if (!found) return null;
  const write = writer(quantity);
  const link = LINKS[found.link];
  const [base, ...parts] = found.parts;
  const total = found.parts.reduce((sum, part) => sum + part.mean, 0);
  const words = link.words(write);
  const says = parts.map((part) => `${part.name} ${words(part.mean)}`).join(", ");
  return h("section", {}, h("h3", {}, `Why ${write(link.back(total))}`),
    h("p", { class: "note" }, `It starts from the ${base.name}, `, h("strong", {}, write(link.back(base.mean))),
      `. ${link.scale} Lines are 90\u00a0% intervals: how well each effect is known.`),
    chart(`Starting from ${write(link.back(base.mean))}: ${says}`, contributions(parts, words)));
}

function past(quantity, told) {
  if (!told.history.length) return null;
  const { name } = quantity;
  const write = writer(quantity);
  const entries = told.history.map((item) => ({
    title: period(item.valid_from, item.valid_until),
    label: item.prediction ? `version ${item.version}` : missing(item),
    current: item.current,
    q: item.prediction && item.prediction[`${name}_q50`] != null ? quantiles(item.prediction, name) : null,
    outcome: item.outcome?.[name],
  }));
  const numbers = entries.flatMap((entry) => [...Object.values(entry.q ?? {}), ...(entry.outcome == null ? [] : [entry.outcome])]);
  const says = entries.map((entry) => `${entry.title}, ${entry.label}: ${entry.q ? `${write(entry.q.q05)} to ${write(entry.q.q95)}` : "no prediction"}${entry.outcome == null ? "" : `, happened ${write(entry.outcome)}`}`);
  return h("section", {}, h("h3", {}, "What was said, and what happened"),
    chart(says.join("; "), timeline(entries, extent(numbers, Boolean(quantity.exposure)), write)),
    h("ul", { class: "legend" }, key([s("line", { x1: 3, x2: 23, y1: 7, y2: 7, class: "thin" }), s("circle", { cx: 13, cy: 7, r: 4, class: "middle" })], "predicted"),
      key(s("path", { class: "outcome", d: "M13 0l7 7l-7 7l-7-7z" }), entries.some((entry) => entry.outcome != null) ? "what happened" : "what happened: not known yet")));
}

function missing(item) {
  if (item.withdrawn) return `version ${item.version} was withdrawn: ${item.withdrawn}`;
  return `version ${item.version}: no such row`;
}
