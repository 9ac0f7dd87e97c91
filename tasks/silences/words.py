"""Silences in a line. Pure."""

from zoneinfo import ZoneInfo

from tasks.observation import printable
from tasks.silences.facts import Silence


def described(silence: Silence, zone: ZoneInfo) -> str:
    """A silence in a line."""
    start, end = (f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}" for at in (silence.starts_at, silence.ends_at))
    what = f"check {silence.check}, subject {silence.subject}"
    return printable(f"silence {silence.id}: {what}, from {start} to {end} ({zone.key})")
