"""The demo's earlier load tests: made up around what the service does when the demo starts."""

import asyncio
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from tasks.errors import ExplainedError
from tasks.history.engine import History
from tasks.load.facts import JudgedRun, Latency, LoadRun, LoadVerdict, RouteStats
from tasks.load.generator.plan import script_digest
from tasks.load.measure import measure_load
from tasks.load.settings import Profile
from tasks.load.store.runs import read_runs, store_run
from tasks.settings import Settings

PROFILE: Final = "smoke"
RUNS: Final = 6
_BASELINE_S = 6.0
_WEEK = timedelta(weeks=1)
_NOISE = 0.03
"""Of ln(latency), between runs."""
_SEED = 7


def bring_load_runs(history: History, settings: Settings, now: datetime) -> None:
    """Six runs of the weeks before, if they are not there: what is measured now, with the noise that runs have.

    Raises ExplainedError if nothing could be measured.
    """
    name = settings.service.name
    load = settings.load
    assert load is not None  # the demo's service file has it
    profile = load.profiles[PROFILE]
    script = script_digest(settings, load, profile)
    known = [judged.run for judged in read_runs(history, name, now)]
    if sum(run.synthetic and run.script == script for run in known) >= RUNS:
        return
    baseline = _baseline(settings, profile, now)
    chance = random.Random(_SEED)
    for week in range(RUNS, 0, -1):
        run = _earlier(baseline, profile, chance, now - week * _WEEK)
        store_run(history, name, JudgedRun(replace(run, script=script), LoadVerdict.PASS, None))


def _baseline(settings: Settings, profile: Profile, now: datetime) -> LoadRun:
    [step] = profile.steps
    short = profile.model_copy(update={"steps": (step.model_copy(update={"seconds": _BASELINE_S}),)})
    run = asyncio.run(measure_load(settings, short, production=False, at=now))
    if run.problem is not None:
        raise ExplainedError(
            f"the demo's baseline could not be measured: {run.problem.text.format(**run.problem.params)}"
        )
    return run


def _earlier(baseline: LoadRun, profile: Profile, chance: random.Random, at: datetime) -> LoadRun:
    """The baseline a little faster or slower, as long as the profile."""
    [step] = baseline.steps
    longer = profile.steps[0].seconds / step.measured_s
    drawn = {
        one: chance.lognormvariate(0.0, _NOISE) for one in (*_names(baseline.routes), *_names(baseline.modules), "")
    }

    def changed(stats: RouteStats) -> RouteStats:
        of = f"{stats.module}:{stats.route}" if stats.module else ""
        return replace(stats, succeeded=_scaled(stats.succeeded, drawn[of], longer), failed=0)

    def all_changed(stats: tuple[RouteStats, ...]) -> tuple[RouteStats, ...]:
        return tuple(map(changed, stats))

    then = replace(
        step,
        started_at=at,
        measured_s=profile.steps[0].seconds,
        whole=changed(step.whole),
        modules=all_changed(step.modules),
        routes=all_changed(step.routes),
    )
    return replace(
        baseline,
        at=at,
        finished_at=at + timedelta(seconds=profile.duration_s),
        steps=(then,),
        whole=changed(baseline.whole),
        modules=all_changed(baseline.modules),
        routes=all_changed(baseline.routes),
        failures=(),
        synthetic=True,
    )


def _names(stats: tuple[RouteStats, ...]) -> list[str]:
    return [f"{one.module}:{one.route}" for one in stats]


def _scaled(latency: Latency, by: float, longer: float) -> Latency:
    def times(ms: float | None) -> float | None:
        return None if ms is None else ms * by

    return Latency(
        round(latency.count * longer),
        times(latency.mean_ms),
        times(latency.p50_ms),
        times(latency.p95_ms),
        times(latency.p99_ms),
        times(latency.max_ms),
    )
