"""Which silences may be recorded. Pure."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

from tasks.errors import UsageError
from tasks.observation import printable
from tasks.records.rules import checked_by, checked_text, to_second
from tasks.silences.facts import Silence

LONGEST_SILENCE = timedelta(days=31)
MOST_PATTERN = 200
_RANGE = re.compile(r"\[!?+\]?+[^\]]*\]")
"""A set of characters; a ] that comes first is one of them."""


class SilenceRefused(UsageError):
    """A silence cannot be as it was asked for; the text says why and what to do."""


def checked_silence(silence: Silence, now: datetime) -> Silence:
    """The silence with its times in UTC, to the second; raises SilenceRefused, or RecordRefused for its texts."""
    start, end = to_second(silence.starts_at), to_second(silence.ends_at)
    check, subject = _pattern(silence.check, "check"), _pattern(silence.subject, "subject")
    if not _RANGE.sub("", f"{check}{subject}").strip("*?."):
        raise SilenceRefused(
            "this would silence everything: name a check or a subject, or register a maintenance window with "
            "`rounds record maintenance`"
        )
    if end <= start:
        raise SilenceRefused(f"a silence must end after it starts: end {_when(end)}, start {_when(start)}")
    if end <= now:
        raise SilenceRefused(f"the silence is wholly in the past: it ends {_when(end)}")
    if end - start > LONGEST_SILENCE:
        raise SilenceRefused(
            f"a silence lasts at most {LONGEST_SILENCE.days} days: choose an earlier end, or change the limit of the "
            "alert in the service file"
        )
    reason = checked_text(silence.reason, "reason")
    if not reason:
        raise SilenceRefused("a silence needs a reason")
    by = checked_by(silence.by)
    return replace(silence, check=check, subject=subject, starts_at=start, ends_at=end, reason=reason, by=by)


def _pattern(text: str, name: str) -> str:
    pattern = text.strip()
    if not 0 < len(pattern) <= MOST_PATTERN:
        raise SilenceRefused(f"the pattern of the {name} must have 1 to {MOST_PATTERN} characters; * matches all")
    if pattern != printable(pattern):
        shown = printable(pattern, 40)
        raise SilenceRefused(f"the pattern of the {name} {shown!r} contains invisible characters: remove them")
    if "[" in _RANGE.sub("", pattern):
        shown = printable(pattern, 40)
        raise SilenceRefused(
            f"the pattern of the {name} {shown!r} opens a [ that it does not close: close it, or write [[] for the "
            "character itself"
        )
    return pattern


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
