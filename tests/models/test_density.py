"""The coordinates of the flights model change nothing of its prior."""

import numpy as np
import pymc as pm

from models.flights.density import by_month

MONTHS, MEAN, SD, SIGMA = 4, -1.0, 0.8, 1.3


def test_a_main_effect_and_its_months_have_the_moments_of_a_hierarchy() -> None:
    """main ~ Normal(mean, sd) and months ~ Normal(main, sigma): covariances sd², sd² + sigma² on the months' diagonal;
    what is nested is taken off the months again."""
    with pm.Model(coords={"month": range(MONTHS)}):
        nested = pm.Normal("nested", 5, 2)
        main, months = by_month("effect", MEAN, SD, SIGMA, nested=nested)
        drawn = pm.draw([main, *(months[i] for i in range(MONTHS)), nested], draws=20_000, random_seed=1)
    expected = np.full((MONTHS + 1, MONTHS + 1), SD**2)
    expected[1:, 1:] += np.diag([SIGMA**2] * MONTHS)
    values = np.asarray(drawn)
    np.testing.assert_allclose(values[:-1].mean(axis=1), MEAN, atol=0.05)
    np.testing.assert_allclose(np.cov(values[:-1]), expected, atol=0.06)
    assert abs(np.corrcoef(values)[-1, :-1]).max() < 0.04
