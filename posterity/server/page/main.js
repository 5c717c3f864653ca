// The page: which product, which row, and what the address says of it (#/flights/EV,EWR,DSM).

import { get, keepToken } from "./api.js";
import { spark } from "./charts.js";
import { count, h, keyOf, keyPath, writer } from "./dom.js";
import { feedback, outcome } from "./feedback.js";
import { about, lineage } from "./product.js";
import { card } from "./row.js";

const at = (id) => document.getElementById(id);
const address = (...parts) => `#/${parts.filter(Boolean).join("/")}`;
const state = { model: "", facts: null, found: [], active: -1, shown: "", asked: 0 };
const base = () => `/v1/products/${encodeURIComponent(state.model)}`;

function notice(kind, ...words) {
  at("notice").replaceChildren(words.length ? h("div", { class: `banner ${kind}` }, ...words) : "");
}

// Whatever goes wrong is said in the server's words; a token is asked for where one is needed.
function failed(error) {
  if (error.status !== 401) return notice(error.status === 410 ? "warn" : "bad", h("span", {}, error.message));
  const input = h("input", { type: "password", id: "token", autocomplete: "off", required: true });
  const enter = (event) => (event.preventDefault(), keepToken(input.value.trim()), start());
  notice("none", h("form", { onsubmit: enter }, h("label", { for: "token" }, "This server asks for a token"), input, h("button", {}, "Go on")));
  return undefined;
}

const guarded = (work) => async (...given) => {
  try {
    return await work(...given);
  } catch (error) {
    return failed(error);
  }
};

const EMPTY = [
  h("h1", {}, "No product yet"),
  h("p", {}, "This server has nothing to show. Make a product, then let production point at its version:"),
  h("p", {}, h("code", {}, "posterity run flights --as-of 2013-03-31")),
  h("p", {}, h("code", {}, "posterity promote flights/1")),
  h("p", { class: "note" }, "The page shows it some seconds later. ", h("a", { href: "/v2/health/ready" }, "Readiness"), " says what the server looks for and what keeps it."),
];

const standing = (current) => (current.withdrawn ? " (withdrawn)" : current.expired ? " (expired)" : "");

const start = guarded(async () => {
  notice("");
  const { products } = await get("/v1/products");
  const there = products.filter((item) => item.current);
  if (!there.length) return at("about").replaceChildren(...EMPTY);
  at("product").replaceChildren(...there.map((item) => h("option", { value: item.model }, item.model + standing(item.current))));
  document.querySelector(".chooser").hidden = there.length < 2;
  return route();
});

const route = guarded(async () => {
  const [, model, key] = location.hash.split("/").map(decodeURIComponent);
  const options = [...at("product").options].map((option) => option.value);
  if (!options.length) return;
  const wanted = options.includes(model) ? model : options[0];
  if (wanted !== state.model) await open(wanted);
  const raw = location.hash.split("/")[2];
  if (key && raw !== state.shown) await show(raw);
});

async function open(model) {
  Object.assign(state, { model, shown: "", found: [], active: -1 });
  notice("");
  at("product").value = model;
  const [facts, [scores]] = await Promise.all([get(base()), extras({ coverage: {}, versions: [] }, `${base()}/scores`)]);
  state.facts = facts;
  document.title = `${model} · Posterity`;
  at("about").replaceChildren(...about(facts, scores).filter(Boolean));
  at("row").replaceChildren();
  at("body").hidden = true;
  if (facts.withdrawn) return;
  at("search-label").textContent = `Search ${facts.keys.join(", ")}`;
  at("search").value = "";
  await search();
  at("body").hidden = false;
  const [example] = state.found;
  at("search").placeholder = example ? `for example ${keyOf(example, facts.keys).slice(0, 2).join(" ").toLowerCase()}` : "";
  if (state.found.length && !location.hash.split("/")[2]) await show(keyPath(keyOf(state.found[0], facts.keys)));
}

// Answers without which the page still says something, and why the last of the missing ones is: a store may be away.
async function extras(none, ...paths) {
  const asked = await Promise.allSettled(paths.map((path) => get(path)));
  const refused = asked.filter((item) => item.reason).map((item) => item.reason.message);
  return [...asked.map((item) => item.value ?? none), refused.pop() ?? ""];
}

async function search() {
  const asked = ++state.asked;
  const said = await get(`${base()}/search?limit=50&q=${encodeURIComponent(at("search").value)}`);
  if (asked !== state.asked) return; // a later one is on its way
  state.found = said.predictions;
  state.active = -1;
  const more = said.rows > said.predictions.length ? `, the ${said.predictions.length} largest shown` : "";
  at("count").textContent = said.rows ? `${count(said.rows)} found${more}` : "Nothing found; try fewer letters.";
  list();
}

function list() {
  const [quantity] = state.facts.quantities;
  const write = writer(quantity);
  const value = (row, statistic) => row[`${quantity.name}_${statistic}`] ?? 0;
  const bounds = [Math.min(0, ...state.found.map((row) => value(row, "q05"))), Math.max(...state.found.map((row) => value(row, "q95")))];
  at("found").replaceChildren(...state.found.map((row, place) => {
    const key = keyOf(row, state.facts.keys);
    return h("li", { role: "option", id: `found-${place}`, class: place === state.active ? "active" : null, "aria-selected": String(keyPath(key) === state.shown), onclick: () => choose(place) },
      h("span", { class: "key" }, key.join(" · ")), h("span", { class: "value" }, write(row[`${quantity.name}_mean`])),
      spark(value(row, "q05"), value(row, "q50"), value(row, "q95"), bounds));
  }));
}

function move(place) {
  state.active = Math.max(0, Math.min(place, state.found.length - 1));
  [...at("found").children].forEach((item, index) => item.classList.toggle("active", index === state.active));
  at("search").setAttribute("aria-activedescendant", `found-${state.active}`);
  at("found").children[state.active]?.scrollIntoView({ block: "nearest" });
}

function choose(place) {
  const row = state.found[place];
  if (!row) return;
  location.hash = address(encodeURIComponent(state.model), keyPath(keyOf(row, state.facts.keys)));
  at("row").focus({ preventScroll: matchMedia("(min-width: 52rem)").matches });
}

async function show(key) {
  state.shown = key;
  const path = `${base()}/predictions/${key}`;
  const paths = ["/distribution", "/contributions", "/history"].map((what) => path + what);
  const none = { distributions: [], contributions: [], versions: [] };
  const [one, [spread, why, past, missing]] = await Promise.all([get(path), extras(none, ...paths)]);
  if (state.shown !== key) return;
  notice("warn", ...(missing ? [h("span", {}, `Some of this is missing: ${missing}`)] : []));
  const told = { row: one.prediction, distributions: spread.distributions, contributions: why.contributions, history: past.versions };
  at("row").replaceChildren(...[card(state.facts, told), feedback(base(), state.facts, key), outcome(base(), state.facts, key), lineage(state.facts)].flat(3).filter(Boolean));
  list();
}

let waiting;
at("search").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(guarded(search), 120);
});
at("search").addEventListener("keydown", (event) => {
  const moves = { ArrowDown: state.active + 1, ArrowUp: state.active - 1, PageDown: state.active + 10, PageUp: state.active - 10 };
  if (event.key in moves) move(moves[event.key]);
  else if (event.key === "Enter") choose(Math.max(0, state.active));
  else return;
  event.preventDefault();
});
at("product").addEventListener("change", () => (location.hash = address(encodeURIComponent(at("product").value))));
addEventListener("hashchange", route);
start();
