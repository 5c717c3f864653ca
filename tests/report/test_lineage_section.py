from posterity.report.lineage import Node, layers, lineage_section

from .examples import EDGES, EVIL, NODES
from .wellformed import read


def test_every_part_is_below_what_it_was_made_of():
    names = [node.id for node in NODES]
    known = [edge for edge in EDGES if set(edge) <= set(names) and edge[0] != edge[1]]
    rows = layers(names, known)
    depth = {name: i for i, row in enumerate(rows) for name in row}
    assert all(depth[above] < depth[below] for above, below in known)
    assert sorted(depth) == sorted(names)


def test_a_cycle_does_not_hang():
    assert sorted(name for row in layers(["a", "b"], [("a", "b"), ("b", "a")]) for name in row) == ["a", "b"]


def test_the_graph_draws_known_edges_and_escapes():
    section = lineage_section(NODES, EDGES, {"reproduce": "posterity reproduce flights/2"})
    reader = read(section.html)
    assert section.html.count('class="edge"') == 5
    assert EVIL in reader.content
    assert "posterity reproduce flights/2" in reader.content


def test_nothing_and_one_thing():
    assert lineage_section([], []).verdict == "warn"
    read(lineage_section([], []).html)
    read(lineage_section([Node("v", "version")], []).html)
