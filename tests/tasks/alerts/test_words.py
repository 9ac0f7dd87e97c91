"""What commands and forms say of an acknowledgement."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tasks.alerts.facts import Condition, Episode, Phase, Policy
from tasks.alerts.store.minute import Acknowledgement
from tasks.alerts.words import taken_text
from tasks.check_result import Severity, msg

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_an_acknowledgement_that_holds_for_days_says_until_which_day() -> None:
    taken = Episode(
        condition=Condition("monitoring", "health.readiness", "service"),
        policy=Policy(None, None, timedelta(minutes=30)),
        title=msg("Readiness"),
        reason=msg("Readiness"),
        level=Severity.WARNING,
        phase=Phase.ACKNOWLEDGED,
        since=NOON,
        updated_at=NOON,
        id=7,
        acknowledged_by="kim",
        acknowledged_until=NOON + timedelta(days=7),
    )
    text = taken_text(Acknowledgement((taken,)), ZoneInfo("Europe/Berlin"))
    assert text == "alert 7 (Readiness: service), level 2, acknowledged by kim until 2026-12-01 13:00 CET"
