"""Sends a service's messages: lease, render, send, mark. At least once; a kill doubles at most one on each route."""

import asyncio
import logging
import math
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from flows.channels import CHANNELS, Send, gap, route
from flows.messages import fallbacks, render
from tasks.configuration import ConfigurationError
from tasks.deadline import Deadline
from tasks.delivery.errors import DeliveryError, MailOutcome, permanent
from tasks.history.engine import History, HistoryError
from tasks.history.outbox import (
    Handling,
    Leased,
    Route,
    State,
    is_any_due,
    lease_next,
    mark_failed,
    mark_retry,
    mark_sent,
    mark_unknown,
    next_unpaused,
)
from tasks.round import utc_now
from tasks.secrets import masked
from tasks.settings import Settings

_log = logging.getLogger(__name__)
Mark = Callable[[History, Leased, str, datetime], State]
_MOST_MESSAGES = 200
_GIVE_UP_AFTER = 3
_SOON_S: Final = 10.0
"""A pause that ends within so long is waited for."""
_LEAST_S: Final = 0.02
_LOOK_S: Final = 1.0
"""While a message is on its way, how long a new one to somebody else waits at most."""


async def deliver(
    settings: Settings,
    history: History,
    warn: Callable[[str], None],
    longest_s: float = math.inf,
    *,
    beside_what_hangs: bool = False,
) -> Counter[str]:
    """Send a service's due messages and count what became of them; `warn` gets a line for each that was not delivered.

    Begins no further message after `longest_s`, unless they go on `beside_what_hangs`, until that has ended. Recipients
    of different channels do not wait for each other; after three refusals in a row a channel gets no more: one that is
    down is not asked for every message.
    """
    if not await asyncio.to_thread(is_any_due, history, settings.service.name, utc_now()):
        return Counter()
    async with AsyncExitStack() as stack:
        senders = {name: await stack.enter_async_context(channel(settings)) for name, channel in CHANNELS.items()}
        delivery = _Delivery(settings, history, senders, warn)
        await delivery.run(Deadline.after(longest_s), beside_what_hangs=beside_what_hangs)
    return delivery.totals


@dataclass(slots=True)
class _Delivery:
    """The messages on their way: one at a time on each route."""

    settings: Settings
    history: History
    senders: Mapping[str, Send]
    warn: Callable[[str], None]
    totals: Counter[str] = field(default_factory=Counter)
    stopped: set[Route] = field(default_factory=set)
    _refused: Counter[Route] = field(default_factory=Counter)
    _on_their_way: dict[Route, "asyncio.Task[None]"] = field(default_factory=dict)

    async def run(self, deadline: Deadline, *, beside_what_hangs: bool) -> None:
        """Until nothing is due, or the time is over and what is on its way has ended."""
        begun, hanging = 0, set[asyncio.Task[None]]()
        try:
            while begun < _MOST_MESSAGES:
                if not deadline.passed:
                    hanging = set(self._on_their_way.values())
                elif not (beside_what_hangs and any(not task.done() for task in hanging)):
                    break
                leased = await self._leased()
                if leased is not None:
                    begun += 1
                    self._on_their_way[route(leased.message)] = asyncio.create_task(self._deliver(leased))
                elif not await self._something_may_be_due(deadline):
                    break
                self._settle()
        except asyncio.CancelledError:
            for task in self._on_their_way.values():
                task.cancel()
            raise
        finally:
            await asyncio.gather(*self._on_their_way.values(), return_exceptions=True)
        self._settle()

    async def _leased(self) -> Leased | None:
        handling = Handling(partial(fallbacks, self.settings), partial(gap, self.settings))
        without = self.stopped | self._on_their_way.keys()
        return await asyncio.to_thread(
            lease_next, self.history, self.settings.service.name, utc_now(), handling, without
        )

    async def _something_may_be_due(self, deadline: Deadline) -> bool:
        """Wait for the end of a message or a pause, or a moment; False when there is neither, or none soon enough."""
        without, now = self.stopped | self._on_their_way.keys(), utc_now()
        until = await asyncio.to_thread(next_unpaused, self.history, self.settings.service.name, now, without)
        wait_s = math.inf if until is None else max((until - utc_now()).total_seconds(), _LEAST_S)
        soon = wait_s <= min(_SOON_S, deadline.left_s)
        if self._on_their_way:
            most = min(wait_s, _LOOK_S)
            await asyncio.wait(self._on_their_way.values(), timeout=most, return_when=asyncio.FIRST_COMPLETED)
        elif soon:
            await asyncio.sleep(wait_s)
        return bool(self._on_their_way) or soon

    def _settle(self) -> None:
        """Take out what has ended; raises what went wrong with it."""
        for ended in [key for key, task in self._on_their_way.items() if task.done()]:
            self._on_their_way.pop(ended).result()

    async def _deliver(self, leased: Leased) -> None:
        message = leased.message
        state, answer, refused = await self._deliver_one(leased)
        self.totals[state] += 1
        by = route(message)
        self._refused[by] = self._refused[by] + 1 if refused else 0
        if self._refused[by] >= _GIVE_UP_AFTER:
            self.stopped.add(by)
        if state != "sent":
            self.warn(f"{message.channel} to {message.recipient}: {state}: {answer}")

    async def _deliver_one(self, leased: Leased) -> tuple[State, str, bool]:
        """The message's state, what was answered, and whether the other side could not be asked properly."""
        message, refused = leased.message, False
        mark: Mark = mark_sent
        try:
            send = self._sender(message.channel)
            notice = await asyncio.to_thread(render, self.settings, self.history, message)
            answer = await send(message, notice)
        except DeliveryError as error:
            answer, refused = str(error), error.kind is not MailOutcome.PERMANENT
            mark = _mark(error)
        except ConfigurationError as error:
            answer, refused = str(error), True
            mark = partial(mark_retry, hopeless=True)
        except HistoryError:
            raise
        except Exception as error:  # of one message: the others must go all the same
            _log.error(masked(f"{message.dedupe_key}: {traceback.format_exc()}"))
            answer = f"opsrounds failed unexpectedly ({type(error).__name__}): its log has the details"
            mark = partial(mark_retry, hopeless=True)
        answer = masked(answer)
        return await asyncio.to_thread(mark, self.history, leased, answer, utc_now()), answer, refused

    def _sender(self, channel: str) -> Send:
        if channel not in self.senders:
            known = " or ".join(self.senders)
            raise permanent(f"this version of opsrounds cannot send by {channel!r}, only by {known}: upgrade it")
        return self.senders[channel]


def _mark(error: DeliveryError) -> Mark:
    if error.kind is MailOutcome.PERMANENT:
        return mark_failed
    if error.kind is MailOutcome.UNKNOWN:
        return mark_unknown
    after = None if error.retry_after_s is None else timedelta(seconds=error.retry_after_s)
    return partial(mark_retry, after=after)
