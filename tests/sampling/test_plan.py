from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterity.errors import CorruptError, SettingsError
from posterity.sampling.plan import Plan, SamplerSettings, chain_key

PLAN = Plan.of(model_code="a", features="b", density="c", settings=SamplerSettings(), seed=1)


def test_it_survives_json():
    assert Plan.from_json(PLAN.to_json()) == PLAN
    assert Plan.from_json(PLAN.to_json()).digest == PLAN.digest


@pytest.mark.parametrize(
    "change",
    [
        {"model_code": "x"},
        {"features": "x"},
        {"density": "x"},
        {"seed": 2},
        {"settings": SamplerSettings(target_accept=0.9)},
        {"cpu": "x"},
        {"engine": "x"},
        {"versions": {**PLAN.versions, "jax": "0"}},
        {"versions": {**PLAN.versions, "xla_flags": "--xla_cpu_enable_fast_math=true"}},
    ],
)
def test_whatever_decides_the_numbers_is_in_the_digest(change):
    assert replace(PLAN, **change).digest != PLAN.digest


def test_bytes_that_are_no_plan_are_refused():
    with pytest.raises(CorruptError, match="no plan"):
        Plan.from_json(b'{"seed": 1}')


def test_another_environment_is_named():
    other = replace(PLAN, cpu="x86_64-GenuineIntel-6-avx2")
    with pytest.raises(SettingsError, match=r"cpu 'x86_64-GenuineIntel-6-avx2' here"):
        other.check_environment()
    PLAN.check_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [("draws", 0), ("warmup", 5), ("target_accept", 1.0), ("max_depth", 0), ("adaptation", "dense"), ("block", 0)],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(SettingsError, match=f"{name}="):
        SamplerSettings.from_mapping({name: value})


def test_a_setting_that_is_not_one_is_named():
    with pytest.raises(SettingsError, match="tune: no such sampler setting; there are draws"):
        SamplerSettings.from_mapping({"tune": 5})


def test_whole_numbers_may_arrive_as_floats():
    settings = SamplerSettings.from_mapping({"draws": 500.0, "target_accept": 0.9})
    assert settings == SamplerSettings(draws=500, target_accept=0.9)
    assert isinstance(settings.draws, int)


@given(st.integers(1, 400), st.integers(20, 400), st.integers(1, 150))
def test_blocks_cover_all_steps(draws, warmup, block):
    settings = SamplerSettings(draws=draws, warmup=warmup, block=block)
    assert (settings.blocks - 1) * block < settings.steps <= settings.blocks * block


def test_the_key_of_a_chain_depends_on_seed_and_index_alone():
    assert chain_key(1, 3).tolist() == np.random.SeedSequence(1, spawn_key=(3,)).generate_state(2).tolist()
    assert len({tuple(chain_key(seed, chain)) for seed in range(10) for chain in range(50)}) == 500
