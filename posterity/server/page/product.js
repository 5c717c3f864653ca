// What is said of a product as a whole: how long it holds, and how far it can be trusted.

import { shareBar } from "./charts.js";
import { count, day, h, period, pill } from "./dom.js";

const GATE = { pass: "ok", extend: "warn", fail: "bad" };
const DRIFT = { stable: "ok", warn: "warn", drift: "bad", "no-baseline": "none" };
const CHAIN = ["source", "snapshot", "clean", "features", "plan", "posterior", "product", "version"];
const first = (text) => text.split(/\n\s*\n/)[0];
const figure = (value) => new Intl.NumberFormat("en", { maximumSignificantDigits: 4 }).format(value);

export function about(facts, scores) {
  return [
    h("h1", {}, facts.model),
    h("p", { class: "lead" }, first(facts.description)),
    banner(facts),
    h("ul", { class: "cards" }, validity(facts), gate(facts.gate), drift(facts.drift), coverage(scores)),
  ];
}

function banner(facts) {
  if (facts.withdrawn) {
    const { who, when, why } = facts.withdrawn;
    return h("p", { class: "banner bad", role: "alert" }, h("span", {},
      h("b", {}, `Version ${facts.version} was withdrawn`), ` by ${who} on ${day(when.slice(0, 10))}: ${why}. Do not use these predictions.`));
  }
  if (!facts.expired) return null;
  return h("p", { class: "banner warn" }, h("span", {},
    h("b", {}, "Expired."), ` These predictions were made for the time up to ${day(facts.valid_until)}, which is over.`));
}

const card = (title, state, strong, ...rest) => h("li", {}, h("h2", {}, title, state), strong && h("strong", {}, strong), rest);

function validity(facts) {
  const state = facts.withdrawn ? pill("bad", "withdrawn") : facts.expired ? pill("warn", "expired") : pill("ok", "in force");
  const made = `version ${facts.version}, from data up to ${day(facts.as_of)}, ${count(facts.rows ?? 0)} rows`;
  return card("Valid for", state, period(facts.valid_from, facts.valid_until), h("p", {}, made));
}

function gate({ verdict, rhat_max: rhat, ess_min: ess, divergences }) {
  const known = [["R-hat up to", rhat], ["at least", ess], ["divergences:", divergences]].filter(([, value]) => value != null);
  const words = known.map(([name, value]) => (name === "at least" ? `at least ${count(Math.round(value))} effective draws` : `${name} ${figure(value)}`));
  return card("Sampling", pill(GATE[verdict] ?? "none", verdict || "unknown"), verdict === "pass" ? "converged" : "not converged", h("p", {}, words.join(", ")));
}

function drift(found) {
  const strong = { stable: "as the verified baseline", warn: "some change", drift: "has changed", "no-baseline": "nothing to compare with" };
  const summary = [found.summary ?? []].flat().map((item) => (typeof item === "string" ? item : item.text)).filter(Boolean)[0];
  const largest = [...(found.findings ?? [])].filter((item) => item.z != null).sort((a, b) => Math.abs(b.z) - Math.abs(a.z))[0];
  const most = largest && `largest change: ${largest.group} ${largest.label}, z ${figure(largest.z)}`;
  const none = found.verdict === "no-baseline" && "nobody has verified a version as baseline yet";
  return card("Drift", pill(DRIFT[found.verdict] ?? "none", found.verdict || "unknown"), strong[found.verdict], h("p", {}, none || most || summary || ""));
}

function coverage({ coverage: pooled, versions }) {
  const name = Object.keys(pooled)[0]?.replace(/_\d+$/, "");
  if (!name) return card("Coverage so far", null, "not known yet", h("p", {}, "no period that was predicted is over, or nothing was heard of it"));
  const rows = pooled[`${name}_50`] ?? pooled[`${name}_90`];
  const bars = [50, 90].filter((level) => pooled[`${name}_${level}`]).map((level) => {
    const { share } = pooled[`${name}_${level}`];
    return [h("span", {}, `${level}\u00a0%`), shareBar(share, level / 100), h("b", {}, `${Math.round(100 * share)}\u00a0%`)];
  });
  const times = versions.length === 1 ? "one version" : `${versions.length} versions`;
  return card("Coverage so far", null, null, h("div", { class: "held" }, bars), h("p", {}, `of ${count(rows.rows)} outcomes, predicted by ${times}, lay within these intervals`));
}

export function lineage(facts) {
  const { nodes } = facts.lineage;
  const chain = CHAIN.flatMap((kind) => nodes.filter((node) => node.kind === kind));
  const beside = nodes.filter((node) => !CHAIN.includes(node.kind));
  const box = (node) => h("li", {}, node.kind, h("span", {}, node.detail));
  const whole = [...chain, ...beside].map((node) => [h("dt", {}, node.kind), h("dd", {}, Object.values(node.facts).map((text) => h("div", {}, text)))]);
  const settings = Object.entries(facts.parameters).map(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]);
  return h("section", {},
    h("h3", {}, "Where it comes from"),
    h("p", { class: "note" }, "Each part is kept under the digest of its bytes; ", h("code", {}, `posterity reproduce ${facts.model}/${facts.version}`), " makes them all again."),
    h("ol", { class: "line" }, chain.map(box)),
    h("ul", { class: "line", "aria-label": "Beside it" }, beside.map(box)),
    h("details", {}, h("summary", {}, "Full digests and settings"),
      h("dl", {}, whole, h("dt", {}, "run"), h("dd", {}, facts.run), facts.image && [h("dt", {}, "image"), h("dd", {}, facts.image)], settings)));
}
