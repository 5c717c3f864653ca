"""A shard: some chains of a plan, each on a thread, committed block by block. Imports neither PyMC nor pandas."""

import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event, Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.errors import CorruptError, PosterityError
from posterity.sampling.blocks import StoredBlock, manifest_key, plan_prefix, read_chain, write_block
from posterity.sampling.chain import run_block, start_chain
from posterity.sampling.cores import available_cores
from posterity.sampling.density import Density
from posterity.sampling.engine import Engine, Steps
from posterity.sampling.plan import Plan, chain_key
from posterity.sampling.state import ChainState
from posterity.store.digest import canonical_json
from posterity.store.objects import ObjectStore

REPORT_INTERVAL = 0.5
"""Seconds between two reports of a shard's progress."""

Facts = dict[str, Any]
Report = Callable[[list[Facts]], None]


def run_shard(
    store: ObjectStore,
    plan: Plan,
    density: Density,
    chains: Iterable[int],
    *,
    report: Report | None = None,
    threads: int | None = None,
) -> list[Facts]:
    """Sample `chains` of `plan`, or what is not in the store of them yet, and return their manifests.

    A manifest has: `plan`, `chain`; `blocks` and `sha256s`, the keys and digests of the chain's blocks; `gradients`
    (evaluations; `warmup_gradients` of them in warm-up); `divergences` after warm-up; `seconds`, `resumed_from`
    (the first block that was not there), `pod` and `attempt` of the process that finished the chain; and of this
    call: `sampled` (whether it took a step), `gradients_now`, `ready` (seconds until its first step).

    `report` gets, at most twice a second, a list with one mapping per chain: `chain`, `step` of `total` (warm-up
    included), `phase`, `divergences`, `step_size`, `gradients`, `seconds_left` (None until there is a rate to go
    by). `threads`: chains at a time; default the CPUs of this process.

    A killed process loses at most the block that each of its chains was at. Raises SettingsError when this
    process would not give the plan's numbers, CorruptError naming a block that is not as it was written, ModelError
    when no chain can start.
    """
    plan.check_environment()
    if density.digest != plan.density:
        raise CorruptError(f"the density {density.digest[:12]} is not that of plan {plan.digest[:12]}; fetch it again")
    store.put(f"{plan_prefix(plan.digest)}/plan.json", plan.to_json())
    shard = _Shard(store, plan, density, report)
    wanted = sorted(set(chains))
    with ThreadPoolExecutor(threads or available_cores(), thread_name_prefix="chain") as pool:
        futures = [pool.submit(shard.run, chain) for chain in wanted]
        if any(future.exception() for future in wait(futures, return_when=FIRST_EXCEPTION).done):
            shard.stop.set()
    shard.show(final=True)
    errors = [error for future in futures if (error := future.exception())]
    if errors:
        raise next((error for error in errors if not isinstance(error, _StoppedError)), errors[0])
    return [future.result() for future in futures]


class _StoppedError(PosterityError):
    """Another chain of the shard failed."""


