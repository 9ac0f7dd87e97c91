"""Alerts in a line, as commands and forms show them. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from tasks.alerts.facts import Episode
from tasks.alerts.store.minute import Acknowledgement
from tasks.check_result import in_english
from tasks.observation import printable
from tasks.oncall.words import when


def described(episode: Episode) -> str:
    """An alert, and where it is."""
    name = f"{in_english(episode.title)}: {episode.condition.subject}"
    return printable(f"alert {episode.id} ({name}), level {int(episode.level)}, {episode.phase.value}")


def taken_text(acknowledgement: Acknowledgement, zone: ZoneInfo) -> str:
    """What an acknowledgement did."""
    lines = [
        f"{described(e)} by {printable(e.acknowledged_by)}{_until(e.acknowledged_until, zone)}"
        for e in acknowledgement.taken
    ]
    lines += [in_english(remark) for remark in acknowledgement.remarks]
    return "; ".join(lines) or "no alert is open"


def _until(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else f" until {when(at, zone)}"
