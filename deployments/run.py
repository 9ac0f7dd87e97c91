"""Holds one round by hand: the flow, then its letters, with what came of both."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefect import State
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker

from flows.daily_checklist import daily_checklist
from flows.options import DailyOptions
from flows.outbox import deliver
from flows.rounds import opened
from reports.report import Report, Seal
from tasks.errors import ExplainedError
from tasks.guide.judge import Verdict
from tasks.history.opened import history_of
from tasks.history.runs import read_runs
from tasks.settings import Settings

FLOWS = {"daily-checklist": daily_checklist}
_EXIT_STATUS = {Verdict.PASSED: 0, Verdict.ATTENTION: 0, Verdict.FAILED: 1, Verdict.INCOMPLETE: 3}
BROKEN = 3
_FLUSH_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Held:
    """A round that was held: how its run ended, its report if it got that far, and its letters by state."""

    state: str
    message: str
    report: Report | None
    seal: Seal | None
    letters: Counter[str]

    @property
    def exit_status(self) -> int:
        """The exit status of `rounds run`: a round that broke or was not archived is never 0."""
        if self.report is None or self.state not in set(Verdict):
            return BROKEN
        return _EXIT_STATUS[self.report.verdict]


async def _run(flow: str, service: str, options: DailyOptions) -> State[Any]:
    return await FLOWS[flow](service, options, return_state=True)


def flush_prefect() -> None:
    """Send Prefect's log and events now: later the server may be gone, and the process would wait for it at exit."""
    APILogWorker.drain_all(timeout=_FLUSH_WITHIN_S, at_exit=False)
    EventsWorker.drain_all(timeout=_FLUSH_WITHIN_S, at_exit=False)


def hold_round(flow: str, settings: Settings, options: DailyOptions, warn: Callable[[str], None]) -> Held:
    """Run a flow in this process on the Prefect server of the environment, then send what it caused.

    Raises ExplainedError as the flow does.
    """
    history = history_of(settings)
    newest = read_runs(history, settings.service.name, most=1)
    state = asyncio.run(_run(flow, settings.service.name, options))
    flush_prefect()
    error = getattr(state.data, "result", None)
    if isinstance(error, ExplainedError):
        raise error
    now_newest = read_runs(history, settings.service.name, most=1)
    if not now_newest or now_newest == newest:
        return Held(state.name or "", state.message or "", None, None, Counter())
    report, seal = opened(now_newest[0])
    return Held(state.name or "", state.message or "", report, seal, deliver(settings, warn))
