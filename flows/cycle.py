"""The cycles of the monitoring: every minute, all services side by side, none of which can delay another."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Final, Self

from prefect.logging import get_run_logger

from flows.delivery import deliver
from flows.incident_pages import write_stale_pages
from flows.timing import SKIPPED
from tasks.alerts.act import take_action
from tasks.alerts.heartbeat import beat
from tasks.alerts.store.actions import Claimed
from tasks.alerts.watch import AlertWatch
from tasks.check_result import Message, in_english, msg, verbatim
from tasks.configuration import ConfigurationError
from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.history.engine import History, HistoryError
from tasks.history.opened import history_of
from tasks.history.settings import History as HistorySettings
from tasks.monitoring.collect import Collected, Collector, asks_for_something, is_monitored
from tasks.monitoring.store.lease import GRACE, MINUTE, Begun, Held, begin_minute, end_minute, let_go, minute_of
from tasks.observation import ObservationError, Unobserved
from tasks.round import utc_now
from tasks.schedule.store import note_run
from tasks.secrets import masked
from tasks.settings import Settings, services_folder, usable_services
from tasks.visible import StepState, async_step, plainly

COLLECTED: Final = "Collected"
INCOMPLETE: Final = "Incomplete"
_SPARE = timedelta(seconds=5)
"""A cycle ends so long before the next minute."""
_LEAST = timedelta(seconds=15)
"""What is left of a minute in which a cycle still begins."""
_SENDING_S = 20.0
"""No further message is begun after so long, but beside one that hangs, and none is waited for any longer."""
_NAP_S = 5.0
"""Nobody sleeps longer at a stretch, so that a clock that was set is seen."""
_COLLECTING = 0.8
"""Of a minute, the part that may go by before its alerts are looked at, whatever hangs."""
_WAITING = 0.5
"""Of what is left of a minute, the part in which messages are waited for, whatever hangs."""
_ACTING_S = 95.0
"""No action takes longer."""
_ONE_S = 110.0
_MOST_THREADS = 256
_LEFT_BEHIND_S = 20.0
_MOST_NAMED = 3
_LATE = msg("Not all was done within the minute")


@dataclass(frozen=True, slots=True)
class Minute:
    """What a minute of a service, or of all, came to; `held_by` is the run that monitors it in place of this one."""

    name: str
    found: str = ""
    problems: tuple[str, ...] = ()
    held_by: str | None = None

    @property
    def state(self) -> StepState:
        """Red as soon as anything could not be collected: a gap must not be found out a month later."""
        if self.held_by is not None:
            return StepState(SKIPPED, verbatim(f"the run {self.held_by} has it"), good=True)
        if not (self.found or self.problems):
            return StepState(SKIPPED, verbatim("no service file names anything to collect"), good=True)
        name = INCOMPLETE if self.problems else COLLECTED
        return StepState(name, verbatim(self.text), not self.problems)

    @property
    def text(self) -> str:
        """What was collected, and the first things that were not."""
        if not self.problems:
            return self.found
        missing = "; ".join(self.problems[:_MOST_NAMED])
        return f"{self.found}; not collected: {missing}" if self.found else missing


@dataclass(slots=True)
class Quarter:
    """What a run has come to; `skipped` says why it monitored nothing: another run does, or nothing is asked for."""

    minutes: int = 0
    complete: int = 0
    problems: list[str] = field(default_factory=list)
    skipped: str | None = None

    @property
    def good(self) -> bool:
        """True when there was a minute, and nothing is lacking."""
        return 0 < self.minutes == self.complete and not self.problems

    @property
    def text(self) -> str:
        """How many minutes were complete, and what the first ones lack that were not."""
        if not self.minutes:
            return "too little was left of the last minute: nothing was collected"
        return "; ".join([f"{self.complete} of {self.minutes} minutes complete", *self.problems])

    def add(self, minute: Minute) -> None:
        """One minute more."""
        self.minutes += 1
        self.complete += not minute.problems
        if minute.problems and len(self.problems) < _MOST_NAMED:
            self.problems.append(f"{minute.name} {minute.problems[0]}")


@dataclass(slots=True)
class _Service:
    """What stays of a service from one minute to the next."""

    collector: Collector
    alerts: AlertWatch = field(default_factory=AlertWatch)
    asked: HistorySettings | None = None
    history: History | None = None
    sending: "asyncio.Task[None] | None" = None
    unsent: list[str] = field(default_factory=list)
    """Why messages could not be sent, until a minute says so."""

    acting: "set[asyncio.Task[None]]" = field(default_factory=set)
    gap: tuple[str, ...] = ()

    def opened(self, settings: Settings) -> History:
        """The history, opened once. Raises ExplainedError as `history_of` does."""
        if self.history is None or self.asked != settings.history:
            self.forget_history()
            self.history, self.asked = history_of(settings), settings.history
        return self.history

    async def acted(self) -> None:
        """Wait for the actions that are under way."""
        if self.acting:
            await asyncio.wait(self.acting, timeout=_ACTING_S)

    def send(self, settings: Settings, history: History) -> "asyncio.Task[None]":
        """Send what is due: beside a message that hangs, the delivery that is under way sends new ones too."""
        if self.sending is None or self.sending.done():
            self.sending = asyncio.create_task(_send(settings, history, self.unsent.append))
        return self.sending

    def forget_history(self) -> None:
        """Open it anew the next time."""
        if self.history is not None:
            self.history.dispose()
        self.history = None


class Cycles:
    """Holds cycles; `holder` is the name by which a person finds the run. `now` and `sleep` are the clock."""

    def __init__(
        self,
        holder: str,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._holder, self._now, self._sleep = holder, now, sleep
        self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="look")
        self._services: dict[str, _Service] = {}

    def __enter__(self) -> Self:
        # The usual pool has six threads on two processors: what hangs in one service would stop the others.
        asyncio.get_running_loop().set_default_executor(self._threads)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # A thread that hangs, as on a file server that is gone, would keep the process for as long: leave it behind.
        if any(service.collector.hangs for service in self._services.values()):
            leave = threading.Timer(_LEFT_BEHIND_S, os._exit, [0])
            leave.daemon = True
            leave.start()
        for service in self._services.values():
            service.forget_history()

    async def hold_one(self, settings: Settings, now: datetime) -> Minute:
        """One cycle of one service, whoever monitors it. Raises ExplainedError as `collect` does."""
        with plainly():
            name = settings.service.name
            service = self._service(name)
            history = await asyncio.to_thread(service.opened, settings)
            collected = await service.collector.collect(settings, history, now, Deadline.after(_ONE_S, _LATE))
            deadline = Deadline.after(_ONE_S)
            found, problems, anything = await self._then_watched(service, settings, history, collected, now, deadline)
            await asyncio.to_thread(end_minute, history, name, self._holder, now, monitored=anything)
            await _send(settings, history, problems.append, beside_what_hangs=False)
            await service.acted()
            problems += map(masked, await write_stale_pages(settings, history, now))
        for problem in problems:
            get_run_logger().warning(problem)
        return Minute(name, found, tuple(problems))

    async def hold(self, begin: datetime, end: datetime) -> Quarter:
        """A cycle a minute from `begin` to `end`; fewer when another run monitors every service."""
        quarter, others, skipped = Quarter(), 0, None
        await asyncio.to_thread(self._get_ready)
        await self._until(begin)
        deadline = Deadline.after((end - self._now() + MINUTE).total_seconds())  # a clock may be set back
        while (now := self._now()) < end and not deadline.passed:
            minute_at = minute_of(now)
            if minute_at + MINUTE - now > _LEAST:
                minute = await async_step(f"{minute_at:%H:%MZ}", partial(self._cycle, now), lambda found: found.state)
                if minute.found or minute.problems:
                    quarter.add(minute)
                else:
                    skipped = minute.state.reason
                    others += minute.held_by is not None
                    if others > 1:  # in the first minute that may be a run that has just died
                        break
            if minute_at + MINUTE >= end:  # the next run is on its way: two would need their memory twice
                break
            await self._until(minute_at + MINUTE)
        quarter.problems += await self._end()
        if skipped is not None and not quarter.minutes:
            quarter.skipped = in_english(skipped)
        return quarter

    def _get_ready(self) -> None:
        with suppress(ConfigurationError):  # the first cycle says so
            for name, settings in usable_services(services_folder())[0].items():
                self._service(name).collector.get_ready(settings)

    def _service(self, name: str) -> _Service:
        return self._services.setdefault(name, _Service(Collector(self._threads)))

    async def _cycle(self, now: datetime) -> Minute:
        broken: Sequence[ConfigurationError]
        with plainly():
            try:
                services, broken = await asyncio.to_thread(usable_services, services_folder())
            except ConfigurationError as error:
                services, broken = {}, [error]
            minutes = await asyncio.gather(*(self._minute(settings, now) for settings in services.values()))
        found = "; ".join(f"{minute.name}: {minute.found}" for minute in minutes if minute.found)
        problems = [f"{minute.name}: {problem}" for minute in minutes for problem in minute.problems]
        problems += [masked(str(error)) for error in broken]
        for problem in problems:
            get_run_logger().warning(problem)
        mine = [minute for minute in minutes if minute.held_by is None]
        others = next((minute.held_by for minute in minutes if minute.held_by is not None), None)
        at = f"{minute_of(now):%H:%MZ}"
        return Minute(at, found, tuple(problems), others if not mine and not broken else None)

    async def _minute(self, settings: Settings, now: datetime) -> Minute:
        """A service's minute, whatever happens in it, and the minutes before it that nobody monitored."""
        service = self._service(settings.service.name)
        service.gap = ()
        minute = await self._tried(service, settings, now)
        return replace(minute, problems=(*service.gap, *minute.problems))

    async def _tried(self, service: _Service, settings: Settings, now: datetime) -> Minute:
        name = settings.service.name
        deadline = Deadline.after((minute_of(now) + MINUTE - _SPARE - now).total_seconds(), _LATE)
        try:
            found = await deadline.in_time(self._taken(service, settings, now, deadline))
            return Minute(name, problems=(_said(found.reason),)) if isinstance(found, Unobserved) else found
        except ObservationError as error:
            return Minute(name, problems=(_said(error.reason),))
        except ExplainedError as error:
            service.forget_history()  # its password may have been changed
            return Minute(name, problems=(masked(str(error)),))
        except Exception as error:  # the other services' minutes go on
            get_run_logger().exception(f"{name}: the cycle broke")
            return Minute(name, problems=(f"the cycle broke: {type(error).__name__}",))

    async def _taken(self, service: _Service, settings: Settings, now: datetime, deadline: Deadline) -> Minute:
        name, history = settings.service.name, await asyncio.to_thread(service.opened, settings)
        if not is_monitored(settings):
            return Minute(name, problems=await self._sent(service, settings, history, deadline))
        begun = await self._begun(history, name, now)
        if isinstance(begun, Held):
            return Minute(name, held_by=begun.holder)
        service.gap = _gap(begun)
        service.send(settings, history)
        collected = await self._collected(service, settings, history, now, deadline)
        found, problems, anything = await self._then_watched(service, settings, history, collected, now, deadline)
        if collected.ended:
            await asyncio.to_thread(end_minute, history, name, self._holder, now, monitored=anything)
        unsent = await self._sent(service, settings, history, deadline)
        unwritten = map(masked, await write_stale_pages(settings, history, now))
        return Minute(name, found, (*problems, *unsent, *unwritten))

    async def _collected(
        self, service: _Service, settings: Settings, history: History, now: datetime, deadline: Deadline
    ) -> Collected:
        """What a minute gave. It ends in time for the alerts, whatever hangs or cannot be used."""
        in_time = deadline.within(_COLLECTING * deadline.left_s)
        try:
            found = await in_time.in_time(service.collector.collect(settings, history, now, in_time))
        except ObservationError as error:
            found = Unobserved(error.reason)
        except HistoryError:
            raise
        except ExplainedError as error:
            found = Unobserved(verbatim(masked(str(error))))
        return Collected("", (found.reason,), ended=False) if isinstance(found, Unobserved) else found

    async def _then_watched(
        self,
        service: _Service,
        settings: Settings,
        history: History,
        collected: Collected,
        now: datetime,
        deadline: Deadline,
    ) -> tuple[str, list[str], bool]:
        """The guide's next steps: analyse, alert, act and verify.

        What a minute gave with them, what it lacks, and whether there was anything to be seen.
        """
        name, problems = settings.service.name, list(map(_said, collected.missing))
        if collected.deployed is not None:
            get_run_logger().info(f"{name}: {collected.deployed}")
        if settings.alerts is None:
            return collected.found, problems, collected.anything
        watched = await service.alerts.minute(settings, settings.alerts, history, now, deadline)
        for claimed in watched.kept.claimed:
            task = asyncio.create_task(_act(settings, history, claimed))
            service.acting.add(task)
            task.add_done_callback(service.acting.discard)
        problems += dict.fromkeys(map(_said, (*watched.missing, *watched.kept.unreached)))
        if (problem := await beat(settings, settings.alerts)) is not None:
            problems.append(masked(problem))
        anything = collected.anything or not (asks_for_something(settings) or watched.missing)
        return ", ".join(part for part in (collected.found, watched.text) if part), problems, anything

    async def _begun(self, history: History, service: str, now: datetime) -> Begun | Held:
        begun = await asyncio.to_thread(begin_minute, history, service, self._holder, now)
        if isinstance(begun, Held) and begun.until <= minute_of(now) + GRACE:  # nobody has begun this minute yet
            await self._sleep((begun.until - self._now()).total_seconds())
            begun = await asyncio.to_thread(begin_minute, history, service, self._holder, self._now())
        return begun

    async def _sent(
        self, service: _Service, settings: Settings, history: History, deadline: Deadline
    ) -> tuple[str, ...]:
        """Send what is due: what is under way may have looked for the last time before the newest ones were put."""
        deadline = deadline.within(min(_SENDING_S, _WAITING * deadline.left_s))
        for _ in range(2):
            sending = service.send(settings, history)
            await asyncio.wait((sending,), timeout=deadline.left_s)
        unsent, service.unsent = service.unsent, []
        return tuple(unsent)

    async def _until(self, at: datetime) -> None:
        """Sleep until a time of the next minute, or until the clock is set back."""
        left = at - self._now()
        while timedelta(0) < left <= MINUTE:
            await self._sleep(min(left.total_seconds(), _NAP_S))
            left = at - self._now()

    async def _end(self) -> list[str]:
        """Wait a little for messages on their way and actions under way, and let go of the leases.

        What could not be sent, and no minute has said so.
        """
        sending = [s.sending for s in self._services.values() if s.sending is not None and not s.sending.done()]
        if sending:
            await asyncio.wait(sending, timeout=_SENDING_S)
        for service in self._services.values():
            await service.acted()
        for name, service in self._services.items():
            if service.history is not None:
                with suppress(ExplainedError):  # then it ends by itself
                    await asyncio.to_thread(let_go, service.history, name, self._holder)
                    await asyncio.to_thread(note_run, service.history, name, "monitoring", self._now())
        unsent = [f"{name}: {problem}" for name, service in self._services.items() for problem in service.unsent]
        for problem in unsent:
            get_run_logger().warning(problem)
        return unsent


