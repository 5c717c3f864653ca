// Places to say what one thinks of a prediction, and what happened.

import { get, post } from "./api.js";
import { day, h, writer } from "./dom.js";

const RATINGS = ["plausible", "too low", "too high", "useless"];

// Shares are read and typed in percent, and sent as shares.
const scale = (quantity) => (quantity.exposure ? 100 : 1);
const unit = (quantity) => (quantity.exposure ? "in %" : quantity.unit);
const typed = (fields, name) => (fields.get(name) === "" ? undefined : Number(fields.get(name)));
const number = (label, name, required) => h("label", {}, label, h("input", { type: "number", step: "any", name, required }));

// A form that sends, and says whether that was kept.
function form(thanks, send, ...parts) {
  const said = h("p", { class: "note", role: "status" });
  const onsubmit = async (event) => {
    event.preventDefault();
    const [element, fields] = [event.target, new FormData(event.target)];
    const button = element.querySelector("button");
    button.disabled = true;
    try {
      await send(fields);
      element.reset();
      said.textContent = thanks;
    } catch (error) {
      said.textContent = `This was not kept: ${error.message}.`;
    } finally {
      button.disabled = false;
    }
  };
  return [h("form", { onsubmit }, ...parts, h("button", {}, "Send")), said];
}

export function feedback(base, facts, key) {
  const [quantity] = facts.quantities;
  const write = writer(quantity);
  const before = h("ul", { class: "said" });
  const show = async () => {
    const { newest } = await get(`${base}/feedback`);
    const here = newest.filter((item) => item.key.map(encodeURIComponent).join(",") === key);
    before.replaceChildren(...here.map((item) => h("li", {}, words(item), h("span", { class: "note" }, ` version ${item.version}, ${day(item.received.slice(0, 10))}`))));
  };
  const words = (item) => [item.rating, item.value != null && `it should be ${write(item.value)}`, item.comment].filter(Boolean).join(": ");
  const send = async (fields) => {
    const value = typed(fields, "value");
    await post(`${base}/feedback`, {
      key, version: facts.version, comment: fields.get("comment").trim() || undefined, rating: fields.get("rating") ?? undefined,
      value: value === undefined ? undefined : value / scale(quantity),
    });
    await show();
  };
  show().catch(() => {}); // what others said is an extra
  return h("section", {}, h("h3", {}, "Does this look right?"),
    form("Thank you; it is kept with the product.", send,
      h("fieldset", {}, h("legend", {}, "This prediction is"),
        RATINGS.map((rating) => h("label", {}, h("input", { type: "radio", name: "rating", value: rating }), rating))),
      number(`${facts.quantities.length > 1 ? quantity.name : "It"} should be, ${unit(quantity)}`, "value", false),
      h("label", {}, "In words", h("textarea", { name: "comment", rows: 3, maxlength: 2000 }))), before);
}

export function outcome(base, facts, key) {
  const { quantities } = facts;
  const exposures = [...new Set(quantities.map((quantity) => quantity.exposure).filter(Boolean))];
  const send = (fields) => {
    const shares = quantities.map((quantity) => [quantity.name, typed(fields, quantity.name) / scale(quantity)]);
    const counts = exposures.map((name) => [name, typed(fields, name)]);
    return post(`${base}/actuals`, { version: facts.version, entries: [{ key, value: Object.fromEntries([...shares, ...counts]) }] });
  };
  return h("section", { class: "outcome" }, h("details", {}, h("summary", {}, "It has happened: say what came out"),
    form("Thank you; the next run is scored with it.", send,
      quantities.map((quantity) => number(`${quantity.name}, ${unit(quantity)}`, quantity.name, true)),
      exposures.map((name) => number(`${name}, how many`, name, true)))));
}
