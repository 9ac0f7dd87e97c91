"""Runs one checklist now: the flow, then its mail, with what came of both."""

import asyncio
import signal
import sys
from asyncio import AbstractEventLoop, Task
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, cast

import httpx
from prefect import State
from prefect.client.schemas.objects import StateType
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectException
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_CLIENT_METRICS_ENABLED,
    temporary_settings,
)
from prefect.states import Crashed

from flows.catalogue import flow_of
from flows.checklist import Checklist
from flows.delivery import deliver
from flows.messages import parse_report
from flows.options import RoundOptions
from flows.rounds import recorded
from reports.report import Report, Seal
from tasks.errors import ExplainedError
from tasks.guide.judge import Verdict
from tasks.history.opened import history_of
from tasks.history.runs import StoredRun
from tasks.settings import Settings

_EXIT_STATUS = {Verdict.PASSED: 0, Verdict.ATTENTION: 0, Verdict.FAILED: 1, Verdict.INCOMPLETE: 3}
BROKEN = 3
_FLUSH_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, its report if it got that far, and the number of its messages by what became of them.

    `mail` is None when nothing could be sent: the messages wait.
    """

    state: str
    message: str
    report: Report | None
    seal: Seal | None
    mail: Counter[str] | None

    @property
    def exit_status(self) -> int:
        """The exit status of `rounds run`: a round that broke or was not archived is never 0."""
        known = self.report is not None and self.state in set(Verdict)
        return _EXIT_STATUS.get(Verdict(self.state), BROKEN) if known else BROKEN


async def _run(checklist: Checklist, service: str, options: RoundOptions) -> State[Any]:
    run: Any = flow_of(checklist)
    state: State[Any] = await run(service, options, return_state=True)
    return state


def _in_a_thread(run: Coroutine[Any, Any, State[Any]]) -> State[Any]:
    """The coroutine's result, while the main thread waits for it and for signals: Ctrl-C and SIGTERM cancel it.

    In the main thread Prefect raises SIGTERM wherever the event loop happens to be. There asyncio may swallow it, and
    what it broke off may wait for ever: 2 of 12 runs did not end by it.
    """
    begun: Future[tuple[AbstractEventLoop, Task[Any]]] = Future()

    async def begin() -> State[Any]:
        begun.set_result((asyncio.get_running_loop(), cast("Task[Any]", asyncio.current_task())))
        return await run

    with ThreadPoolExecutor(max_workers=1) as thread:
        running = thread.submit(copy_context().run, asyncio.run, begin())
        try:
            with _exit_on_sigterm():
                return running.result()
        except (KeyboardInterrupt, SystemExit):
            loop, task = begun.result()
            with suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(task.cancel)
            wait([running])
            flush_prefect()
            raise


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """SIGTERM ends this process with 143, the shell's status for it: Python's own would be 1, "checks failed"."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def of_server(variables: Mapping[str, str]) -> AbstractContextManager[Any]:
    """Prefect in this process as a client of a server; its environment was read when it was imported."""
    settings = (PREFECT_API_URL, PREFECT_API_AUTH_STRING, PREFECT_CLIENT_METRICS_ENABLED)
    known: dict[Any, Any] = {setting: variables[setting.name] for setting in settings if setting.name in variables}
    return temporary_settings(known)


def flush_prefect() -> None:
    """Send Prefect's log and events now: later the server may be gone, and the process would wait for it at exit."""
    APILogWorker.drain_all(timeout=_FLUSH_WITHIN_S, at_exit=False)
    EventsWorker.drain_all(timeout=_FLUSH_WITHIN_S, at_exit=False)


def run_now(checklist: Checklist, settings: Settings, options: RoundOptions, warn: Callable[[str], None]) -> RunResult:
    """Run a checklist in this process on the Prefect server of the environment, then send what it caused.

    Raises ExplainedError as the flow does. SIGTERM ends the process, as it does outside a run.
    """
    stored: list[StoredRun] = []
    listening = recorded.set(stored.append)
    try:
        state = _in_a_thread(_run(checklist, settings.service.name, options))
    except Exception as ended:
        # Prefect wraps what its server did not answer; a bug of the round is in the state, it is not raised.
        if not any(isinstance(error, httpx.HTTPError | PrefectException) for error in (ended, ended.__cause__)):
            raise
        state = _lost(ended, bool(stored))
    finally:
        recorded.reset(listening)
    if state.type is not StateType.CRASHED:  # else there may be nobody to send it to
        flush_prefect()
    error = getattr(state.data, "result", None)
    if isinstance(error, ExplainedError):
        raise error
    name, message = state.name or "", state.message or ""
    if not stored:
        return RunResult(name, message, None, None, Counter())
    report, seal = parse_report(stored[-1])
    return RunResult(name, message, report, seal, _delivered(settings, warn))


def _lost(error: Exception, is_stored: bool) -> State[Any]:
    """The end of a run whose server went away: the state is Prefect's, the round is the history's."""
    kept = "the round had ended before and is stored" if is_stored else "nothing of the round is stored: run it again"
    return Crashed(message=f"the Prefect server was lost ({type(error).__name__}); {kept}")


def _delivered(settings: Settings, warn: Callable[[str], None]) -> Counter[str] | None:
    """What became of the messages; where they cannot be sent they stay in the outbox."""
    try:
        return asyncio.run(deliver(settings, history_of(settings), warn))
    except ExplainedError as error:
        warn(f"mail was not sent, the monitoring or the next round tries again: {error}")
        return None
