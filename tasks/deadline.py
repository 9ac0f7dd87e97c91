"""By when a piece of work has ended: the one type for it, on the clock that nobody sets."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tasks.check_result import Message, msg
from tasks.observation import ObservationError, Unobserved
from tasks.progress import tell

T = TypeVar("T")
NO_TIME_LEFT = msg("Time ran out")


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant of the monotonic clock (infinite: never), and the reason given for work that has not ended by then."""

    until: float
    reason: Message = field(default=NO_TIME_LEFT, compare=False)

    @classmethod
    def after(cls, seconds: float, reason: Message = NO_TIME_LEFT) -> "Deadline":
        """A deadline so many seconds from now."""
        return cls(time.monotonic() + seconds, reason)

    @property
    def left_s(self) -> float:
        """Seconds that are left, 0 once it has passed."""
        return max(self.until - time.monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        """True when nothing is left."""
        return time.monotonic() >= self.until

    def require(self) -> float:
        """Seconds that are left; raises ObservationError with the reason when none are."""
        if self.passed:
            raise ObservationError(self.reason)
        return self.left_s

    def within(self, seconds: float) -> "Deadline":
        """This deadline, or one in so many seconds if that is earlier."""
        return Deadline(min(self.until, time.monotonic() + seconds), self.reason)

    def timeout(self) -> asyncio.Timeout:
        """Cuts the block that it surrounds when the deadline passes, with TimeoutError."""
        return asyncio.timeout(self.left_s)

    async def in_time(self, work: Awaitable[T]) -> T | Unobserved:
        """What comes of work that ends by then, else the reason; a thread goes on, and is no longer waited for."""
        try:
            async with self.timeout() as limit:
                return await work
        except TimeoutError:
            if not limit.expired():  # the work's own
                raise
        return Unobserved(self.reason)

    def progress(self, what: str) -> Callable[[int, int], None]:
        """Reports how far work has come, and raises ObservationError when no time is left."""

        def report(done: int, of: int) -> None:
            self.require()
            tell(what, done, of)

        return report


UNLIMITED: Final = Deadline(math.inf)
"""One that never passes."""
