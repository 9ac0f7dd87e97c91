"""One minute of all alerts: which are one message, and what is kept back."""

from datetime import UTC, datetime, timedelta

from tasks.activities.facts import Activity, Kind
from tasks.alerts.facts import Condition, Episode, Policy, Said, Signal
from tasks.alerts.judge.group import CHECKLIST
from tasks.alerts.judge.machine import Acknowledged, acknowledge
from tasks.alerts.judge.minute import MinuteStep, Rulebook, judge_minute
from tasks.alerts.judge.suppress import KeptBack, suppressed_by
from tasks.check_result import Quantity, Severity, msg

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
POLICY = Policy(timedelta(minutes=15), timedelta(minutes=10), timedelta(minutes=30))
ONCE = Policy(None, None, timedelta(minutes=30))


def a_signal(subject: str, said: Said, at: datetime, source: str = "monitoring", level: int = 2) -> Signal:
    return Signal(
        condition=Condition(source, f"check.{subject}", subject),
        said=said,
        at=at,
        title=msg("Figure"),
        reason=msg("as it is"),
        level=Severity(level) if said is Said.BAD else None,
        observed=None if said is Said.NO_DATA else Quantity(1.0, ""),
    )


def policy(condition: Condition) -> Policy:
    return ONCE if condition.source == CHECKLIST else POLICY


class Minutes:
    """The alerts of a service, minute by minute."""

    def __init__(self, **depends_on: list[str]) -> None:
        self.episodes: dict[str, Episode] = {}
        self.told: list[tuple[datetime, str, int]] = []
        self.kept_back = ""
        self.depends_on = depends_on

    def sees(self, at: datetime, *signals: Signal) -> MinuteStep:
        rules = Rulebook(
            lambda of: ONCE if of.source == CHECKLIST else POLICY, lambda _: self.kept_back, depends_on=self.depends_on
        )
        step = judge_minute(self.episodes.values(), signals, at, rules)
        self.episodes = dict(step.episodes)
        for told in step.notices:
            self.told.append((at, step.episodes[told.lead].condition.subject, int(told.notice.level)))
        return step


def test_figures_that_stop_at_once_are_one_message_and_one_that_stops_hours_later_is_another() -> None:
    minutes = Minutes()
    first = (a_signal("orders", Said.NO_DATA, NOON), a_signal("queue", Said.NO_DATA, NOON + 3 * MINUTE))
    minutes.sees(NOON + 5 * MINUTE, *first)
    assert [told[1] for told in minutes.told] == ["orders"]
    for key, episode in minutes.episodes.items():
        taken = acknowledge(episode, Acknowledged("bob", NOON + 7 * 24 * HOUR), NOON + 6 * MINUTE).episode
        assert taken is not None
        minutes.episodes[key] = taken
    later = NOON + 16 * HOUR
    silent = [a_signal(subject, Said.NO_DATA, later) for subject in ("live", "ready")]
    minutes.sees(later + 5 * MINUTE, a_signal("orders", Said.NO_DATA, NOON), *silent)
    assert [told[1] for told in minutes.told] == ["orders", "live"]


def test_a_finding_of_a_checklist_is_no_root_of_what_begins_later() -> None:
    minutes = Minutes(cart=["database"])
    minutes.sees(NOON, a_signal("database", Said.BAD, NOON, source=CHECKLIST))
    later = NOON + 5 * HOUR
    minutes.sees(later, a_signal("cart", Said.BAD, later))
    minutes.sees(later + MINUTE, a_signal("cart", Said.BAD, later + MINUTE))
    assert minutes.told == [(NOON, "database", 2), (later, "cart", 2)]


def test_what_joins_a_root_that_recovers_waits_for_its_own_time_to_escalate() -> None:
    minutes = Minutes(cart=["database"])
    minutes.sees(NOON, a_signal("database", Said.BAD, NOON))
    for minute in range(1, 40):
        at = NOON + minute * MINUTE
        also = [a_signal("cart", Said.BAD, at)] if minute >= 30 else []
        minutes.sees(at, a_signal("database", Said.RECOVERING, at), *also)
    assert minutes.told == [(NOON, "database", 2)]


def test_what_joins_a_grave_root_minute_after_minute_is_repeated_with_it() -> None:
    minutes = Minutes(cart=["database"])
    for minute in range(31):
        at = NOON + minute * MINUTE
        joined = [a_signal(f"cart/{number}", Said.BAD, at, level=3) for number in range(min(minute, 12))]
        minutes.sees(at, a_signal("database", Said.BAD, at, level=3), *joined)
    assert [(told[0] - NOON) / MINUTE for told in minutes.told] == [0, 10, 20, 30]


def test_what_a_window_kept_back_is_told_when_it_ends_though_nothing_more_was_seen() -> None:
    minutes = Minutes()
    minutes.sees(NOON, a_signal("api", Said.BAD, NOON, level=3))
    minutes.kept_back = "maintenance: upgrade (yui)"
    minutes.sees(NOON + MINUTE, a_signal("api", Said.BAD, NOON + MINUTE, level=3))
    for minute in range(2, 30):
        minutes.sees(NOON + minute * MINUTE)  # its source is down
    minutes.kept_back = ""
    minutes.sees(NOON + 30 * MINUTE)
    assert minutes.told == [(NOON, "api", 3), (NOON + 30 * MINUTE, "api", 3)]
    minutes.kept_back = "silence 1: known (yui)"
    for minute in range(31, 60):
        minutes.sees(NOON + minute * MINUTE)
    assert len(minutes.told) == 2


def test_a_restore_drill_keeps_back_this_machine_alone_and_a_load_test_all_machines() -> None:
    drill = KeptBack(activities=[Activity(Kind.RESTORE_DRILL, False, NOON, NOON + HOUR)])
    load = KeptBack(activities=[Activity(Kind.LOAD_TEST, True, NOON, NOON + HOUR)])
    disk = {s: Condition("monitoring", "resources.disk", s) for s in ("host/disk:/", "db-1/disk:/", "hostess/disk:/")}
    assert [bool(suppressed_by(disk[subject], NOON, drill)) for subject in disk] == [True, False, False]
    assert all(suppressed_by(disk[subject], NOON, load) for subject in disk)
    assert not suppressed_by(Condition("monitoring", "kpi.orders", "kpi:orders"), NOON, drill)
