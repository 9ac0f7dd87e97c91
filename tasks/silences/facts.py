"""Silences: alerts that notify nobody for a while."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts whose check and subject match notify nobody from `starts_at` until before `ends_at`."""

    id: int
    """0 until it is stored."""

    check: str
    """A glob pattern."""

    subject: str
    """A glob pattern."""

    starts_at: datetime
    ends_at: datetime
    reason: str
    by: str
