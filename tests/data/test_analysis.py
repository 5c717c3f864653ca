import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f_oneway

from posterity.data.analysis import ColumnFacts, analyse
from posterity.errors import ModelError


def table(rows: int = 4000, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c"], rows)
    return pd.DataFrame(
        {
            "group": group,
            "noise": rng.normal(size=rows),
            "label": rng.choice([f"l{i}" for i in range(15)], rows),
            "delay": rng.normal(size=rows) + 3 * (group == "a"),
        }
    )


def facts(name: str, *args, **options) -> ColumnFacts:
    return next(column for column in analyse(*args, **options).columns if column.name == name)


def test_association_is_the_variance_explained() -> None:
    frame = table()
    found = facts("group", frame, outcome="delay").association
    groups = [part.to_numpy() for _, part in frame.groupby("group")["delay"]]
    f, n, k = f_oneway(*groups).statistic, len(frame), len(groups)
    assert found is not None
    assert found.strength == pytest.approx((f - 1) * (k - 1) / ((f - 1) * (k - 1) + n - 1))
    by_label = dict(zip(describe_labels(frame), found.means, strict=True))
    assert by_label["a"] == pytest.approx(frame.loc[frame["group"] == "a", "delay"].mean())


def describe_labels(frame: pd.DataFrame) -> tuple[str, ...]:
    return facts("group", frame).distribution.labels


def test_unrelated_columns_explain_nothing_however_many_their_categories() -> None:
    strengths = [facts("label", table(300, seed), outcome="delay").association.strength for seed in range(40)]
    assert np.mean(strengths) < 0.02
    assert facts("noise", table(), outcome="delay").association.strength < 0.01


def test_a_curved_relation_is_seen() -> None:
    x = np.linspace(-1, 1, 2000)
    frame = pd.DataFrame({"x": x, "y": x**2})
    assert facts("x", frame, outcome="y").association.strength > 0.98


def test_shares_count_by_their_trials() -> None:
    frame = pd.DataFrame({"g": ["a", "a", "b", "b", "b"], "events": [9, 0, 1, 1, 0], "trials": [90, 10, 2, 2, 0]})
    found = facts("g", frame, outcome="events", trials="trials").association
    assert found is not None
    assert dict(zip(facts("g", frame).distribution.labels, found.means, strict=True)) == {"a": 0.09, "b": 0.5}


def test_the_outcome_is_not_associated_with_itself() -> None:
    assert facts("delay", table(), outcome="delay").association is None
    assert facts("group", table()).association is None


@pytest.mark.parametrize("frame", [table(0), table(1), table().assign(delay=1.0), table().assign(delay=np.nan)])
def test_without_variance_there_is_no_association(frame: pd.DataFrame) -> None:
    assert facts("group", frame, outcome="delay").association.strength == 0


def test_an_outcome_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="no column late"):
        analyse(table(), outcome="late")


def test_change_since_the_previous_table() -> None:
    before = table(seed=2).assign(gone=1)
    now = table(seed=3).assign(group=lambda t: t["group"].replace("c", "d"), extra=1)
    found = analyse(now, before)
    assert (found.rows_before, found.added, found.removed) == (4000, ("extra",), ("gone",))
    group, noise = facts("group", now, before).change, facts("noise", now, before).change
    assert group is not None
    assert noise is not None
    assert (group.new, group.gone) == (("d",), ("c",))
    assert group.moved == pytest.approx(1 / 3, abs=0.03)
    assert noise.moved < 0.06
    assert sum(noise.before) == 4000
    assert facts("extra", now, before).change is None


def test_a_shift_and_new_holes_are_seen() -> None:
    before = table()
    now = before.assign(noise=before["noise"] + 10, delay=before["delay"].where(before.index % 4 != 0))
    assert facts("noise", now, before).change.moved > 0.95
    change = facts("delay", now, before).change
    assert change is not None
    assert change.missing_before == 0
    assert change.moved == pytest.approx(0.25, abs=0.01)


def test_a_column_that_changed_its_type_has_moved_altogether() -> None:
    before = table()
    now = before.assign(noise="?")
    change = facts("noise", now, before).change
    assert change is not None
    assert change.moved == 1
    assert facts("noise", before, now).change.moved == 1


def test_the_same_table_has_not_changed() -> None:
    assert {column.change.moved for column in analyse(table(), table()).columns if column.change} == {0.0}


def test_facts_are_json() -> None:
    frame = table().assign(time=pd.Timestamp("2013-01-31"), hole=np.nan, flag=True)
    text = json.dumps(analyse(frame, frame.iloc[:10], "delay").to_dict(), allow_nan=False)
    assert json.loads(text)["rows"] == 4000
