// A place to say what one thinks of a prediction.

import { get, post } from "./api.js";
import { day, h } from "./dom.js";

const RATINGS = ["plausible", "too low", "too high", "useless"];

export function feedback(base, facts, key) {
  const said = h("p", { class: "note", role: "status" });
  const before = h("ul", { class: "said" });
  const send = async (event) => {
    event.preventDefault();
    const [form, fields] = [event.target, new FormData(event.target)];
    const body = { key, version: facts.version, comment: fields.get("comment").trim() || undefined, rating: fields.get("rating") ?? undefined };
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await post(`${base}/feedback`, body);
      form.reset();
      said.textContent = "Thank you; it is kept with the product.";
      await show();
    } catch (error) {
      said.textContent = `This was not kept: ${error.message}.`;
    } finally {
      button.disabled = false;
    }
  };
  const show = async () => {
    const { newest } = await get(`${base}/feedback`);
    const here = newest.filter((item) => item.key.map(encodeURIComponent).join(",") === key);
    before.replaceChildren(...here.map((item) => h("li", {}, [item.rating, item.comment].filter(Boolean).join(": "),
      h("span", { class: "note" }, ` version ${item.version}, ${day(item.received.slice(0, 10))}`))));
  };
  show().catch(() => {}); // what others said is an extra
  return h("section", {}, h("h3", {}, "Does this look right?"),
    h("form", { onsubmit: send },
      h("fieldset", {}, h("legend", {}, "This prediction is"),
        RATINGS.map((rating) => h("label", {}, h("input", { type: "radio", name: "rating", value: rating }), rating))),
      h("label", {}, "In words", h("textarea", { name: "comment", rows: 3, maxlength: 2000 })),
      h("button", {}, "Send")), said, before);
}
