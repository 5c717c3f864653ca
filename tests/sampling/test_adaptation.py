import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterity.sampling.adaptation import Moments, begin, observe, schedule, switch, update

RNG = np.random.default_rng(3)


def test_moments_are_those_of_numpy():
    values = RNG.normal(1e6, 1, (50, 2, 3))
    moments = Moments.empty(3)
    for value in values:
        moments = moments.add(value)
    np.testing.assert_allclose(moments.mean, values.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(moments.variances(), values.var(axis=0), rtol=1e-9)
    np.testing.assert_allclose(moments.variances(ddof=1), values.var(axis=0, ddof=1), rtol=1e-9)


def test_the_fisher_metric_of_a_normal_is_its_variance_whatever_the_draws():
    sd = np.array([0.01, 1.0, 300.0])
    draws = RNG.normal(5, 1, (10, 3)) * sd
    state = observe(begin(np.ones(3), "fisher"), draws, -draws / sd**2)
    np.testing.assert_allclose(update(state, "fisher").inverse_mass, sd**2)


def test_stans_metric_is_the_variance_of_the_draws_shrunk():
    draws = RNG.normal(size=(20, 4))
    state = observe(begin(np.ones(4), "stan"), draws, RNG.normal(size=(20, 4)))
    expected = 20 / 25 * draws.var(axis=0, ddof=1) + 1e-3 * 5 / 25
    np.testing.assert_allclose(update(state, "stan").inverse_mass, expected)


def test_a_parameter_that_has_not_moved_keeps_its_metric():
    draws = RNG.normal(size=(10, 2)) * [1, 0]
    state = begin(np.array([2.0, 4.0]), "fisher")
    metric = update(observe(state, draws, -draws), "fisher").inverse_mass
    np.testing.assert_allclose(metric, [1.0, 0.25])


def test_a_switch_keeps_the_recent_draws_or_none():
    draws = RNG.normal(size=(30, 2))
    state = observe(
        switch(observe(begin(np.ones(2), "fisher"), draws[:10], draws[:10]), "fisher"), draws[10:], draws[10:]
    )
    assert (state.window.seen, state.recent.seen) == (30, 20)
    state = switch(state, "fisher")
    np.testing.assert_allclose(state.window.mean[0], draws[10:].mean(axis=0))
    assert switch(state, "stan").window.seen == 0


def test_stans_windows_are_those_of_its_manual():
    plan = schedule("stan", 1000)
    assert sorted(action + 1 for action in plan.switches) == [100, 150, 250, 450, 950]
    assert (plan.learning.start, plan.learning.stop) == (75, 950)


@pytest.mark.parametrize("method", ["fisher", "stan"])
@given(warmup=st.integers(20, 3000))
def test_schedules_end_with_a_fixed_metric(method, warmup):
    plan = schedule(method, warmup)
    actions = plan.updates | plan.switches | plan.restarts
    assert all(action in plan.learning for action in actions)
    assert plan.learning.stop - 1 in plan.updates
    assert 0 < warmup - plan.learning.stop <= max(50, 0.16 * warmup + 1)


@given(st.integers(200, 3000))
def test_the_last_metric_rests_on_many_draws(warmup):
    plan = schedule("fisher", warmup)
    kept = sorted(plan.switches)[-2:]
    assert plan.learning.stop - 1 - kept[0] >= 0.2 * warmup


@given(st.integers(20, 500), st.data())
def test_stops_meet_every_action_once(warmup, data):
    plan, step, stops = schedule("fisher", warmup), 0, []
    while step < warmup:
        block = data.draw(st.integers(step + 1, warmup))
        step = plan.next_stop(step, block)
        step = min(step, block)
        stops.append(step - 1)
    assert plan.updates | plan.switches <= set(stops)
