"""Counters of which two readings make a figure, and how a process that looks every minute spares the wait between."""

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
_MOST_S = 120.0
"""What was counted before, such as before a suspension, says nothing of this minute."""


class Watch:
    """The counters of the last look of this process: the next one compares with them, and so sees all of the minute."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[Any, float]] = {}

    def note(self, what: Hashable, count: Callable[[], Any]) -> None:
        """Count now, so that the next look has something to compare with."""
        self._last[what] = count(), time.monotonic()

    def between(self, what: Hashable, count: Callable[[], T], interval_s: float) -> tuple[T, T, float]:
        """The counters of `what` at the last look and now, and the seconds between.

        Waits for `interval_s` where there was no such look, or not so long ago.
        """
        before, at = self._last.get(what, (None, 0.0))
        now = time.monotonic()
        if before is None or not interval_s <= now - at <= _MOST_S:
            before, at = count(), now
            time.sleep(interval_s)
        after, now = count(), time.monotonic()
        self._last[what] = after, now
        return before, after, now - at
