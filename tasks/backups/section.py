"""Backup verification: is there a backup that is young enough, and does a restore of it give the right database?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from tasks.activities.facts import Kind
from tasks.activities.store.activities import own_activity
from tasks.backups.checks import CHECKS, DRILL, FILE_CHECKS, FRESHNESS, LINE, RECOVERY_TIME
from tasks.backups.databases import NO_BACKUPS, targets_of, unverified_databases
from tasks.backups.drill.steps import title_of
from tasks.backups.facts import Depth, Drill, DrillVerdict
from tasks.backups.judge.review import ended_at, judge_backups
from tasks.backups.look import observe_backups
from tasks.backups.store.drills import store_drill
from tasks.backups.targets import Target
from tasks.check_result import Check, CheckResult, Message, Status, msg
from tasks.observation import Absent, Unobserved
from tasks.round import Round, RoundRefused, System
from tasks.section import Kpi, Section, highest_figure, nothing_seen
from tasks.settings import Settings
from tasks.visible import StepState, step

_LEFT_FOR_THE_END_S = 60.0


async def verify_backups(run: Round, depth: Depth = "full", only: str = "") -> Section:
    """Verify every database's backups one after another, the history's first; a drill needs the machine for itself."""
    settings, now = run.settings, run.now()
    if now >= run.period.end + (run.period.end - run.period.start):
        late = Unobserved(msg("Only the present can be checked, not {day}", day=run.period.key))
        return nothing_seen(CHECKS, late, now)
    targets = _chosen(await asyncio.to_thread(targets_of, settings), only)
    results: list[CheckResult] = []
    left_out = unverified_databases(settings, only, now)
    async with own_activity(
        run.history, run.key.service, Kind.RESTORE_DRILL, on_service=False, until=run.ends_at, now=run.now
    ):
        for number, target in enumerate(targets):
            left_s = (run.ends_at - run.now()).total_seconds() - _LEFT_FOR_THE_END_S
            results += await _verify(run, target, depth, max(left_s, 1.0) / (len(targets) - number))
    return Section((*results, *left_out), _headlines(results), _notes(targets))


def _chosen(targets: Sequence[Target], only: str) -> list[Target]:
    chosen = [target for target in targets if only in ("", target.name)]
    if only and not chosen:
        there = ", ".join(target.name for target in targets) or "none"
        raise RoundRefused(f"no database {only!r} is backed up; there are: {there}")
    return chosen


async def _verify(run: Round, target: Target, depth: Depth, longest_s: float) -> Sequence[CheckResult]:
    found = await asyncio.to_thread(
        step, title_of(target.name, depth), partial(_drilled, run, target, depth, longest_s), _state
    )
    if found.drill is not None and found.verdict is not None:
        name, reached = run.settings.service.name, found.ended_at
        await asyncio.to_thread(store_drill, run.history, name, target.name, found.drill, found.verdict, reached)
    return found.results


@dataclass(frozen=True, slots=True)
class _Judged:
    """The results of one database's backups; `drill` and `verdict` are None where none was run."""

    results: tuple[CheckResult, ...]
    drill: Drill | None
    verdict: DrillVerdict | None

    @property
    def ended_at(self) -> str:
        """The step that ended it; empty if none did."""
        return ended_at([result for result in self.results if result.check != DRILL.id])

    def result(self, check: str) -> CheckResult:
        """A check by its id."""
        return next(result for result in self.results if result.check == check)


def _drilled(run: Round, target: Target, depth: Depth, longest_s: float) -> _Judged:
    settings = run.settings
    assert settings.backups is not None  # there would be no target
    observed = observe_backups(target, settings, run.history, depth, run.now(), longest_s)
    results, verdict = judge_backups(observed, settings.backups.limits, settings.zone, run.now())
    return _Judged(results, observed.drill, verdict)


def _state(found: _Judged) -> StepState:
    """How Prefect shows a database: by the step that ended its drill, else by the worst of its results."""
    if found.ended_at:
        ended = found.result(found.ended_at)
        return StepState("Failed" if ended.status is Status.FAIL else "Error", ended.reason, good=False)
    for status, name in ((Status.FAIL, "Failed"), (Status.UNKNOWN, "Unknown")):
        if worst := next((result for result in found.results if result.status is status), None):
            return StepState(name, worst.reason, good=False)
    statuses = {result.status for result in found.results}
    name = "Attention" if Status.WARN in statuses else "Passed" if Status.PASS in statuses else "Skipped"
    return StepState(name, found.result(DRILL.id).reason, good=True)


def _headlines(results: Sequence[CheckResult]) -> tuple[Kpi, ...]:
    drills = [r for r in results if r.check == DRILL.id]
    good = sum(r.status is Status.PASS for r in drills)
    drilled = Kpi("backups.drilled", msg("Databases with a passed drill"), None, "")
    return (
        replace(drilled, value=float(good), unit=f"/ {len(drills)}") if drills else drilled,
        Kpi("backups.age", msg("Age of the oldest latest backup"), _highest(results, FRESHNESS), "h"),
        Kpi("backups.recovery-time", msg("Longest recovery time"), _highest(results, RECOVERY_TIME), "s"),
    )


def _highest(results: Sequence[CheckResult], check: Check) -> float | None:
    return highest_figure(results, check, complete=True)


def _notes(targets: Sequence[Target]) -> tuple[Message, ...]:
    if made_up := [target.name for target in targets if target.backups.synthetic]:
        names = ", ".join(made_up)
        return (msg("Synthetic data: the older backups of {names} are generated", names=names),)
    return ()


def _absent(settings: Settings) -> Absent | None:
    return Absent(NO_BACKUPS) if settings.backups is None else None


def backups(depth: Depth = "full", only: str = "") -> System:
    """The section as a person may narrow it: to what needs no restore, to one database."""
    checks = CHECKS if depth == "full" else FILE_CHECKS
    return System(LINE, checks, partial(verify_backups, depth=depth, only=only), _absent)


BACKUPS: Final = backups()
