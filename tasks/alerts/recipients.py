"""Who is on call now."""

from datetime import datetime

from tasks.history.engine import History
from tasks.oncall.facts import Turn
from tasks.oncall.judge.rota import on_call
from tasks.oncall.store.overrides import read_overrides
from tasks.settings import Settings


def turn_now(settings: Settings, history: History, now: datetime) -> Turn:
    """Whose turn it is; nobody's: then the whole team is told. Raises HistoryError."""
    return on_call(settings.oncall, read_overrides(history, settings.service.name, now), settings.zone, now)