async def _act(settings: Settings, history: History, claimed: Claimed) -> None:
    """Take an action; what came of it is in the history, and in the log."""
    try:
        get_run_logger().info(f"{settings.service.name}: {await take_action(settings, history, claimed)}")
    except ExplainedError as error:
        get_run_logger().warning(f"{settings.service.name}: {masked(str(error))}")


async def _send(
    settings: Settings, history: History, warn: Callable[[str], None], *, beside_what_hangs: bool = True
) -> None:
    """Send what is due; `warn` gets what could not be sent, and why."""

    def masking(problem: str) -> None:
        warn(masked(problem))

    try:
        await deliver(settings, history, masking, _SENDING_S, beside_what_hangs=beside_what_hangs)
    except ExplainedError as error:
        masking(str(error))
    except Exception as error:  # the minute and its alerts go on
        get_run_logger().exception(f"{settings.service.name}: the delivery broke")
        masking(f"the delivery broke: {type(error).__name__}")


def _gap(begun: Begun) -> tuple[str, ...]:
    """The minutes before this one that were not monitored, or not to the end: unknown, and nobody else would say so."""
    if begun.gap is None:
        return ()
    first, end = begun.gap
    return (f"not monitored to the end: {(end - first) // MINUTE} minutes from {first:%Y-%m-%d %H:%MZ}",)


def _said(message: Message) -> str:
    return masked(in_english(message))
