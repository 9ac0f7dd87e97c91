"""The alerts of a Prometheus's own rules."""

from datetime import UTC, datetime
from itertools import permutations

from tasks.alerts.facts import Said
from tasks.alerts.look.prometheus import reported_signals
from tasks.prometheus.facts import PrometheusAlert

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LEVELS = {"critical": "emergency", "warning": "warning"}


def an_alert(severity: str, *, firing: bool) -> PrometheusAlert:
    labels = {"alertname": "FilesystemFillingUp", "instance": "db-1:9100", "severity": severity}
    return PrometheusAlert(labels=labels, firing=firing, since=NOON, summary="")


def test_of_a_warning_and_a_critical_rule_of_one_name_the_gravest_that_fires_counts() -> None:
    firing = [an_alert("critical", firing=True), an_alert("warning", firing=True)]
    half = [an_alert("critical", firing=False), an_alert("warning", firing=True)]
    found = [reported_signals(order, LEVELS, NOON) for of in (firing, half) for order in permutations(of)]  # type: ignore[arg-type]
    assert [(s.said, s.level) for [s] in found] == [(Said.BAD, 3)] * 2 + [(Said.BAD, 2)] * 2
