import re

import numpy as np
import pytest

from posterity.report import mcmc_plots, plots

from .examples import EVIL, autocorrelated
from .wellformed import read


def line(axes):
    axes.plot([1, 2, 3], [1, 2, 1], color=plots.BLUE, label=EVIL)
    axes.set_title(EVIL)
    plots.legend(axes)


def test_the_same_drawing_gives_the_same_bytes():
    assert plots.plot(line, "x") == plots.plot(line, "x")


def test_text_is_kept_as_text_and_escaped():
    reader = read(plots.plot(line, EVIL, x="délai → min", y="航班"))
    for text in (EVIL, "délai → min", "航班"):
        assert text in reader.content


def test_colours_follow_the_theme():
    svg = plots.plot(line, "x")
    assert "var(--c0, #0072b2)" in svg
    assert not re.search(r"(fill|stroke): #(?!000000)", svg)


def test_two_pictures_share_no_id():
    first, second = plots.plot(line, "x"), plots.plot(line, "x", x="other")
    assert set(read(first).ids).isdisjoint(read(second).ids)


def test_labels_are_cut_with_an_ellipsis():
    assert plots.shorten(["short", "a  b\nc", "x" * 40], 10) == ["short", "a b c", "x" * 9 + "…"]


@pytest.mark.parametrize("chains", [1, 2, 4, 16])
def test_pictures_of_chains(chains):
    values = autocorrelated(chains, 1000, 1)[..., 0]
    divergent = np.zeros((chains, 1000), dtype=bool)
    divergent[0, 5] = True
    for svg in (
        mcmc_plots.trace_plot(values, EVIL, divergent),
        mcmc_plots.rank_plot(values, EVIL, 400.0),
        mcmc_plots.energy_plot(values),
    ):
        read(svg)
        assert len(svg) < 90_000


def test_a_few_draws_and_a_constant_can_be_drawn():
    for values in (np.zeros((2, 3)), np.zeros((4, 100)), autocorrelated(4, 3, 1)[..., 0]):
        read(mcmc_plots.trace_plot(values, "x"))
        read(mcmc_plots.rank_plot(values, "x", float("nan")))


def test_the_rank_band_holds_agreeing_chains_and_not_a_distant_one():
    rng = np.random.default_rng(3)
    outside = sum(_leaves_the_band(rng.normal(size=(4, 250))) for _ in range(200))
    assert outside / 200 <= 0.05
    apart = rng.normal(size=(4, 250))
    apart[0] += 0.6
    assert _leaves_the_band(apart)


def _leaves_the_band(values):
    ranks = values.ravel().argsort().argsort().reshape(values.shape) / values.size
    grid = np.linspace(0, 1, 101)
    ecdf = (ranks[:, :, None] <= grid).mean(axis=1)
    return np.abs(ecdf - grid).max() > mcmc_plots.rank_band(values.shape[0], values.size)


def test_one_chain_has_no_band():
    assert mcmc_plots.rank_band(1, 400.0) is None


def test_forest_of_one_and_of_many():
    for count in (1, 30):
        quantiles = np.sort(np.random.default_rng(0).normal(size=(5, count)), axis=0)
        read(mcmc_plots.forest([EVIL] * count, quantiles, "effects", "logit"))
