// Pictures as SVG, drawn anew whenever their width changes.

import { h, s } from "./dom.js";

// A figure that `draw(width)` fills; `label` says in words what it shows.
export function chart(label, draw) {
  const place = h("div", { class: "chart", role: "img", "aria-label": label });
  let width = 0;
  const redraw = () => {
    if (place.clientWidth && place.clientWidth !== width) place.replaceChildren(draw((width = place.clientWidth)));
  };
  new ResizeObserver(() => requestAnimationFrame(redraw)).observe(place);
  return place;
}

const canvas = (width, height, ...parts) => s("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" }, ...parts);
const line = (x1, y1, x2, y2, kind) => s("line", { x1, y1, x2, y2, class: kind });
const text = (x, y, kind, words) => s("text", { x, y, class: kind }, words);
const scale = (low, high, from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);

function ticks(low, high, wanted) {
  const raw = (high - low || 1) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= raw);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at++) found.push(at * step);
  return found;
}

// The axis that all pictures of a quantity share: from 0 where that costs little room.
export function extent(values, share) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  [low, high] = [low - room, high + room];
  if (share) return [Math.max(0, low < 0.15 ? 0 : low), Math.min(1, high)];
  return [low > 0 && low < 0.3 * high ? 0 : low, high];
}

const axis = (x, [low, high], top, bottom, width, write) =>
  ticks(low, high, width < 500 ? 4 : 7).map((value) => [
    line(x(value), top, x(value), bottom, "grid"),
    text(x(value), bottom + 17, "muted mid", write(value)),
  ]);

const bar = (x, y, q) => [
  line(x(q.q05), y, x(q.q95), y, "thin"),
  line(x(q.q25), y, x(q.q75), y, "thick"),
  s("circle", { cx: x(q.q50), cy: y, r: 4.5, class: "middle" }),
];

// Quantile dot plot (Kay et al. 2016): equally likely values as stacked dots, over the 50 and 90 % intervals.
export function dots(values, q, bounds, write) {
  return (width) => {
    const x = scale(...bounds, 14, width - 14);
    const most = width < 500 ? 26 : 40;
    const size = (width - 28) / most;
    const stacks = new Map();
    for (const value of values) {
      const bin = Math.round(x(value) / size);
      stacks.set(bin, [...(stacks.get(bin) ?? []), value]);
    }
    const tallest = Math.max(...[...stacks.values()].map((stack) => stack.length));
    const step = Math.min(size, 190 / tallest);
    const ground = tallest * step + 12;
    const circles = [...stacks.values()].flatMap((stack) => {
      const centre = x(stack.reduce((sum, value) => sum + value, 0) / stack.length);
      return stack.map((value, place) =>
        s("circle", {
          cx: centre, cy: ground - (place + 0.5) * step, r: step * 0.44,
          class: value >= q.q05 && value <= q.q95 ? "dot" : "dot outside",
        }));
    });
    return canvas(width, ground + 52, axis(x, bounds, ground - tallest * step, ground + 26, width, write), circles,
      line(x(bounds[0]), ground, x(bounds[1]), ground, "zero"), bar(x, ground + 14, q));
  };
}

// One line per version: what it said, and what happened.
export function timeline(entries, bounds, write) {
  return (width) => {
    const left = width < 500 ? 78 : 150;
    const x = scale(...bounds, left + 12, width - 14);
    const high = 34;
    const bottom = entries.length * high + 6;
    return canvas(width, bottom + 24, axis(x, bounds, 0, bottom, width, write), entries.map((entry, place) => {
      const y = place * high + high / 2 + 3;
      return [
        text(0, entry.q ? y - 2 : y + 4, entry.current ? "bold" : "", entry.title),
        text(0, y + 12, "muted", entry.q ? entry.label : ""),
        entry.q ? s("g", { class: entry.current ? "" : "old" }, bar(x, y, entry.q)) : text(left + 12, y + 4, "muted", entry.label),
        entry.outcome != null && s("path", { class: "outcome", d: `M${x(entry.outcome)} ${y - 8}l7 8l-7 8l-7-8z` }, s("title", {}, write(entry.outcome))),
      ];
    }));
  };
}

// What each effect adds, around zero, with its 90 % interval.
export function contributions(parts, words) {
  return (width) => {
    const [left, right] = width < 500 ? [112, 78] : [150, 120];
    const bounds = extent([0, ...parts.flatMap((part) => [part.q05, part.q95])], false);
    const x = scale(...bounds, left + 8, width - right);
    const high = 30;
    return canvas(width, parts.length * high + 4, line(x(0), 0, x(0), parts.length * high, "zero"), parts.map((part, place) => {
      const y = place * high + high / 2;
      const [from, to] = [Math.min(x(0), x(part.mean)), Math.max(x(0), x(part.mean))];
      return [
        text(left - 6, y + 4, "end", part.name),
        s("rect", { x: from, y: y - 8, width: Math.max(1, to - from), height: 16, rx: 2, class: part.mean < 0 ? "less" : "more" }),
        line(x(part.q05), y, x(part.q95), y, "whisker"),
        text(width, y + 4, "end", words(part.mean)),
      ];
    }));
  };
}

// A share as a bar, with a tick where it should be.
export const shareBar = (share, wanted) =>
  s("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", width: "100%", height: 10, "aria-hidden": "true" },
    s("rect", { class: "track", y: 2, width: 100, height: 6 }), s("rect", { class: "bar", y: 2, width: 100 * share, height: 6 }),
    s("line", { class: "tick", x1: 100 * wanted, x2: 100 * wanted, y1: 0, y2: 10, "vector-effect": "non-scaling-stroke" }));

// An interval as small as a line of a list.
export function spark(low, middle, high, [from, to]) {
  const x = scale(from, to, 0, 100);
  return s("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "track", y: 2, width: 100, height: 4 }),
    s("rect", { class: "bar", x: x(low), y: 3, width: Math.max(0.5, x(high) - x(low)), height: 2 }),
    s("rect", { class: "bar", x: x(middle) - 0.8, y: 0, width: 1.6, height: 8 }));
}
