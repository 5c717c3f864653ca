"""The pieces of HTML that every section is made of. All text is escaped; only `Markup` goes in as it is."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from markupsafe import Markup, escape

Verdict = Literal["ok", "warn", "bad", ""]

SIGNS: Mapping[str, str] = {"ok": "✓", "warn": "!", "bad": "✕", "": "·"}
FOLD_ROWS = 12
MOST_ROWS = 200


def trusted(html: str) -> Markup:
    """HTML that was escaped where it was made (by matplotlib, by a section's builder) or is a file of this package."""
    return Markup(html)  # noqa: S704


def join(parts: Iterable[Any]) -> Markup:
    """The parts one after the other, each escaped unless it is `Markup`."""
    return Markup("").join(parts)


def number(value: Any, digits: int = 3) -> str:
    """A figure for people: `digits` significant digits, thousands separated, an en dash where there is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–" if value is None or math.isnan(value) else ("∞" if value > 0 else "−∞")
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}".replace("-", "−")
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size >= 15:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return f"{value:,.{max(digits - 1 - size, 0)}f}".replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage, an en dash where it is unknown."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f} %".replace("-", "−")


def seconds(value: float) -> str:
    """A duration: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    return f"{minutes} min {whole % 60:02d} s" if whole < 7200 else f"{minutes // 60} h {minutes % 60:02d} min"


def pill(verdict: Verdict, text: str) -> Markup:
    """A word on a coloured ground, with a sign so that colour is not all that tells."""
    return Markup('<span class="pill {}"><i aria-hidden="true">{}</i>{}</span>').format(
        verdict or "none", SIGNS[verdict], text
    )


def paragraph(*parts: Any, kind: str = "") -> Markup:
    """A paragraph; `kind` is a class such as `lead` or `note`."""
    return Markup("<p{}>{}</p>").format(Markup(' class="{}"').format(kind) if kind else "", join(parts))


def heading(text: str) -> Markup:
    """The head of a part of a section."""
    return Markup("<h3>{}</h3>").format(text)


def callout(verdict: Verdict, *parts: Any) -> Markup:
    """A sentence that must not be missed."""
    return Markup('<p class="callout {}">{}</p>').format(verdict or "none", join(parts))


def items(parts: Iterable[Any], ordered: bool = False) -> Markup:
    """A list; nothing where it would be empty."""
    inner = join(Markup("<li>{}</li>").format(part) for part in parts)
    name = "ol" if ordered else "ul"
    return Markup("<{0}>{1}</{0}>").format(name, inner) if inner else Markup("")


def code(text: str) -> Markup:
    """A command or a name."""
    return Markup("<code>{}</code>").format(text)


def facts(pairs: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> Markup:
    """Name and value pairs as a grid; what is empty is a dash."""
    rows = pairs.items() if isinstance(pairs, Mapping) else pairs
    shown = [(name, "–" if isinstance(value, str | Mapping) and not value else value) for name, value in rows]
    inner = join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value) for name, value in shown)
    return Markup('<dl class="facts">{}</dl>').format(inner) if inner else Markup("")


def fold(summary: Any, *content: Any, open_: bool = False) -> Markup:
    """Content behind a line that opens it."""
    return Markup("<details{}><summary>{}</summary>{}</details>").format(
        Markup(" open") if open_ else "", summary, join(content)
    )


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    text: Iterable[int] = (0,),
    caption: str = "",
    kinds: Sequence[str] = (),
    fold_after: int | None = FOLD_ROWS,
    style: str = "",
) -> Markup:
    """A table whose columns are numbers, except those with an index in `text`.

    kinds: a class per row (`ok`, `warn`, `bad`). Rows after the first `fold_after` are folded away (None: never);
    of more than 200 rows the first 200 are shown and the rest is counted. style: a class of the whole table.
    """
    if not rows:
        return Markup("")
    shown, left = rows[:MOST_ROWS], len(rows) - MOST_ROWS
    tagged = [(row, kinds[i] if i < len(kinds) else "") for i, row in enumerate(shown)]
    wide = frozenset(text)
    note = paragraph(f"{left:,} further rows are left out here.", kind="note") if left > 0 else Markup("")
    if fold_after is None or len(tagged) <= fold_after:
        return _table(columns, tagged, wide, caption, style) + note
    rest = _table(columns, tagged[fold_after:], wide, caption and f"{caption}, continued", style)
    first = _table(columns, tagged[:fold_after], wide, caption, style)
    return first + fold(f"{len(rows) - fold_after:,} more rows", rest, note)


def _table(
    columns: Sequence[str], rows: Sequence[tuple[Sequence[Any], str]], text: frozenset[int], caption: str, style: str
) -> Markup:
    aligned = ["" if i in text else Markup(' class="n"') for i in range(len(columns))]
    head = join(Markup('<th scope="col"{}>{}</th>').format(a, name) for a, name in zip(aligned, columns, strict=True))
    body = join(_row(row, kind, aligned) for row, kind in rows)
    title = Markup("<caption>{}</caption>").format(caption) if caption else ""
    kind = Markup(' class="{}"').format(style) if style else ""
    inner = Markup("<table{}>{}<thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(kind, title, head, body)
    return Markup('<div class="scroll" tabindex="0">{}</div>').format(inner)


def _row(row: Sequence[Any], kind: str, aligned: Sequence[str]) -> Markup:
    cells = join(Markup("<td{}>{}</td>").format(a, _cell(value)) for a, value in zip(aligned, row, strict=True))
    return Markup("<tr{}>{}</tr>").format(Markup(' class="{}"').format(kind) if kind else "", cells)


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return number(value)
    return escape(value)


def figure(title: str, svg: Markup, caption: Any) -> Markup:
    """A picture with a title and the sentence that says what it shows and what to worry about."""
    below = Markup("<figcaption>{}</figcaption>").format(caption) if caption else ""
    return Markup('<figure><h4>{}</h4><div class="plot">{}</div>{}</figure>').format(title, svg, below)


def figures(parts: Iterable[Markup], wide: bool = False) -> Markup:
    """Pictures side by side, as many as fit; `wide` ones one below the other, scrolled on a narrow screen."""
    inner = join(parts)
    return Markup('<div class="figures{}">{}</div>').format(" wide" if wide else "", inner) if inner else Markup("")


def interval(low: float, q25: float, middle: float, q75: float, high: float, top: float, label: str) -> Markup:
    """A horizontal bar on the scale 0…`top`: the 90 % interval thin, the 50 % interval thick, the middle a tick."""
    if not all(math.isfinite(value) for value in (low, q25, middle, q75, high, top)) or top <= 0:
        return Markup('<span class="bar"></span>')

    def at(value: float) -> str:
        return f"{100 * min(max(value / top, 0.0), 1.0):.1f}%"

    def span(kind: str, start: float, end: float) -> Markup:
        return Markup('<b class="{}" style="left:{};width:{}"></b>').format(kind, at(start), at(end - start))

    tick = Markup('<b class="m" style="left:{}"></b>').format(at(middle))
    return Markup('<span class="bar" role="img" aria-label="{}">{}{}{}</span>').format(
        label, span("o", low, high), span("i", q25, q75), tick
    )
