"""Turns and overrides in a line. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from tasks.observation import printable
from tasks.oncall.facts import Override


def when(at: datetime, zone: ZoneInfo) -> str:
    """An instant by a zone's clock, with what the clock is called then: 01:20 comes twice where it is put back."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def described(override: Override, zone: ZoneInfo) -> str:
    """An override in a line."""
    span = f"from {when(override.starts_at, zone)} to {when(override.ends_at, zone)} ({zone.key})"
    return printable(f"override {override.id}: {override.person} {span}")
