import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from posterity.stats.inputs import compare_columns


def one(before, now):
    (found,) = compare_columns({"x": np.asarray(before)}, {"x": np.asarray(now)})
    return found


def rng(seed=0):
    return np.random.default_rng(seed)


def test_columns_that_did_not_change_are_quiet():
    """Six columns of 300,000 rows, half of them with a shift too small to matter but found by any test."""
    before = {f"n{i}": rng(i).standard_normal(300_000) for i in range(6)}
    now = {name: rng(i + 50).standard_normal(300_000) + 0.06 * (i % 2) for i, name in enumerate(before)}
    found = compare_columns(before, now)
    assert sum(item.p_adjusted < 0.05 for item in found) >= 3
    assert not any(item.drifted for item in found)


def test_false_alarms_without_any_change():
    runs = [
        compare_columns(
            {f"n{i}": rng(100 * seed + i).standard_normal(60) for i in range(5)}
            | {"c": rng(seed).choice(list("abc"), 60), "m": np.where(rng(seed).random(60) < 0.2, np.nan, 1.0)},
            {f"n{i}": rng(100 * seed + i + 50).standard_normal(60) for i in range(5)}
            | {
                "c": rng(seed + 5000).choice(list("abc"), 60),
                "m": np.where(rng(seed + 9000).random(60) < 0.2, np.nan, 1),
            },
        )
        for seed in range(100)
    ]
    assert np.mean([any(item.drifted for item in found) for found in runs]) < 0.12


@pytest.mark.parametrize("shift", [0.2, 2.0])
def test_numbers_that_moved(shift):
    found = one(rng().normal(10, 3, 5000), rng(1).normal(10 + 3 * shift, 3, 5000))
    assert found.drifted
    assert found.test == "Kolmogorov–Smirnov"
    assert found.effect == pytest.approx(shift, abs=0.1)


def test_numbers_of_another_width():
    assert one(rng().normal(0, 1, 5000), rng(1).normal(0, 2, 5000)).drifted


def test_few_rows_can_move_far_by_chance():
    found = one([1.0, 2.0, 3.0], [3.0, 4.0, 5.0])
    assert found.effect > 1
    assert not found.drifted


def test_categories_new_and_vanished_are_named_the_most_frequent_first():
    before = ["AA"] * 500 + ["UA"] * 400 + ["9E"] * 100
    now = ["AA"] * 500 + ["B6"] * 300 + ["OO"] * 150 + ["YV"] * 50
    found = one(before, now)
    assert found.drifted
    assert found.new == ("B6", "OO", "YV")
    assert found.vanished == ("UA", "9E")
    shares = np.array([[0.5, 0.4, 0.1, 0, 0, 0], [0.5, 0, 0, 0.3, 0.15, 0.05]])
    assert found.effect == pytest.approx(jensenshannon(*shares, base=2))


def test_one_new_category_in_many_rows_is_named_but_no_drift():
    found = one(["AA"] * 5000 + ["UA"] * 5000, ["AA"] * 5000 + ["UA"] * 5000 + ["HA"])
    assert found.new == ("HA",)
    assert not found.drifted


def test_identifiers_are_no_distribution():
    found = one([f"N{i}" for i in range(4000)], [f"N{i}" for i in range(3000, 7000)])
    assert not found.drifted
    assert len(found.new) == 3000


def test_a_column_that_lost_its_values():
    full = rng().standard_normal(1000)
    emptied = one(full, np.full(1000, np.nan))
    assert emptied.drifted
    assert emptied.test == "none"
    assert (emptied.missing_before, emptied.missing_now) == (0.0, 1.0)
    half = one(full, np.where(rng(1).random(1000) < 0.3, np.nan, full))
    assert half.drifted
    assert half.p_adjusted > 0.05
    assert not one(full, np.where(np.arange(1000) < 20, np.nan, full)).drifted


def test_dates_pass_by_themselves():
    days = pd.date_range("2013-01-01", periods=100)
    for before, now in (
        (days[:50].to_numpy(), days[50:].to_numpy()),
        (days[:50].tz_localize("UTC").to_series().to_numpy(), days[50:].tz_localize("UTC").to_series().to_numpy()),
    ):
        assert one(before, now).test == "none"
        assert not one(before, now).drifted
    gone = one(days.to_numpy(), np.full(100, np.datetime64("NaT")))
    assert gone.drifted


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "float32", "int8", "timedelta64[s]"])
def test_every_kind_of_number_is_a_number(dtype):
    before = pd.Series(np.arange(100) % 50).astype(dtype)
    found = one(before.to_numpy(), (before * 2).to_numpy())
    assert found.test == "Kolmogorov–Smirnov"
    assert found.drifted


@pytest.mark.parametrize("dtype", ["str", "category", "object", "boolean", "bool"])
def test_everything_else_is_a_category(dtype):
    before = pd.Series([True, False] * 200).astype(dtype)
    found = one(before.to_numpy(), np.append(before.to_numpy(), [before.iloc[0]] * 400))
    assert found.test == "chi-square"
    assert found.drifted


def test_missing_values_of_every_kind_are_counted():
    with_gaps = pd.Series([1, None, 3, None], dtype="Int64").to_numpy()
    assert one(with_gaps, with_gaps).missing_now == 0.5
    assert one(["a", None, np.nan, pd.NA], ["a"] * 4).missing_before == 0.75


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from("abcde"), min_size=1, max_size=60),
    st.lists(st.sampled_from("abcde"), min_size=1, max_size=60),
)
def test_the_effect_is_a_distance(before, now):
    there, back = one(before, now), one(now, before)
    assert 0 <= there.effect <= 1
    assert there.effect == pytest.approx(back.effect)
    assert one(before, before * 2).effect == pytest.approx(0, abs=1e-7)
    assert there.new == back.vanished or set(there.new) == set(back.vanished)


@settings(max_examples=30)
@given(st.floats(0.01, 100), st.floats(-1000, 1000))
def test_the_unit_of_a_number_means_nothing(scale, shift):
    before, now = rng().standard_normal(200), rng(1).standard_normal(200) + 0.3
    plain, scaled = one(before, now), one(scale * before + shift, scale * now + shift)
    assert plain.effect == pytest.approx(scaled.effect, rel=1e-6)
    assert plain.drifted == scaled.drifted


def test_constants_and_columns_of_one_side():
    assert not one(np.ones(50), np.ones(50)).drifted
    assert one(np.ones(50), np.full(50, 2.0)).drifted
    assert one(["a"] * 50, ["a"] * 50).p == 1.0
    assert compare_columns({"a": np.ones(3)}, {"b": np.ones(3)}) == ()
    assert compare_columns({"a": np.ones(0)}, {"a": np.ones(3)}) == ()
    assert one(np.full(5, np.nan), np.full(5, np.nan)).test == "none"
