"""How long a drill may still take."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.progress import tell


@dataclass(frozen=True, slots=True)
class Deadline:
    """The instant, on the monotonic clock, by which everything has ended."""

    until: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """A deadline so many seconds from now."""
        return cls(time.monotonic() + seconds)

    def left_s(self) -> float:
        """What is left; raises ObservationError when nothing is."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise ObservationError(msg("The drill did not end in its time: raise [backups] deadline_min"))
        return left

    def told(self, what: str) -> Callable[[int, int], None]:
        """Tells of progress, and raises ObservationError when no time is left."""

        def progress(done: int, of: int) -> None:
            self.left_s()
            tell(what, done, of)

        return progress
