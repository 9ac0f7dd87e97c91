"""The life of an alert, step by step: who is told of what, and when."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.alerts.facts import Condition, Episode, Notice, Phase, Policy, Said, Signal, Told
from tasks.alerts.judge.machine import (
    Acknowledged,
    GroupTold,
    Ineffective,
    acknowledge,
    escalate,
    observe,
    tell,
    tell_end,
)
from tasks.check_result import Limit, Quantity, Severity, msg

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = Policy(timedelta(minutes=15), timedelta(minutes=10), timedelta(minutes=30))
DISK = Condition("monitoring", "resources.disk", "host/disk:/var")


def a_signal(said: Said, at: datetime = NOON, level: int = 2, since: datetime | None = None) -> Signal:
    return Signal(
        condition=DISK,
        said=said,
        at=at,
        title=msg("Disk usage"),
        reason=msg("as it is"),
        level=Severity(level) if said is Said.BAD else None,
        since=since,
        observed=Quantity(91.0, "%"),
        limit=Limit("<", 90.0, "%", msg("the alert rule")),
    )


class Life:
    """One alert, minute by minute."""

    def __init__(self) -> None:
        self.episode: Episode | None = None
        self.told: list[tuple[int, Told, int]] = []
        self.minute = 0

    @property
    def open(self) -> Episode:
        assert self.episode is not None
        return self.episode

    def at(self, minute: float) -> datetime:
        return NOON + minute * MINUTE

    def sees(
        self, said: Said, minute: float, level: int = 2, *, suppressed: str = "", sample: float | None = None
    ) -> None:
        """A signal arrives, and people are told of it."""
        now = self.at(minute)
        signal = a_signal(said, self.at(minute if sample is None else sample), level)
        self.episode = observe(self.episode, signal, now, POLICY, suppressed=suppressed).episode
        self.tells(minute)

    def tells(self, minute: float, joined: GroupTold | None = None) -> None:
        if self.episode is None:
            return
        for step in (tell(self.episode, self.at(minute), joined),):
            self._note(minute, step.episode, step.notices)
        end = tell_end(self.open, self.at(minute))
        self._note(minute, end.episode, end.notices)

    def is_acknowledged(self, minute: float, by: str = "yui") -> None:
        step = acknowledge(self.open, Acknowledged(by), self.at(minute))
        self._note(minute, step.episode, step.notices)

    def _note(self, minute: float, episode: Episode | None, notices: tuple[Notice, ...]) -> None:
        self.episode = episode
        self.told += [(int(minute), notice.told, int(notice.level)) for notice in notices]


@pytest.fixture
def life() -> Life:
    return Life()


def test_case_1_fires_twice_is_one_episode_with_count_2_and_one_message(life: Life) -> None:
    life.sees(Said.BAD, 0)
    life.sees(Said.BAD, 1)
    assert (life.open.count, life.told) == (2, [(0, Told.FIRING, 2)])


def test_case_2_from_level_1_to_3_is_the_same_episode_and_is_told_at_once(life: Life) -> None:
    life.sees(Said.BAD, 0, level=1)
    life.sees(Said.BAD, 1, level=3)
    assert life.told == [(0, Told.FIRING, 1), (1, Told.RAISED, 3)]
    assert life.open.since == NOON


def test_a_level_that_falls_is_not_told_and_stays_until_the_end(life: Life) -> None:
    life.sees(Said.BAD, 0, level=3)
    life.sees(Said.BAD, 1, level=1)
    assert (life.told, life.open.level) == ([(0, Told.FIRING, 3)], Severity.EMERGENCY)


def test_case_3_recovery_before_the_first_message_is_told_to_nobody(life: Life) -> None:
    life.sees(Said.PENDING, 0)
    assert life.open.phase is Phase.PENDING
    life.sees(Said.GOOD, 1)
    assert (life.episode, life.told) == (None, [])
    life.sees(Said.BAD, 2, suppressed="silence")
    life.sees(Said.GOOD, 3, suppressed="silence")
    assert (life.open.phase, life.told) == (Phase.RESOLVED, [])


def test_case_3_recovery_after_it_is_told_once_and_a_late_acknowledgement_reopens_nothing(life: Life) -> None:
    life.sees(Said.BAD, 0)
    life.sees(Said.GOOD, 5)
    life.tells(6)
    assert life.told == [(0, Told.FIRING, 2), (5, Told.RESOLVED, 2)]
    late = acknowledge(life.open, Acknowledged("yui"), life.at(7))
    assert late.episode == life.open
    assert [remark.params["by"] for remark in late.remarks] == ["yui"]


def test_case_7_a_resolve_older_than_the_firing_sample_is_ignored(life: Life) -> None:
    life.sees(Said.BAD, 5)
    life.sees(Said.GOOD, 6, sample=4)
    assert (life.open.phase, life.told) == (Phase.FIRING, [(5, Told.FIRING, 2)])
    life.sees(Said.GOOD, 7, sample=6)
    assert life.open.phase is Phase.RESOLVED


@pytest.mark.parametrize("jump", [-10, 10])
def test_case_8_a_clock_that_jumps_is_flagged_and_no_duration_is_negative(life: Life, jump: int) -> None:
    life.sees(Said.BAD, 0)
    life.sees(Said.BAD, jump)
    life.sees(Said.GOOD, jump + 1, sample=max(jump, 0) + 1)
    assert life.open.lasted >= timedelta(0)
    assert life.open.clock == (jump < 0)
    assert life.open.phase is Phase.RESOLVED


def test_what_nobody_acknowledges_escalates_and_is_then_repeated(life: Life) -> None:
    for minute in range(40):
        life.sees(Said.BAD, minute)
    assert life.told == [
        (0, Told.FIRING, 2),
        (15, Told.ESCALATED, 3),
        (25, Told.REPEATED, 3),
        (35, Told.REPEATED, 3),
    ]


def test_an_acknowledgement_holds_for_half_an_hour_and_then_the_deadlines_begin_again(life: Life) -> None:
    life.sees(Said.BAD, 0)
    life.is_acknowledged(5)
    for minute in range(6, 52):
        life.sees(Said.BAD, minute)
    assert life.told == [(0, Told.FIRING, 2), (35, Told.EXPIRED, 2), (50, Told.ESCALATED, 3)]


def test_the_whole_team_hears_who_acknowledged_an_emergency(life: Life) -> None:
    life.sees(Said.BAD, 0, level=3)
    life.is_acknowledged(2)
    assert life.told == [(0, Told.FIRING, 3), (2, Told.ACKNOWLEDGED, 3)]


def test_level_1_is_told_once(life: Life) -> None:
    for minute in range(120):
        life.sees(Said.BAD, minute, level=1)
    assert life.told == [(0, Told.FIRING, 1)]


def test_case_14_a_maintenance_that_ends_while_it_still_fails_pages_then(life: Life) -> None:
    for minute in range(30):
        life.sees(Said.BAD, minute, suppressed="maintenance: new disks (ken)")
    assert life.told == []
    life.sees(Said.BAD, 30)
    assert (life.told, life.open.since) == ([(30, Told.FIRING, 2)], NOON)


def test_what_was_told_before_a_silence_is_told_again_after_it_and_not_escalated_at_once(life: Life) -> None:
    life.sees(Said.BAD, 0)
    for minute in range(1, 60):
        life.sees(Said.BAD, minute, suppressed="silence")
    life.sees(Said.BAD, 60)
    life.sees(Said.BAD, 61)
    assert life.told == [(0, Told.FIRING, 2), (60, Told.FIRING, 2)]


def test_case_10_what_comes_back_soon_is_the_same_episode_reopened(life: Life) -> None:
    life.sees(Said.BAD, 0)
    life.sees(Said.GOOD, 5)
    life.sees(Said.BAD, 9)
    assert (life.open.reopened, life.open.since, life.open.resolved_at) == (1, NOON, None)
    assert life.told == [(0, Told.FIRING, 2), (5, Told.RESOLVED, 2), (9, Told.FIRING, 2)]
    life.sees(Said.GOOD, 12)
    life.sees(Said.BAD, 30)
    assert (life.open.reopened, life.open.since) == (0, life.at(30))


def test_one_that_flaps_is_said_to_and_then_ends_after_a_quiet_half_hour(life: Life) -> None:
    for minute in range(0, 80, 4):
        life.sees(Said.BAD, minute)
        life.sees(Said.GOOD, minute + 2)
    assert life.open.flapping
    flapping = [t for t in life.told if t[1] is Told.FLAPPING]
    assert len(life.told) == 7, life.told
    assert flapping == [(12, Told.FLAPPING, 2)]
    for minute in range(80, 108):
        life.sees(Said.GOOD, minute)
    assert life.told[-1] == (106, Told.RESOLVED, 2)


def test_one_that_flapped_and_then_stays_bad_escalates_and_is_repeated(life: Life) -> None:
    for minute in range(0, 14, 4):
        life.sees(Said.BAD, minute)
        life.sees(Said.GOOD, minute + 2)
    for minute in range(16, 60):
        life.sees(Said.BAD, minute)
    assert life.told[6:] == [
        (12, Told.FLAPPING, 2),
        (31, Told.ESCALATED, 3),
        (41, Told.REPEATED, 3),
        (51, Told.REPEATED, 3),
    ]


def test_one_that_was_pending_begins_with_the_level_of_its_samples(life: Life) -> None:
    life.sees(Said.PENDING, 0)
    life.sees(Said.BAD, 1, level=1)
    assert (int(life.open.level), life.told) == (1, [(1, Told.FIRING, 1)])
    life.sees(Said.BAD, 2, level=3)
    life.sees(Said.BAD, 3, level=1)
    assert (int(life.open.level), life.told[1:]) == (3, [(2, Told.RAISED, 3)])


def test_one_that_is_pending_before_it_comes_back_flaps_too(life: Life) -> None:
    for minute in range(0, 40, 6):
        life.sees(Said.PENDING, minute)
        life.sees(Said.BAD, minute + 1)
        life.sees(Said.GOOD, minute + 4)
    assert (life.open.flapping, life.open.reopened) == (True, 3)
    assert [t[1] for t in life.told].count(Told.FLAPPING) == 1


def test_missing_samples_never_resolve_and_raise_an_alert_of_their_own(life: Life) -> None:
    life.sees(Said.BAD, 0)
    life.sees(Said.NO_DATA, 6, sample=0)
    assert (life.open.phase, life.open.no_data) == (Phase.FIRING, True)
    other = Life()
    other.sees(Said.NO_DATA, 6, sample=0)
    assert (other.open.no_data, other.told) == (True, [(6, Told.FIRING, 2)])
    other.sees(Said.GOOD, 9)
    assert (other.open.phase, other.open.no_data) == (Phase.RESOLVED, False)


def test_between_the_limits_it_stays_as_it_is(life: Life) -> None:
    life.sees(Said.BAD, 0)
    life.sees(Said.BETWEEN, 1)
    assert life.open.phase is Phase.FIRING
    life.sees(Said.RECOVERING, 2)
    assert life.open.phase is Phase.RECOVERING
    life.sees(Said.PENDING, 3)
    assert life.open.phase is Phase.FIRING


def test_nothing_escalates_while_it_recovers(life: Life) -> None:
    life.sees(Said.BAD, 0)
    for minute in range(1, 30):
        life.sees(Said.RECOVERING, minute)
    assert life.told == [(0, Told.FIRING, 2)]


def test_an_action_without_effect_escalates_what_is_acknowledged_too(life: Life) -> None:
    life.sees(Said.BAD, 0)
    life.is_acknowledged(1)
    life.episode = escalate(life.open, Ineffective("restart"), life.at(6)).episode
    life.tells(6)
    assert life.told == [(0, Told.FIRING, 2), (6, Told.RAISED, 3)]


def test_one_that_joins_a_told_root_is_not_told_and_shares_its_deadlines(life: Life) -> None:
    life.episode = observe(None, a_signal(Said.BAD, life.at(10)), life.at(10), POLICY).episode
    life.tells(10, GroupTold(2, NOON))
    assert (life.told, life.open.told_level, life.open.told_at) == ([], 2, NOON)
    life.tells(15, GroupTold(3, life.at(15)))
    assert (life.told, life.open.level) == ([], Severity.EMERGENCY)


def test_one_that_joins_an_acknowledged_root_is_acknowledged_too(life: Life) -> None:
    life.episode = observe(None, a_signal(Said.BAD, life.at(10)), life.at(10), POLICY).episode
    life.tells(10, GroupTold(2, NOON, "yui", life.at(30)))
    assert (life.open.phase, life.open.acknowledged_by) == (Phase.ACKNOWLEDGED, "yui")
    life.tells(30, GroupTold(2, NOON, "yui", life.at(30)))
    assert life.told == [(30, Told.EXPIRED, 2)]


def test_a_graver_one_than_its_root_is_told(life: Life) -> None:
    life.episode = observe(None, a_signal(Said.BAD, NOON, level=3), NOON, POLICY).episode
    life.tells(0, GroupTold(2, NOON - MINUTE))
    assert life.told == [(0, Told.FIRING, 3)]


def test_a_policy_without_escalation_tells_once_whatever_the_level(life: Life) -> None:
    once = replace(POLICY, escalate_after=None, repeat=None)
    life.episode = observe(None, a_signal(Said.BAD), NOON, once).episode
    for minute in range(60):
        life.tells(minute)
    assert life.told == [(0, Told.FIRING, 2)]


def test_the_policy_of_an_open_episode_is_frozen(life: Life) -> None:
    life.sees(Said.BAD, 0)
    changed = replace(POLICY, escalate_after=MINUTE)
    life.episode = observe(life.open, a_signal(Said.BAD, life.at(5)), life.at(5), changed).episode
    life.tells(5)
    assert life.told == [(0, Told.FIRING, 2)]


def test_the_key_is_of_the_condition_alone() -> None:
    labels: Callable[..., Condition] = lambda *pairs: Condition("prometheus", "a.b", "c", pairs)  # noqa: E731
    assert labels(("a", "1"), ("b", "2")).key == labels(("b", "2"), ("a", "1")).key
    assert labels(("a", "1")).key != labels(("a", "2")).key


def test_what_recovers_is_not_told_when_its_silence_ends_and_what_hovers_between_the_limits_is(life: Life) -> None:
    life.sees(Said.BAD, 0, suppressed="silence")
    life.sees(Said.RECOVERING, 1)
    assert life.told == []
    life.sees(Said.BETWEEN, 2)
    assert life.told == [(2, Told.FIRING, 2)]


def test_missing_samples_of_what_was_recovering_escalate(life: Life) -> None:
    life.sees(Said.BAD, 0)
    life.sees(Said.RECOVERING, 1)
    for minute in range(7, 18):
        life.sees(Said.NO_DATA, minute, sample=1)
    assert life.told == [(0, Told.FIRING, 2), (15, Told.ESCALATED, 3)]


def test_what_is_no_longer_watched_ends_and_is_marked_as_not_measured(life: Life) -> None:
    life.sees(Said.BAD, 0)
    life.sees(Said.GONE, 5)
    assert (life.open.phase, life.open.no_data) == (Phase.RESOLVED, True)
    life.sees(Said.BAD, 6)
    assert (life.open.phase, life.open.no_data, life.open.reopened) == (Phase.FIRING, False, 1)
