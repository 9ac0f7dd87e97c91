"""Lines that may have been failed requests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnreadHour:
    """Lines of a source in one hour (since 1970, UTC) that may be torn requests, and requests of unknown status."""

    source: str
    hour: int
    torn: int
    unanswered: int
