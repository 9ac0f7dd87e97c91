"""How long a drill may still take."""

import time
from dataclasses import dataclass

from tasks.check_result import msg
from tasks.observation import ObservationError


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
