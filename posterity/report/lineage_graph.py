"""A small layered drawing of a directed graph as SVG, after Sugiyama, Tagawa and Toda (1981).

Each box lies one row below the lowest of its ancestors; an edge over several rows has a narrow lane of its own in each
row that it passes, so that no line runs behind a box.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup

from posterity.report import plots
from posterity.report.markup import join

if TYPE_CHECKING:
    from posterity.report.lineage import Node

WIDTH, HEIGHT, LANE, GAP_X, GAP_Y = 150, 46, 8, 14, 36
SWEEPS = 4
_COLOURS: Mapping[str, str] = {"version": "c1", "product": "c1", "posterior": "c2", "plan": "c2", "code": "c3"}

Edge = tuple[str, str]


@dataclass
class Layout:
    """Rows of cells (boxes and lanes), and the cells that each edge runs through, from top to bottom."""

    rows: list[list[str]]
    routes: dict[Edge, list[str]]


def depths(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The row of each name: one below the lowest of its ancestors (in a cycle, no lower than there are names)."""
    depth = dict.fromkeys(names, 0)
    for _ in names:
        for above, below in edges:
            depth[below] = max(depth[below], min(depth[above] + 1, len(names) - 1))
    return depth


def arrange(names: Sequence[str], edges: Sequence[Edge]) -> Layout:
    """Put boxes and lanes into rows, in an order with few crossings."""
    depth = depths(names, edges)
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        rows[depth[name]].append(name)
    routes: dict[Edge, list[str]] = {}
    for above, below in edges:
        lanes = {row: f"{above}\x00{below}\x00{row}" for row in range(depth[above] + 1, depth[below])}
        for row, lane in lanes.items():
            rows[row].append(lane)
        routes[above, below] = [above, *lanes.values(), below]
    _untangle(rows, list(routes.values()))
    return Layout(rows, routes)


def _untangle(rows: list[list[str]], routes: Sequence[Sequence[str]]) -> None:
    """Sort each row by the mean place of its neighbours in the row above, then below, a few times."""
    links = [pair for route in routes for pair in pairwise(route)]
    above = {cell: [a for a, b in links if b == cell] for row in rows for cell in row}
    below = {cell: [b for a, b in links if a == cell] for row in rows for cell in row}
    for sweep in range(SWEEPS):
        neighbours = below if sweep % 2 else above
        for row in reversed(rows) if sweep % 2 else rows:
            place = {cell: (i + 0.5) / len(line) for line in rows for i, cell in enumerate(line)}
            centres = {
                cell: sum(place[other] for other in neighbours[cell]) / len(neighbours[cell])
                if neighbours[cell]
                else place[cell]
                for cell in row
            }
            row.sort(key=centres.__getitem__)


def graph(nodes: Sequence["Node"], edges: Sequence[Edge]) -> Markup:
    """The drawing; the ids of edges must be ids of nodes."""
    by_id = {node.id: node for node in nodes}
    layout = arrange(list(by_id), list(dict.fromkeys(edges)))
    widths = {cell: WIDTH if cell in by_id else LANE for row in layout.rows for cell in row}
    spans = [sum(widths[cell] + GAP_X for cell in row) - GAP_X for row in layout.rows]
    width, height = max(spans) + 4, len(layout.rows) * (HEIGHT + GAP_Y) - GAP_Y + 4
    at: dict[str, tuple[float, float]] = {}
    for j, (row, span) in enumerate(zip(layout.rows, spans, strict=True)):
        left = (width - span) / 2
        for cell in row:
            at[cell] = (left + widths[cell] / 2, 2 + j * (HEIGHT + GAP_Y))
            left += widths[cell] + GAP_X
    lines = join(_line([at[cell] for cell in route]) for route in layout.routes.values())
    boxes = join(_box(node, *at[name]) for name, node in by_id.items())
    return Markup(
        '<div class="scroll" tabindex="0"><svg class="graph" role="img" aria-label="Lineage graph" '
        'viewBox="0 0 {0} {1}" style="width:{0}px;min-width:{2:.0f}px">{3}{4}</svg></div>'
    ).format(width, height, 0.8 * width, lines, boxes)


def _line(points: Sequence[tuple[float, float]]) -> Markup:
    """From the foot of the first cell through the lanes to the head of the last one."""
    (x, y), *others = points
    path, y = f"M {x:.0f} {y + HEIGHT:.0f}", y + HEIGHT
    for i, (next_x, next_y) in enumerate(others):
        last = i == len(others) - 1
        end, middle = next_y - (5 if last else 0), (y + next_y) / 2
        path += f" C {x:.0f} {middle:.0f} {next_x:.0f} {middle:.0f} {next_x:.0f} {end:.0f}"
        x, y = next_x, next_y + HEIGHT
        path += "" if last else f" V {y:.0f}"
    tip = f"M {x - 4:.0f} {others[-1][1] - 5:.0f} h 8 l -4 5 z"
    return Markup('<path class="edge" d="{}"/><path class="head" d="{}"/>').format(path, tip)


def _box(node: "Node", x: float, y: float) -> Markup:
    left = x - WIDTH / 2
    return Markup(
        '<g><title>{} {}</title><rect x="{:.1f}" y="{:.1f}" width="{}" height="{}" rx="7" style="stroke:var(--{})"/>'
        '<text class="kind" x="{:.1f}" y="{:.1f}">{}</text><text class="detail" x="{:.1f}" y="{:.1f}">{}</text></g>'
    ).format(
        node.kind, node.detail, left, y, WIDTH, HEIGHT, _COLOURS.get(node.kind, "c0"),
        left + 11, y + 19, plots.shorten([node.kind], 20)[0],
        left + 11, y + 36, plots.shorten([node.detail], 21)[0],
    )  # fmt: skip
