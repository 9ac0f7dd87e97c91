"""履歴の整理 / Tidies the history: what is too old is merged or removed, a little at a time."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.ending import ended_by_sigterm
from flows.timing import Schedule, Timing, planned_start
from reports.archive import remove_older
from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.history.opened import history_of
from tasks.housekeeping.tidy import Tidying
from tasks.round import utc_now
from tasks.schedule.store import note_run
from tasks.secrets import masked
from tasks.settings import Settings, chosen_services

TIMING = Timing(deadline=timedelta(minutes=20))
SCHEDULE = Schedule("40 18 * * *", "housekeeping-daily")
"""In UTC, as for all services of the machine: 03:40 in Japan."""
TIDIED, INCOMPLETE = "Tidied", "Incomplete"
_WORK = timedelta(minutes=15)
_PAUSE_S = 0.1
"""Between two transactions: a writer that waits for SQLite's lock looks for it ten times a second."""


def run_name() -> str:
    """Whose history a run tidies, and on which day."""
    return f"{flow_run.parameters['service'] or 'every service'} {planned_start() or utc_now():%Y-%m-%d}"


@flow(name="housekeeping", flow_run_name=run_name, retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def housekeeping(service: str | None = None) -> State[Any]:
    """履歴の整理: 古い計測値の集約、保存期間を過ぎたものの削除 / Merges and removes what the history need not keep.

    Args:
        service: 空欄は全サービス / name of one service; empty: every service of this machine
    """
    chosen, broken = chosen_services(service)
    problems = [str(error) for error in broken]
    found, deadline = [], Deadline.after(_WORK.total_seconds())
    for left, (name, settings) in zip(range(len(chosen), 0, -1), chosen.items(), strict=True):
        with ended_by_sigterm():
            removed, unsolved = await _tidied(settings, Deadline.after(deadline.left_s / left), utc_now())
        found.append(f"{name}: {_words(removed)}")
        problems += [f"{name}: {problem}" for problem in unsolved]
    for problem in problems:
        get_run_logger().warning(masked(problem))
    text = masked("; ".join((*found, *problems)))
    return Failed(name=INCOMPLETE, message=text) if problems else Completed(name=TIDIED, message=text)


async def _tidied(settings: Settings, deadline: Deadline, now: datetime) -> tuple[Mapping[str, int], list[str]]:
    """Tidy a service; what was done by what it was, and what was not."""
    try:
        history = await asyncio.to_thread(history_of, settings)
    except ExplainedError as error:
        return {}, [str(error)]
    tidying = Tidying(history, settings, now)
    try:
        steps = tidying.steps()
        while await asyncio.to_thread(next, steps, None) is not None:
            if deadline.passed:
                tidying.problems.append("not all was done in time: the next run goes on")
                break
            await asyncio.sleep(_PAUSE_S)
        if (before := (await asyncio.to_thread(tidying.plan)).pages) is not None:
            name, locales = settings.service.name, settings.reports.locales
            tidying.removed["reports"] += await asyncio.to_thread(remove_older, settings.output, name, before, locales)
        await asyncio.to_thread(note_run, history, settings.service.name, "housekeeping", utc_now())
    except ExplainedError as error:
        tidying.problems.append(str(error))
    finally:
        history.dispose()
    return tidying.removed, tidying.problems


def _words(removed: Mapping[str, int]) -> str:
    return ", ".join(f"{rows:,} {what}" for what, rows in removed.items() if rows) or "nothing was too old"
