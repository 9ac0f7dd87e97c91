"""Silences on the terminal. What people wrote is shown as text, never as markup."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from deployments.screen import Screen
from deployments.terminal import counted
from tasks.observation import printable
from tasks.silences.facts import Silence

_COLUMNS = ("Silence", "State", "Check", "Subject", "Starts", "Ends", "By", "Reason")


def show_silences(silences: Sequence[Silence], zone: ZoneInfo, now: datetime) -> None:
    """One line for each, in the order of their starts."""
    table = Table(title=f"{counted(len(silences), 'silence')}, {zone.key}", title_justify="left", box=None)
    for name in _COLUMNS:
        table.add_column(name, overflow="fold")
    for one in silences:
        state = "past" if one.ends_at <= now else "planned" if one.starts_at > now else "current"
        start, end = (f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}" for at in (one.starts_at, one.ends_at))
        cells = (str(one.id), state, one.check, one.subject, start, end, one.by, one.reason)
        table.add_row(*(Text(printable(cell, 1000)) for cell in cells))
    Screen().print(table)
