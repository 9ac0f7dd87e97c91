"""Alerts on the terminal. What comes from outside is shown as text, never as markup."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from deployments.screen import Screen
from deployments.terminal import counted
from tasks.alerts.facts import Episode
from tasks.check_result import in_english
from tasks.observation import printable

out = Screen()


def show_alerts(episodes: Sequence[Episode], now: datetime, zone: ZoneInfo) -> None:
    """Alerts with their state, the newest first."""
    number = counted(sum(episode.open for episode in episodes), "open alert")
    title = f"{number} at {now.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
    table = Table(title=title, title_justify="left", box=None)
    for name in ("Alert", "Level", "State", "Since", "What", "Where", "Observed", "Incident", "Note"):
        table.add_column(name, overflow="fold")
    for episode in episodes:
        cells = (
            str(episode.id),
            str(int(episode.level)),
            episode.phase.value,
            f"{episode.since.astimezone(zone):%m-%d %H:%M}",
            in_english(episode.title),
            episode.condition.subject,
            _observed(episode),
            "-" if episode.incident is None else str(episode.incident),
            _note(episode),
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    out.print(table)


def _observed(episode: Episode) -> str:
    if episode.observed is None or episode.limit is None:
        return "-"
    limit = episode.limit
    return f"{episode.observed.value} ({limit.comparison} {limit.value}) {limit.unit}".strip()


def _note(episode: Episode) -> str:
    """Who takes care, or why nobody was told."""
    notes = [episode.suppressed] if episode.suppressed and episode.open else []
    if episode.acknowledged_by and episode.open:
        notes.append(f"acknowledged by {episode.acknowledged_by}")
    marks = (("flapping", episode.flapping), ("no data", episode.no_data), ("clock was set back", episode.clock))
    return "; ".join([*notes, *(mark for mark, there in marks if there)]) or in_english(episode.reason)
