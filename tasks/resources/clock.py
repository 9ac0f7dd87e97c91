"""The time that one look may take, and what stands for what was not seen in it."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from tasks.check_result import msg
from tasks.observation import Unobserved, seen

Fact = TypeVar("Fact")


@dataclass(frozen=True)
class Clock:
    """Bounds one look; a part of it, such as one query, has at most a quarter, so that no part takes it all."""

    longest_s: float
    started: float = field(default_factory=time.monotonic)

    @property
    def part_s(self) -> float:
        """The most that one part may take."""
        return self.longest_s / 4

    @property
    def left_s(self) -> float:
        """What is left of the whole."""
        return max(self.started + self.longest_s - time.monotonic(), 0.0)

    async def seen(self, look: Awaitable[Fact]) -> Fact | Unobserved:
        """What was observed in time. A thread goes on, as nobody can end it, and is no longer waited for."""
        try:
            async with asyncio.timeout(self.left_s):
                return await seen(look)
        except TimeoutError:
            return Unobserved(msg("Looking took more than {seconds} s in all", seconds=self.longest_s))
