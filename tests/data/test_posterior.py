import time
from pathlib import Path

import numpy as np
import pytest

from posterity.data.posterior import Posterior


@pytest.fixture
def posterior() -> Posterior:
    rng = np.random.default_rng(1)
    return Posterior(
        values={
            "mu": rng.normal(size=(4, 10)),
            "effect": rng.normal(size=(4, 10, 3)),
            "grid": rng.normal(size=(4, 10, 3, 2)),
        },
        stats={
            "diverging": rng.random((4, 10)) < 0.2,
            "energy": rng.normal(size=(4, 10)),
            "depth": np.ones((4, 10), int),
        },
        chains=[0, 1, 2, 5],
        dims={"effect": ("carrier",), "grid": ("carrier", "side")},
        coords={"carrier": ["AA", "9E", "Ä <b>"]},
        seed=2**60 + 1,
    )


def test_round_trip_to_the_bit(posterior: Posterior) -> None:
    back = Posterior.from_netcdf(posterior.to_netcdf())
    assert set(back.values) == set(posterior.values)
    for name, value in posterior.values.items():
        assert back.values[name].tobytes() == value.tobytes()
        assert back.values[name].dtype == np.float64
    for name, value in posterior.stats.items():
        np.testing.assert_array_equal(back.stats[name], value)
    assert (back.chains, back.dims, back.seed) == (posterior.chains, posterior.dims, posterior.seed)
    assert {axis: list(labels) for axis, labels in back.coords.items()} == posterior.coords
    assert back.shape == (4, 10)


def test_the_same_posterior_gives_the_same_bytes_at_any_time(posterior: Posterior) -> None:
    first = posterior.to_netcdf()
    time.sleep(1.1)
    assert Posterior.from_netcdf(first).to_netcdf() == first == posterior.to_netcdf()


def test_draws_have_the_chains_one_after_the_other(posterior: Posterior) -> None:
    draws = posterior.draws()
    assert len(draws) == 40
    np.testing.assert_array_equal(draws["effect"][10:20], posterior.values["effect"][1])
    np.testing.assert_array_equal(draws.effect("effect", ["9E"])[:, 0], posterior.values["effect"][..., 1].ravel())


def test_arviz_reads_the_file(posterior: Posterior, tmp_path: Path) -> None:
    """Read with xarray, group by group, as ArviZ does."""
    import xarray

    (tmp_path / "posterior.nc").write_bytes(posterior.to_netcdf())
    with xarray.open_dataset(tmp_path / "posterior.nc", group="posterior", engine="h5netcdf") as group:
        assert group["effect"].dims == ("chain", "draw", "carrier")
        assert group["effect"].sel(chain=5, carrier="9E").shape == (10,)
        np.testing.assert_array_equal(group["mu"], posterior.values["mu"])
    with xarray.open_dataset(tmp_path / "posterior.nc", group="sample_stats", engine="h5netcdf") as group:
        assert set(group) == {"diverging", "energy", "depth"}
