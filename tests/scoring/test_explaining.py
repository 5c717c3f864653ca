"""Contributions of effects as a product keeps them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from posterity import Contributions, Draws
from posterity.data.product import Effect
from posterity.errors import ModelError
from posterity.scoring.explaining import explain_rows
from tests.shop import Shop

ROWS = pd.DataFrame({"shop": ["b", "a"]})
LEVELS = np.random.default_rng(1).gamma(4.0, 2.0, (500, 2))
DRAWS = Draws({"level": LEVELS}, {"level": ("shop",)}, {"shop": ["a", "b"]})


class Explained(Shop):
    """Explains with what it is given."""

    def __init__(self, link: str, **parts: np.ndarray) -> None:
        self.found = Contributions(link, parts)  # type: ignore[arg-type]

    def explain(self, draws: Draws, targets: pd.DataFrame) -> Mapping[str, Contributions]:
        return {"sales": self.found}


def test_each_part_has_its_mean_and_interval_in_order() -> None:
    table = explain_rows(Shop(), DRAWS, ROWS)
    assert [Effect.parse(name) for name in table][::3] == [
        ("sales", "identity", "average shop", "mean"),
        ("sales", "identity", "shop", "mean"),
    ]
    deviation = LEVELS[:, [1, 0]] - LEVELS.mean(axis=1, keepdims=True)
    wanted = [deviation.mean(axis=0), *np.quantile(deviation, [0.05, 0.95], axis=0)]
    found = table[[f"sales/identity/shop/{name}" for name in ("mean", "q05", "q95")]]
    np.testing.assert_allclose(found.to_numpy(), np.transpose(wanted), rtol=1e-5, atol=1e-6)


def test_the_name_of_a_part_may_hold_any_character() -> None:
    effect = Effect("share", "logit", "origin/dest — both", "q05")
    assert Effect.parse(effect.column) == effect


def test_a_model_that_explains_nothing_has_an_empty_table() -> None:
    class Silent(Shop):
        explain = Shop.__mro__[2].explain

    assert explain_rows(Silent(), DRAWS, ROWS).shape == (2, 0)


@pytest.mark.parametrize(("link", "of"), [("identity", lambda x: x), ("log", np.log)])
def test_parts_may_add_up_on_the_scale_of_a_link(link: str, of: np.ufunc) -> None:
    whole = of(LEVELS[:, [1, 0]])
    table = explain_rows(Explained(link, half=whole / 2, rest=whole / 2), DRAWS, ROWS)
    assert table[f"sales/{link}/half/mean"].to_numpy() == pytest.approx(whole.mean(axis=0) / 2, rel=1e-5)


WHOLE = LEVELS[:, [1, 0]]
WRONG = {
    "do not add up": ("identity", {"level": WHOLE + 1e-3}),
    r"instead of .* in row 0": ("identity", {"level": WHOLE - WHOLE.mean(axis=1, keepdims=True)}),
    "with shape": ("identity", {"level": WHOLE.mean(axis=1, keepdims=True)}),
    "link 'probit'": ("probit", {"level": WHOLE}),
    "some parts": ("identity", {}),
    "log scale": ("log", {"level": WHOLE}),
    "logit scale": ("logit", {"level": WHOLE}),
    "parts of sales do not": ("identity", {"level": np.full_like(WHOLE, np.nan)}),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_explanation_is_refused(message: str) -> None:
    link, parts = WRONG[message]
    with pytest.raises(ModelError, match=message):
        explain_rows(Explained(link, **parts), DRAWS, ROWS)


def test_a_quantity_that_is_not_predicted_is_refused() -> None:
    class Other(Shop):
        def explain(self, draws: Draws, targets: pd.DataFrame) -> Mapping[str, Contributions]:
            return {"returns": Contributions("identity", {"level": WHOLE})}

    with pytest.raises(ModelError, match="'returns'"):
        explain_rows(Other(), DRAWS, ROWS)
