"""Runs of the monitoring on a clock that runs faster."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest import mock

from prefect import State, flow
from prefect.states import Completed

from flows import cycle
from flows.cycle import Cycles, Quarter
from tasks.check_result import Message
from tasks.deadline import NO_TIME_LEFT, Deadline

FAST: Final = 15.0
MINUTE: Final = timedelta(minutes=1)


@dataclass
class Clock:
    """Runs FAST times as fast as the world, from a little after a minute's begin; `ahead` is added to what it says."""

    begin: datetime = field(default_factory=lambda: datetime.now(UTC).replace(second=1, microsecond=0))
    ahead: timedelta = timedelta(0)
    _started: float | None = None

    def now(self) -> datetime:
        self._started = self._started or time.monotonic()
        return self.begin + self.ahead + timedelta(seconds=(time.monotonic() - self._started) * FAST)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / FAST)


class _Quick(Deadline):
    """A deadline on such a clock."""

    @classmethod
    def after(cls, seconds: float, reason: Message = NO_TIME_LEFT) -> Deadline:
        return Deadline.after(seconds / FAST, reason)


@dataclass(frozen=True)
class Watch:
    """What came of a run, and the state of its flow run."""

    quarter: Quarter
    state: State[Any]


def watched(minutes: int, clock: Clock | None = None, holder: str = "run") -> Watch:
    """A run that lasts until so many minutes of the clock have begun."""
    clock, found = clock or Clock(), list[Quarter]()

    @flow(name="cycles", retries=0)
    async def run() -> State[Any]:
        clock.now()
        with Cycles(holder, clock.now, clock.sleep) as cycles:
            found.append(await cycles.hold(clock.begin, clock.begin.replace(second=0) + minutes * MINUTE))
        return Completed()

    with mock.patch.object(cycle, "Deadline", _Quick):
        state: Any = asyncio.run(run(return_state=True))
    return Watch(found[0], state)
