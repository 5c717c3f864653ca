import numpy as np
import pytest

from posterity.report.product import product_section, top_rows

from .examples import EVIL, KEYS, MINUTES, SHARE, product, product_facts
from .wellformed import read


@pytest.mark.parametrize("rows", [1, 3, 1000])
@pytest.mark.parametrize("quantity", [SHARE, MINUTES])
def test_any_number_of_rows(rows, quantity):
    section = product_section(product_facts(rows, quantity), product(rows, quantity))
    read(section.html)
    assert section.verdict == "ok"
    assert f"{rows:,} rows of predictions, valid 2013-04-01 to 2013-04-30" in section.summary
    assert len(section.html) < 100_000


def test_an_empty_table_is_said_to_be_empty():
    section = product_section(product_facts(0), product(0))
    assert section.verdict == "bad"
    assert "empty" in read(section.html).content


def test_rows_without_prediction_are_counted_and_not_ranked():
    table = product(20)
    table.loc[:4, [name for name in table if name.startswith("share_")]] = np.nan
    section = product_section(product_facts(20), table)
    assert "5 have no prediction" in section.summary
    assert EVIL not in read(section.html).content
    read(product_section(product_facts(20), table.assign(share_mean=np.nan)).html)


def test_the_highest_means_come_first_with_their_intervals():
    table = product(50)
    html = top_rows(table, KEYS, SHARE, 10)
    best = table.nlargest(10, "share_mean")
    shown = read(html).content
    places = [shown.index(f"{100 * mean:.0f} %") for mean in best["share_mean"]]
    assert places[0] == min(places)
    first = best.iloc[0]
    assert f"{100 * first['share_q05']:.0f} % – {100 * first['share_q95']:.0f} %" in shown
    assert html.count('class="bar"') == 10


def test_keys_are_escaped():
    table = product(1)
    assert EVIL in read(top_rows(table, KEYS, SHARE)).content
