"""The section of `register`: what the version was made from, as a graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from posterity.report import markup, plots
from posterity.report.markup import join
from posterity.report.page import Section

WIDTH, HEIGHT, GAP_X, GAP_Y = 168, 46, 18, 34
_COLOURS: Mapping[str, str] = {"version": "c1", "product": "c1", "posterior": "c2", "plan": "c2", "code": "c3"}


@dataclass(frozen=True)
class Node:
    """Something in the ancestry of a version; detail is a short digest, count or date."""

    id: str
    kind: str
    detail: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def lineage_section(
    nodes: Sequence[Node], edges: Sequence[tuple[str, str]], facts: Mapping[str, Any] | None = None
) -> Section:
    """The graph of a version's ancestry; edges are pairs of node ids, from what was used to what was made of it.

    Edges that name an unknown node are left out. facts: digests in full, code, image, command that reproduces it.
    """
    known = {node.id for node in nodes}
    kept = [edge for edge in edges if known.issuperset(edge) and edge[0] != edge[1]]
    lead = markup.paragraph(
        "Read from top to bottom: each box was made of those above that point to it. Every box is kept under its "
        "digest, so the version can be made again."
    )
    details = [markup.fold(f"{node.kind} {node.detail}", markup.facts(node.facts)) for node in nodes if node.facts]
    known_facts = markup.facts(facts or {})
    parts = [lead, _picture(nodes, kept), known_facts, *details] if nodes else [known_facts]
    count = len(nodes) - 1
    summary = f"Made of {count} recorded parts, from the snapshot on." if count > 0 else "Nothing is recorded yet."
    return Section("lineage", "Lineage", join(parts), "" if nodes else "warn", summary)


def layers(ids: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """The ids in rows, each as far down as its longest chain of ancestors is long (cycles are cut)."""
    depth = dict.fromkeys(ids, 0)
    for _ in ids:
        for above, below in edges:
            depth[below] = max(depth[below], min(depth[above] + 1, len(ids) - 1))
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in ids:
        rows[depth[name]].append(name)
    return [row for row in rows if row]


def _picture(nodes: Sequence[Node], edges: Sequence[tuple[str, str]]) -> Markup:
    rows = layers([node.id for node in nodes], edges)
    by_id = {node.id: node for node in nodes}
    width = max(map(len, rows)) * (WIDTH + GAP_X) + GAP_X
    height = len(rows) * (HEIGHT + GAP_Y) - GAP_Y + 4
    at = {
        name: ((width - len(row) * (WIDTH + GAP_X) + GAP_X) / 2 + i * (WIDTH + GAP_X), 2 + j * (HEIGHT + GAP_Y))
        for j, row in enumerate(rows)
        for i, name in enumerate(row)
    }
    lines = join(_edge(at[above], at[below]) for above, below in edges)
    boxes = join(_box(by_id[name], *place) for name, place in at.items())
    return Markup(
        '<div class="scroll" tabindex="0"><svg class="graph" role="img" aria-label="Lineage graph" viewBox="0 0 {} {}" '
        'style="width:{}px">{}{}</svg></div>'
    ).format(width, height, width, lines, boxes)


def _edge(above: tuple[float, float], below: tuple[float, float]) -> Markup:
    x0, y0 = above[0] + WIDTH / 2, above[1] + HEIGHT
    x1, y1 = below[0] + WIDTH / 2, below[1] - 5
    middle = (y0 + y1) / 2
    path = f"M {x0:.0f} {y0:.0f} C {x0:.0f} {middle:.0f}, {x1:.0f} {middle:.0f}, {x1:.0f} {y1:.0f}"
    head = f"M {x1 - 4:.0f} {y1:.0f} h 8 l -4 5 z"
    return Markup('<path class="edge" d="{}"/><path class="head" d="{}"/>').format(path, head)


def _box(node: Node, x: float, y: float) -> Markup:
    colour = _COLOURS.get(node.kind, "c0")
    return Markup(
        '<g><title>{} {}</title><rect x="{}" y="{}" width="{}" height="{}" rx="7" style="stroke:var(--{})"/>'
        '<text class="kind" x="{}" y="{}">{}</text><text class="detail" x="{}" y="{}">{}</text></g>'
    ).format(
        node.kind, node.detail, x, y, WIDTH, HEIGHT, colour,
        x + 12, y + 19, plots.shorten([node.kind], 22)[0],
        x + 12, y + 36, plots.shorten([node.detail], 23)[0],
    )  # fmt: skip
