"""One chain as a sequence of blocks: from a state to the next state and what happened in between."""

from collections.abc import Callable

import numpy as np

from posterity.sampling import adaptation
from posterity.sampling.adaptation import FIRST_STEP_SIZE, Dual
from posterity.sampling.engine import Engine, Key, Steps
from posterity.sampling.state import STATS, Block, ChainState


def start_chain(engine: Engine, key: Key) -> ChainState:
    """The state before the first step."""
    point = engine.start(key)
    adapted = adaptation.begin(point.gradient, engine.settings.adaptation)
    return ChainState(0, point, Dual.start(FIRST_STEP_SIZE), adapted)


def run_block(engine: Engine, key: Key, state: ChainState, watch: Callable[[ChainState, Steps], None]) -> Block:
    """The next block of the chain; `watch` is called after every stretch of steps."""
    settings = engine.settings
    stop = min((state.step // settings.block + 1) * settings.block, settings.steps)
    stretches: list[Steps] = []
    drawn = np.empty((0, engine.density.dimension))
    while state.step < stop:
        warm = state.step < settings.warmup
        state, steps = (_warm_up if warm else _draw)(engine, key, state, stop)
        stretches.append(steps)
        drawn = drawn if warm else steps.position
        watch(state, steps)
    stats = {name: np.concatenate([getattr(steps, name) for steps in stretches]) for name in STATS}
    return Block(engine.constrain(drawn) if len(drawn) else {}, stats, state)


def _draw(engine: Engine, key: Key, state: ChainState, stop: int) -> tuple[ChainState, Steps]:
    point, dual, steps = engine.advance(
        key, range(state.step, stop), state.point, state.adapted.inverse_mass, state.dual, warm=False
    )
    return state._replace(step=stop, point=point, dual=dual), steps


def _warm_up(engine: Engine, key: Key, state: ChainState, stop: int) -> tuple[ChainState, Steps]:
    """Steps up to the next change of the metric, the end of warm-up or `stop`."""
    settings = engine.settings
    schedule = adaptation.schedule(settings.adaptation, settings.warmup)
    first, end = state.step, min(stop, settings.warmup)
    end = min(end, schedule.next_stop(first, end))
    point, dual, steps = engine.advance(
        key, range(first, end), state.point, state.adapted.inverse_mass, state.dual, warm=True
    )
    learned = slice(max(schedule.learning.start - first, 0), max(schedule.learning.stop - first, 0))
    adapted = adaptation.observe(state.adapted, steps.position[learned], steps.gradient[learned])
    last = end - 1
    if last in schedule.updates:
        adapted = adaptation.update(adapted, settings.adaptation)
    if last in schedule.switches:
        adapted = adaptation.switch(adapted, settings.adaptation)
    if last in schedule.restarts:
        dual = Dual.start(float(np.exp(dual[1])))
    return ChainState(end, point, dual, adapted), steps
