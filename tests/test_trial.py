"""`posterity test`: each fault that a model can have is found by the check that is about it."""

import textwrap
from datetime import date
from pathlib import Path

import pytest

from posterity.errors import ModelError
from posterity.trial import CHECKS, Trial, try_model
from tests.shop import SPEC, write_sales

AS_OF = date(2026, 2, 28)
HEAD = "import numpy as np\nfrom posterity import Quantity\nfrom tests.shop import Shop\n"
FAULTS = [
    (
        "imports without PyMC and JAX",
        "importing it imports jax",
        "import jax\nclass Bad(Shop):\n    pass",
    ),
    (
        "extract gives the same table twice",
        "another table the second time",
        "class Bad(Shop):\n    def extract(self, source, as_of):\n"
        "        raw = super().extract(source, as_of)\n        return raw.assign(sold=np.random.rand(len(raw)))",
    ),
    (
        "data tests pass",
        "no_such_column",
        "class Bad(Shop):\n    def schema(self, as_of):\n        import pandera.pandas as pa\n"
        "        return super().schema(as_of).add_columns({'no_such_column': pa.Column(str)})",
    ),
    (
        "preprocess and features are pure",
        "preprocess changes the table it is given",
        "class Bad(Shop):\n    def preprocess(self, raw):\n        raw['sold'] = raw['sold'] + 1\n        return raw",
    ),
    (
        "preprocess and features are pure",
        "features gives another table the second time",
        "class Bad(Shop):\n    def features(self, clean):\n"
        "        made = super().features(clean)\n        return made.assign(noise=np.random.rand(len(made)))",
    ),
    (
        "features have no holes, targets no unknown category",
        "NaN or infinities in mean",
        "class Bad(Shop):\n    def features(self, clean):\n"
        "        made = super().features(clean)\n"
        "        return made.assign(mean=made['mean'].where(made['mean'] > 20))",
    ),
    (
        "features have no holes, targets no unknown category",
        "'nowhere', which training has not seen",
        "class Bad(Shop):\n    def targets(self, clean, as_of):\n"
        "        return super().targets(clean, as_of).assign(shop='nowhere').head(1)",
    ),
    (
        "targets are unique and there",
        "1 keys of the targets occur twice",
        "class Bad(Shop):\n    def targets(self, clean, as_of):\n"
        "        return super().targets(clean, as_of).iloc[[0, 1, 1]].reset_index(drop=True)",
    ),
    (
        "targets are unique and there",
        "no targets after 2026-02-28",
        "class Bad(Shop):\n    def targets(self, clean, as_of):\n        return super().targets(clean, as_of).iloc[:0]",
    ),
    (
        "exposures are counts",
        "days, the exposure of sales, holds numbers that are no counts",
        "class Bad(Shop):\n    quantities = (Quantity('sales', 'items', exposure='days'),)\n"
        "    def targets(self, clean, as_of):\n        return super().targets(clean, as_of).assign(days=1.5)",
    ),
    (
        "nothing after the as-of day is known",
        "actuals knows outcomes after the as-of day",
        "class Bad(Shop):\n    def actuals(self, clean, period):\n"
        "        return clean.groupby('shop', as_index=False).agg(sales=('sold', 'mean'))",
    ),
    (
        "the distribution can be built and predicted from",
        "with shape (50, 5), not (draws, rows) = (50, 6)",
        "class Bad(Shop):\n    def predict(self, draws, targets):\n"
        "        return {'sales': super().predict(draws, targets)['sales'][:, 1:]}",
    ),
    (
        "the distribution can be built and predicted from",
        "gave no 'sales'",
        "class Bad(Shop):\n    def predict(self, draws, targets):\n        return {}",
    ),
    (
        "any subset of rows is predicted alike",
        "sales of a row depends on the rows predicted with it",
        "class Bad(Shop):\n    def predict(self, draws, targets):\n"
        "        noise = np.random.default_rng(1).normal(size=(len(draws), len(targets)))\n"
        "        return {'sales': super().predict(draws, targets)['sales'] + noise}",
    ),
    (
        "explanations add up to predictions",
        "the parts of sales do not add up to predict on the identity scale",
        "class Bad(Shop):\n    def predict(self, draws, targets):\n"
        "        return {'sales': 2 * super().predict(draws, targets)['sales']}",
    ),
    (
        "categories never seen follow their rule",
        "it was not in the training data and the model has no rule for it",
        "class Bad(Shop):\n    unseen = {'shop': 'population'}",
    ),
]


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_sales(tmp_path_factory.mktemp("sales") / "sales.csv"))


def test_a_good_model_passes_every_check(sales: str) -> None:
    trials = list(try_model(SPEC, sales, AS_OF))
    assert [trial.name for trial in trials] == list(CHECKS)
    assert [trial for trial in trials if not trial.passed] == []


@pytest.mark.parametrize(("check", "said", "text"), FAULTS, ids=[f"{check}: {said}" for check, said, _ in FAULTS])
def test_a_fault_is_found_by_the_check_about_it(tmp_path: Path, sales: str, check: str, said: str, text: str) -> None:
    path = tmp_path / f"fault_{FAULTS.index((check, said, text))}.py"
    path.write_text(HEAD + textwrap.dedent(text))
    found: dict[str, Trial] = {trial.name: trial for trial in try_model(f"{path}:Bad", sales, AS_OF)}
    assert not found[check].passed
    assert said in found[check].message


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert {check for check, _, _ in FAULTS} == set(CHECKS)


def test_data_that_cannot_be_read_fail_the_checks_instead_of_ending_them() -> None:
    trials = {trial.name: trial for trial in try_model(SPEC, "nowhere.csv", AS_OF)}
    assert list(trials) == list(CHECKS)
    assert "nowhere.csv does not exist" in trials["data tests pass"].message


def test_a_model_that_cannot_be_loaded_is_refused() -> None:
    with pytest.raises(ModelError, match=r"nowhere\.py does not exist"):
        list(try_model("nowhere.py:Model", "", AS_OF))