class _Shard:
    """What the chains of a shard share; the programs are compiled when the first chain needs them."""

    def __init__(self, store: ObjectStore, plan: Plan, density: Density, report: Report | None) -> None:
        self.store, self.plan, self.density, self.report = store, plan, density, report
        self.digest, self.stop = plan.digest, Event()
        self._compiling, self._reporting = Lock(), Lock()
        self._engine: Engine | None = None
        self._progress: dict[int, Facts] = {}
        self._reported = 0.0
        self._begun, self._ready = time.perf_counter(), 0.0

    @property
    def engine(self) -> Engine:
        """The compiled engine, one for all threads."""
        with self._compiling:
            self._engine = self._engine or Engine(self.density, self.plan.settings)
            return self._engine

    def run(self, chain: int) -> Facts:
        """Resume or start a chain, finish it, and return its manifest."""
        track = _Track(self.plan, chain)
        state: ChainState | None = None
        for stored in read_chain(self.store, self.digest, chain):
            track.resume(stored)
            state = stored.block.state
        key = chain_key(self.plan.seed, chain)
        while len(track.sha256s) < self.plan.settings.blocks:
            state = state or self._start(key)
            block = run_block(self.engine, key, state, lambda after, steps: self._watch(track, after, steps))
            index, previous = len(track.sha256s), track.sha256s[-1] if track.sha256s else ""
            track.commit(write_block(self.store, self.digest, chain, index, previous, block))
            state = block.state
        return self._finish(track)

    def _start(self, key: NDArray[np.uint32]) -> ChainState:
        """Begin a chain; the first of them waits for the compiler."""
        state = start_chain(self.engine, key)
        self._ready = self._ready or time.perf_counter() - self._begun
        return state

    def _watch(self, track: "_Track", state: ChainState, steps: Steps) -> None:
        if self.stop.is_set():
            raise _StoppedError(f"chain {track.chain} stopped because another chain of its shard failed")
        track.count(state, steps.leapfrogs, steps.diverging)
        self._progress[track.chain] = track.progress()
        self.show()

    def show(self, *, final: bool = False) -> None:
        """Report the progress of all chains, if that was not done just now."""
        with self._reporting:
            now = time.monotonic()
            if self.report and self._progress and (final or now - self._reported >= REPORT_INTERVAL):
                self._reported = now
                self.report([self._progress[chain] for chain in sorted(self._progress)])

    def _finish(self, track: "_Track") -> Facts:
        """Write the manifest; one that is there already tells who finished the chain, and wins."""
        self._progress[track.chain] = track.progress()
        manifest, key = track.manifest(), manifest_key(self.digest, track.chain)
        if not self.store.put(key, canonical_json(manifest)):
            mine, manifest = manifest, _parse_manifest(self.store, key)
            if any(manifest.get(name) != mine[name] for name in ("plan", "chain", "sha256s")):
                raise CorruptError(f"{self.store.url}/{key} names other blocks than are there; delete it and run again")
        now = {"sampled": track.gradients_now > 0, "gradients_now": track.gradients_now, "ready": self._ready}
        return {**manifest, **now}


class _Track:
    """Counts of one chain."""

    def __init__(self, plan: Plan, chain: int) -> None:
        self.plan, self.chain, self.started = plan, chain, time.perf_counter()
        self.keys: list[str] = []
        self.sha256s: list[str] = []
        self.gradients = self.warmup_gradients = self.gradients_now = self.divergences = 0
        self.step = self.first = self.resumed = 0
        self.step_size = float("nan")

    def resume(self, stored: StoredBlock) -> None:
        """A block that was there."""
        self.commit(stored)
        self.count(stored.block.state, stored.block.stats["leapfrogs"], stored.block.stats["diverging"])
        self.gradients_now, self.first, self.resumed = 0, self.step, len(self.keys)

    def commit(self, stored: StoredBlock) -> None:
        """A block that is in the store."""
        self.keys.append(stored.key)
        self.sha256s.append(stored.sha256)

    def count(self, state: ChainState, leapfrogs: NDArray[np.int64], diverging: NDArray[np.bool_]) -> None:
        """Steps that lead to `state`."""
        warm = max(self.plan.settings.warmup - self.step, 0)
        self.gradients += int(leapfrogs.sum())
        self.gradients_now += int(leapfrogs.sum())
        self.warmup_gradients += int(leapfrogs[:warm].sum())
        self.divergences += int(diverging[warm:].sum())
        self.step = state.step
        self.step_size = float(np.exp(state.dual[0 if self.step < self.plan.settings.warmup else 1]))

    def progress(self) -> Facts:
        """What the live display shows."""
        settings, done = self.plan.settings, self.step - self.first
        elapsed = time.perf_counter() - self.started
        phase = "warm-up" if self.step < settings.warmup else "draws" if self.step < settings.steps else "done"
        return {
            "chain": self.chain,
            "step": self.step,
            "total": settings.steps,
            "phase": phase,
            "divergences": self.divergences,
            "step_size": self.step_size,
            "gradients": self.gradients,
            "seconds_left": elapsed / done * (settings.steps - self.step) if done else None,
        }

    def manifest(self) -> Facts:
        """The finished chain."""
        return {
            "plan": self.plan.digest,
            "chain": self.chain,
            "blocks": self.keys,
            "sha256s": self.sha256s,
            "gradients": self.gradients,
            "warmup_gradients": self.warmup_gradients,
            "divergences": self.divergences,
            "seconds": round(time.perf_counter() - self.started, 3),
            "resumed_from": self.resumed,
            "pod": platform.node(),
            "attempt": os.environ.get("KFP_RETRY_INDEX", ""),
        }


def _parse_manifest(store: ObjectStore, key: str) -> Facts:
    try:
        return dict(json.loads(store.get(key)))
    except (ValueError, TypeError) as error:
        raise CorruptError(f"{store.url}/{key} is not a manifest; delete it and run the stage sample again") from error
