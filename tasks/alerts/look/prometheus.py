"""The alerts of a Prometheus's own rules."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tasks.alerts.facts import Condition, Said, Signal
from tasks.alerts.judge.group import PROMETHEUS
from tasks.alerts.settings import SEVERITIES, LevelName
from tasks.check_result import Severity, msg, verbatim
from tasks.prometheus.facts import PrometheusAlert
from tasks.prometheus.observe import read_alerts
from tasks.prometheus.opened import prometheus_of
from tasks.settings import Settings

CHECK: Final = "prometheus.alert"
_NOT_IDENTITY: Final = frozenset({"alertname", "severity", "alertstate", "prometheus", "prometheus_replica"})
_LONGEST_S = 10.0
_MISSED = 3
"""After so many answers without it an alert is over."""


@dataclass(slots=True)
class PrometheusLook:
    """Asks for what it reports; remembers which open alerts its last answers did not have.

    One that has just started reports nothing until its rules were evaluated.
    """

    missed: dict[str, int] = field(default_factory=dict)
    """Answers in a row without an open alert, by its condition's key."""

    async def signals(
        self, settings: Settings, open_conditions: Collection[Condition], now: datetime
    ) -> tuple[Signal, ...]:
        """What it reports, and what it no longer does; none where it is not to be asked.

        Raises ObservationError, ConfigurationError.
        """
        alerts = settings.alerts
        if settings.metrics is None or alerts is None or not alerts.prometheus:
            return ()
        async with prometheus_of(settings, settings.metrics, _LONGEST_S) as prometheus:
            reported = reported_signals(await read_alerts(prometheus), alerts.prometheus_levels, now)
        spoken = {signal.condition.key for signal in reported}
        gone = [c for c in open_conditions if c.source == PROMETHEUS and c.key not in spoken]
        self.missed = {c.key: self.missed.get(c.key, 0) + 1 for c in gone}
        return (*reported, *(_gone(c, now, ended=self.missed[c.key] >= _MISSED) for c in gone))


def reported_signals(
    alerts: Collection[PrometheusAlert], levels: Mapping[str, LevelName], now: datetime
) -> tuple[Signal, ...]:
    """Each of them; of rules of one name for one thing, as for its warning and its critical limit, the gravest that
    fires. Pure.
    """
    found: dict[str, Signal] = {}
    for alert in alerts:
        signal = _signal(alert, levels, now)
        found[signal.condition.key] = max(found.get(signal.condition.key, signal), signal, key=_gravity)
    return tuple(found.values())


def _gone(condition: Condition, now: datetime, *, ended: bool) -> Signal:
    return Signal(
        condition=condition,
        said=Said.GOOD if ended else Said.RECOVERING,
        at=now,
        title=verbatim(condition.subject),
        reason=msg("Prometheus no longer reports this alert"),
    )


def _gravity(signal: Signal) -> tuple[bool, Severity]:
    assert signal.level is not None
    return signal.said is Said.BAD, signal.level


def _signal(alert: PrometheusAlert, levels: Mapping[str, LevelName], now: datetime) -> Signal:
    name = alert.labels.get("alertname", "alert")
    place = alert.labels.get("instance") or alert.labels.get("job") or ""
    identity = tuple(sorted((n, v) for n, v in alert.labels.items() if n not in _NOT_IDENTITY))
    level = levels.get(alert.labels.get("severity", ""))
    return Signal(
        condition=Condition(PROMETHEUS, CHECK, f"{name} {place}".strip(), identity),
        said=Said.BAD if alert.firing else Said.PENDING,
        at=now,
        title=verbatim(name),
        reason=verbatim(alert.summary) if alert.summary else msg("Reported by Prometheus"),
        level=Severity.WARNING if level is None else SEVERITIES[level],
        since=min(alert.since, now),
    )
