from posterity.report.lineage import Node, lineage_section
from posterity.report.lineage_graph import arrange, depths

from .examples import EDGES, EVIL, NODES
from .wellformed import read

NAMES = [node.id for node in NODES]
KNOWN = [edge for edge in EDGES if set(edge) <= set(NAMES) and edge[0] != edge[1]]


def test_every_part_is_below_what_it_was_made_of():
    depth = depths(NAMES, KNOWN)
    assert all(depth[above] < depth[below] for above, below in KNOWN)
    assert sorted(depth) == sorted(NAMES)


def test_an_edge_over_several_rows_has_a_lane_in_each():
    layout = arrange(NAMES, KNOWN)
    place = {cell: row for row, cells in enumerate(layout.rows) for cell in cells}
    for edge, route in layout.routes.items():
        assert (route[0], route[-1]) == edge
        assert [place[cell] for cell in route] == list(range(place[edge[0]], place[edge[1]] + 1))
    assert len(layout.routes["c", "p"]) == 3


def test_edges_that_need_not_cross_do_not():
    layout = arrange(["a", "b", "y", "x"], [("a", "x"), ("b", "y")])
    assert layout.rows == [["a", "b"], ["x", "y"]]


def test_a_cycle_does_not_hang():
    assert set(depths(["a", "b"], [("a", "b"), ("b", "a")])) == {"a", "b"}
    read(lineage_section([Node("a", "a"), Node("b", "b")], [("a", "b"), ("b", "a")]).html)


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
