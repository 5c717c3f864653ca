"""The section of `register`: what the version was made from, as a graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from posterity.report import markup
from posterity.report.lineage_graph import graph
from posterity.report.markup import join
from posterity.report.page import Section


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
    rows = [(node.kind, name, markup.code(str(value))) for node in nodes for name, value in node.facts.items()]
    table = markup.table(["part", "", ""], rows, text=(0, 1, 2), fold_after=None)
    details = markup.fold("Where every part lies", table) if rows else ""
    known_facts = markup.facts(facts or {})
    parts = [lead, graph(nodes, kept), known_facts, details] if nodes else [known_facts]
    count = len(nodes) - 1
    summary = f"Made of {count} recorded parts, from the snapshot on." if count > 0 else "Nothing is recorded yet."
    return Section("lineage", "Lineage", join(parts), "" if nodes else "warn", summary)
