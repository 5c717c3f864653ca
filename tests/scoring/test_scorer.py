"""Scores of new rows from a version's draws."""

import numpy as np
import pandas as pd
import pytest

from posterity.errors import ModelError, SettingsError
from posterity.registry.versions import Version
from posterity.scoring import predicting
from posterity.scoring.scorer import Question, Scorer, load_scorer
from posterity.store import ObjectStore, open_store
from tests.server.products import published, register, sales
from tests.stalls import Stalls


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    return open_store(f"file://{tmp_path_factory.mktemp('scorer')}/store")


@pytest.fixture(scope="module")
def version(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Version:
    return register(store, sales(tmp_path_factory.mktemp("sales"), "2026-02-28"), "2026-02-28", Stalls())


@pytest.fixture(scope="module")
def scorer(store: ObjectStore, version: Version) -> Scorer:
    return load_scorer(store, version)


def test_published_rows_get_the_published_numbers(scorer: Scorer, store: ObjectStore, version: Version) -> None:
    rows = published(store, version)
    for some in (rows, rows.iloc[[4]], rows.iloc[[5, 0, 3]]):
        found = scorer.score(scorer.complete({"shop": some["shop"].tolist()}), Question())
        assert list(found) == [name for name in rows if name not in ("shop", "customers")]
        for name, values in found.items():
            assert values.tolist() == some[name].tolist()


def test_many_rows_are_scored_in_pieces_to_the_same_numbers(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Question(thresholds={"sales": 25.0})
    columns = scorer.complete({"shop": ["a", "f", "c", "b", "e"]})
    whole = scorer.score(columns, asked)
    monkeypatch.setattr(predicting, "PIECE", 2 * len(scorer._draws))
    found = scorer.score(columns, asked)
    assert {name: values.tolist() for name, values in found.items()} == {n: v.tolist() for n, v in whole.items()}


def test_what_is_asked_is_answered(scorer: Scorer) -> None:
    asked = Question(levels=(0.025, 0.1), thresholds={"busy": 0.5, "sales": 25.0})
    columns = scorer.complete({"shop": ["a", "b"]})
    found = scorer.score(columns, asked)
    assert list(found) == scorer.outputs(asked)
    assert {"busy_q02.5", "busy_q10", "busy_exceeds", "sales_q02.5", "sales_exceeds"} <= set(found)
    rows = pd.DataFrame({name: columns[name] for name in scorer.types})
    draws = scorer.model.predict(scorer._draws, rows)
    assert found["sales_exceeds"] == pytest.approx((draws["sales"] > 25).mean(axis=0))
    rng = np.random.default_rng(0)
    counts = rng.binomial(columns["customers"].astype(int), np.repeat(draws["busy"], 400, axis=0))
    assert found["busy_exceeds"] == pytest.approx((counts / columns["customers"] > 0.5).mean(axis=0), abs=4e-3)
    assert found["busy_q10"] == pytest.approx(np.quantile(counts / columns["customers"], 0.1, axis=0), abs=0.03)


def test_new_keys_are_scored_if_all_that_predict_reads_is_given(scorer: Scorer) -> None:
    known = scorer.score(scorer.complete({"shop": ["a"]}), Question())
    more = scorer.score(scorer.complete({"shop": ["a"], "customers": [100_000]}), Question())
    assert more["busy_sd"] < known["busy_sd"], "more customers, less chance"
    new = scorer.score(scorer.complete({"shop": ["new"], "customers": [50]}), Question())
    assert new["sales_sd"][0] > 2 * known["sales_sd"][0], "nothing is known of it but the population"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"shop": ["new"]}, "stalls/1 has no row new, so customers must be given for it"),
        ({"customers": [3]}, "shop is missing: the keys of stalls are needed"),
        ({"shop": ["a"], "colour": ["red"]}, "stalls/1 does not know the column colour; it takes shop, customers"),
        ({"shop": ["a", "b"], "customers": [1]}, "columns have different lengths: shop 2, customers 1"),
        ({"shop": ["a"], "customers": ["many"]}, "column customers holds 'many' in row 0"),
    ],
)
def test_what_cannot_be_completed_is_named(scorer: Scorer, given: dict[str, list[object]], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        scorer.complete(given)


def test_a_category_without_a_rule_is_refused(store: ObjectStore, tmp_path: pytest.TempPathFactory) -> None:
    version = register(store, sales(tmp_path, "2026-02-28"), "2026-02-28")
    scorer = load_scorer(store, version)
    with pytest.raises(ModelError, match="has no 'new'"):
        scorer.score(scorer.complete({"shop": ["new"]}), Question())


def test_memory_is_counted(scorer: Scorer) -> None:
    assert scorer.nbytes > sum(value.nbytes for value in scorer._draws.values.values())


def test_a_version_that_does_not_know_its_targets_says_so(store: ObjectStore, version: Version) -> None:
    from dataclasses import replace

    product = version.references["product"]
    old = replace(version, references={**version.references, "product": replace(product, meta={"rows": 6})})
    with pytest.raises(ModelError, match="stalls/1 does not say what it was predicted from"):
        load_scorer(store, old)
