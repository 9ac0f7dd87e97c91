"""Minutes, requests and windows as tests write them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from tasks.check_result import Message
from tasks.slo.budget.state import ObjectiveState, state_of
from tasks.slo.facts import Minutes, Probes, ScopeTraffic
from tasks.slo.settings import Alerts, Availability, Uptime
from tasks.slo.sli.unmeasured import missing
from tasks.slo.windows import Window, minute_of

START = datetime(2026, 11, 1, tzinfo=UTC)
FIRST = minute_of(START)
UTC_ZONE = ZoneInfo("UTC")


def window(days: float, elapsed_days: float | None = None, start: datetime = START) -> Window:
    """A window of so many days, of which so many have passed."""
    elapsed = days if elapsed_days is None else elapsed_days
    return Window(start, start + timedelta(days=days), start + timedelta(days=elapsed))


def events(good: Sequence[int], total: Sequence[int], first: int = FIRST, unread: float = 0.0) -> Minutes:
    """Minutes that were all measured; of each, so many events could not be read."""
    everything = np.ones(len(total), dtype=np.bool_)
    unsure = np.full(len(total), unread)
    return Minutes(first, np.array(good, dtype=np.int64), np.array(total, dtype=np.int64), everything, unsure)


def minutes_up(
    length: int, down: Sequence[tuple[int, int]] = (), unmeasured: Sequence[tuple[int, int]] = ()
) -> Minutes:
    """One event a minute: down, and not measured, in the given spans of minutes from the start."""
    good, measured = np.ones(length, dtype=np.int64), np.ones(length, dtype=np.bool_)
    for start, end in down:
        good[start:end] = 0
    for start, end in unmeasured:
        measured[start:end] = False
    return Minutes(FIRST, good * measured, measured.astype(np.int64), measured, lost=missing(measured))


def traffic(
    valid: Sequence[int], bad: Sequence[int] | None = None, within: Sequence[int] | None = None, bound: float = 200.0
) -> ScopeTraffic:
    """Requests by minute, all timed."""
    counted = np.array(valid, dtype=np.int64)
    failed = np.zeros_like(counted) if bad is None else np.array(bad, dtype=np.int64)
    quick = counted if within is None else np.array(within, dtype=np.int64)
    measured = np.ones(counted.size, dtype=np.bool_)
    return ScopeTraffic(FIRST, counted, failed, measured, {bound: counted}, {bound: quick})


def probes(asked: Sequence[int], failed: Sequence[int]) -> Probes:
    """Probes by minute."""
    return Probes(FIRST, np.array(asked, dtype=np.int64), np.array(failed, dtype=np.int64))


def uptime(**more: Any) -> Uptime:
    """The guide's uptime."""
    return Uptime(**({"name": "uptime", "kind": "uptime", "target": 0.9995} | more))


def availability(**more: Any) -> Availability:
    """The guide's availability."""
    return Availability(**({"name": "availability", "kind": "availability", "target": 0.999} | more))


def state(
    objective: Any,
    minutes: Minutes,
    over: Window,
    maintenance: Sequence[Any] = (),
    doubt: Message | None = None,
    **alerts: Any,
) -> ObjectiveState:
    """Where an objective stands; with the default alerts unless others are given."""
    return state_of(objective, minutes, over, maintenance, Alerts(**alerts), doubt)
