"""Which silence an alert falls under."""

from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase

from tasks.silences.facts import Silence


def silenced_by(silences: Iterable[Silence], check: str, subject: str, at: datetime) -> Silence | None:
    """The silence of an alert at an instant; of several the one that lasts longest."""
    found = (
        silence
        for silence in silences
        if silence.starts_at <= at < silence.ends_at
        and fnmatchcase(check, silence.check)
        and fnmatchcase(subject, silence.subject)
    )
    return max(found, key=lambda silence: (silence.ends_at, -silence.id), default=None)
