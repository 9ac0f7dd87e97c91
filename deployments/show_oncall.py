"""Who is on call, and the overrides, on the terminal. What people wrote is shown as text, never as markup."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from deployments.screen import Screen
from deployments.terminal import counted, say
from tasks.observation import printable
from tasks.oncall.facts import Override, Turn
from tasks.oncall.judge.rota import person_zone, rota_zone
from tasks.oncall.words import when
from tasks.settings import Settings


def show_now(settings: Settings, turns: Sequence[Turn]) -> None:
    """The present turn and the next one."""
    zone = rota_zone(settings.oncall, settings.zone)
    for title, turn in zip(("on call", "next"), turns, strict=False):
        until = f"until {when(turn.until, zone)} ({zone.key})" if turn.until else "with no change ahead"
        say(f"{title}: {_name(turn)}, {until}{_own_time(settings, turn)}")
        if turn.override is not None:
            by = turn.override
            say(f"  override {by.id} of {printable(by.by)}: {printable(by.reason, 1000)}")
        if turn.person is None:
            say(f"  {_why_nobody(settings, turn)}")


def show_turns(settings: Settings, turns: Iterable[Turn]) -> None:
    """One line for each turn, in the rota's zone."""
    zone = rota_zone(settings.oncall, settings.zone)
    table = _table(f"On call, {zone.key}", ("From", "Until", "Person", "Override"))
    for turn in turns:
        since, until = ("-" if at is None else when(at, zone) for at in (turn.since, turn.until))
        override = "-" if turn.override is None else f"{turn.override.id} of {turn.override.by}: {turn.override.reason}"
        _row(table, since, until, _name(turn), override)
    Screen().print(table)


def show_overrides(settings: Settings, overrides: Sequence[Override], now: datetime) -> None:
    """One line for each override, in the rota's zone."""
    zone = rota_zone(settings.oncall, settings.zone)
    columns = ("Override", "State", "Person", "Starts", "Ends", "By", "Reason")
    table = _table(f"{counted(len(overrides), 'override')}, {zone.key}", columns)
    for one in overrides:
        state = "past" if one.ends_at <= now else "planned" if one.starts_at > now else "current"
        span = when(one.starts_at, zone), when(one.ends_at, zone)
        _row(table, str(one.id), state, one.person, *span, one.by, one.reason)
    Screen().print(table)


def _name(turn: Turn) -> str:
    return "nobody" if turn.person is None else turn.person.name


def _own_time(settings: Settings, turn: Turn) -> str:
    """The end by the clock of somebody who lives elsewhere."""
    if turn.person is None or turn.until is None:
        return ""
    zone = person_zone(turn.person, settings.zone)
    if zone.key == rota_zone(settings.oncall, settings.zone).key:
        return ""
    return f", for {turn.person.name} {when(turn.until, zone)} ({zone.key})"


def _why_nobody(settings: Settings, turn: Turn) -> str:
    if turn.override is not None:
        why = f"{printable(turn.override.person)} is no longer a [[oncall.person]]"
    else:
        why = "there is no [[oncall.shift]]"
    team = ", ".join(settings.oncall.names)
    notified = f"the whole team is notified: {team}" if team else "there is no [[oncall.person]] to notify either"
    return f"{why} in {settings.path}; {notified}"


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(printable(cell, 1000)) for cell in cells))
