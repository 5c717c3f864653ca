import numpy as np
import pytest

from posterity.report.drift import drift_section
from posterity.stats.drift import Summary, climb, no_baseline
from posterity.stats.inputs import compare_columns

from .examples import EVIL
from .wellformed import read


def summary(count=12, shift=0.0, sd=0.1):
    names = tuple([EVIL, *(f"carrier {i}" for i in range(1, count))][:count])
    mean = np.linspace(-1, 1, count)
    mean[0] += shift
    many = (0.001,) * count
    return Summary(("carrier",) * count, names, ("logit",) * count, tuple(mean), (sd,) * count, many, (0.05,) * count)


def inputs(shift=0.0):
    rng = np.random.default_rng(0)
    before = {"delay": rng.normal(size=2000), "carrier": rng.choice(["UA", "9E"], 2000)}
    now = {"delay": rng.normal(size=2000) + shift, "carrier": np.append(before["carrier"][1:], EVIL)}
    return compare_columns(before, now)


def test_without_a_baseline_it_says_how_to_verify_one():
    section = drift_section(
        no_baseline("Nothing to compare with."), how_to_verify="posterity baseline verify flights/1"
    )
    content = read(section.html).content
    assert section.verdict == "warn"
    assert "no verified baseline" in section.summary
    assert "posterity baseline verify flights/1" in content
    assert "Nothing to compare with." in read(drift_section(no_baseline("Nothing to compare with.")).html).content


@pytest.mark.parametrize("count", [1, 12, 1000])
def test_a_quantity_that_moved_is_shown_first(count):
    report = climb(summary(count), summary(count, shift=0.8, sd=0.09), "nested")
    baseline = {"version": "flights/1", "verified by": "ana"}
    section = drift_section(report, baseline=baseline, inputs=inputs(), inspect=[f"Look at {EVIL}"])
    content = read(section.html).content
    assert section.verdict == "bad"
    assert f"1 of {count:,} compared quantities moved" in section.summary
    for text in (EVIL, "Look at these assumptions", "verified by ana", f"All {count:,} compared quantities"):
        assert text in content
    assert len(section.html) < 300_000


def test_nothing_moved():
    report = climb(summary(), summary(sd=0.09), "nested")
    assert drift_section(report).verdict == "ok"
    drifted = drift_section(report, inputs=inputs(shift=1.0))
    assert drifted.verdict == "warn"
    assert "Input columns that changed: delay" in drifted.summary


def test_remarks_without_a_moved_quantity_are_worth_a_look():
    section = drift_section(climb(summary(), summary(sd=0.09), "nested", ["the intervals held 70 % instead of 90 %"]))
    assert section.verdict == "warn"
    assert "held 70 % instead of 90 %" in read(section.html).content


def test_a_quantity_without_spread_or_materiality():
    still = Summary(("scale",), ("",), ("",), (1.0,), (0.0,), (float("nan"),), (None,))
    moved = Summary(("scale",), ("",), ("",), (2.0,), (0.0,), (float("nan"),), (None,))
    read(drift_section(climb(still, still, "nested")).html)
    read(drift_section(climb(still, moved, "rolling")).html)


def test_input_columns_that_are_empty_or_gained_categories():
    columns = compare_columns(
        {"a": np.full(5, np.nan), "b": np.array(["x"] * 5)}, {"a": np.ones(5), "b": np.array(["y"] * 5)}
    )
    content = read(drift_section(no_baseline("x"), inputs=columns).html).content
    assert "new: y; gone: x" in content
    assert "100.0 %" in content
