"""Which overrides of the rota may be recorded. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tasks.errors import UsageError
from tasks.observation import printable
from tasks.oncall.facts import Override
from tasks.records.rules import checked_by, checked_text, to_second

LONGEST_OVERRIDE = timedelta(days=31)


class OverrideRefused(UsageError):
    """An override cannot be as it was asked for; the text says why and what to do."""


def checked_override(
    override: Override, people: Collection[str], others: Sequence[Override], now: datetime
) -> Override:
    """The override with its times in UTC, to the second; raises OverrideRefused, or RecordRefused for its texts."""
    start, end = to_second(override.starts_at), to_second(override.ends_at)
    if override.person not in people:
        known = ", ".join(people) or "none"
        raise OverrideRefused(f"no person {printable(override.person, 40)!r} in [[oncall.person]]; known: {known}")
    if end <= start:
        raise OverrideRefused(f"an override must end after it starts: end {_when(end)}, start {_when(start)}")
    if end <= now:
        raise OverrideRefused(f"the override is wholly in the past: it ends {_when(end)}. The past stays as it was")
    if end - start > LONGEST_OVERRIDE:
        raise OverrideRefused(
            f"an override lasts at most {LONGEST_OVERRIDE.days} days: split it, or change the rota in the service file"
        )
    if (other := next((o for o in others if o.starts_at < end and start < o.ends_at), None)) is not None:
        raise OverrideRefused(
            f"it overlaps override {other.id}, {other.person} from {_when(other.starts_at)} to {_when(other.ends_at)}: "
            f"choose another time, or remove that one with `rounds oncall remove {other.id}`"
        )
    reason = checked_text(override.reason, "reason")
    if not reason:
        raise OverrideRefused("an override needs a reason")
    return replace(override, starts_at=start, ends_at=end, reason=reason, by=checked_by(override.by))


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
