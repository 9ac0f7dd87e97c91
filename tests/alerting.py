"""A service whose alerts a test plays, minute by minute, with real delivery."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flows.delivery import deliver
from tasks.alerts.facts import Episode
from tasks.alerts.store.read import read_episodes
from tasks.alerts.watch import AlertWatch, Watched
from tasks.history.engine import History
from tasks.monitoring.store.lease import end_minute
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.settings import Settings
from tasks.visible import plainly

HOURS_AGO = timedelta(hours=6)
UP = {"probe.live": {"service": 1.0}, "probe.ready": {"service": 1.0}}
"""Samples of a minute in which all is well."""
DOWN = {"probe.live": {"service": 1.0}, "probe.ready": {"service": 0.0}}
Samples = dict[str, dict[str, float]]


@dataclass
class Alerting:
    """Plays minutes; the first one is some hours ago, so that every message is due."""

    settings: Settings
    history: History
    begin: datetime = field(default_factory=lambda: (datetime.now(UTC) - HOURS_AGO).replace(second=2, microsecond=0))
    watch: AlertWatch = field(default_factory=AlertWatch)
    warned: list[str] = field(default_factory=list)

    def at(self, minute: float) -> datetime:
        return self.begin + timedelta(minutes=minute)

    def plays(self, minute: float, samples: Samples = UP, *, sends: bool = True) -> Watched:
        """A minute with its samples, and the messages that it causes."""
        self.store(minute, samples)
        return self.watches(minute, sends=sends)

    def store(self, minute: float, samples: Samples) -> None:
        found = [Reading(name, subject, value, "") for name, of in samples.items() for subject, value in of.items()]
        store_readings(self.history, self.settings.service.name, [(self.at(minute), reading) for reading in found])

    def watches(self, minute: float, *, sends: bool = True) -> Watched:
        assert self.settings.alerts is not None
        with plainly():
            end_minute(self.history, self.settings.service.name, "test", self.at(minute), monitored=True)
            watched = asyncio.run(self.watch.minute(self.settings, self.settings.alerts, self.history, self.at(minute)))
        if sends:
            self.sends()
        return watched

    def sends(self) -> None:
        asyncio.run(deliver(self.settings, self.history, self.warned.append, 30.0))

    def episodes(self) -> tuple[Episode, ...]:
        """All of them, the oldest first."""
        return tuple(reversed(read_episodes(self.history, self.settings.service.name, self.begin - HOURS_AGO)))
