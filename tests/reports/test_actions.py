"""One action for each cause: together they stand for every result that is not good, each once, and say so."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.actions import actions_for
from reports.report import TO_DO, Action
from reports.sentences import actions_sentence
from reports.words import Words
from tasks.backups.checks import CONTAINER, CONTENT, COUNTS, DECODE, DRILL, MANIFEST, RECOVERY_TIME
from tasks.capacity.checks import FORECAST
from tasks.check_result import Check, CheckResult, Limit, Quantity, Severity, Status, msg, verbatim
from tasks.guide.known import every_cause, every_check
from tasks.health.checks import COMPONENT, ERRORS, LATENCY, LIVENESS, READINESS, STATUS
from tests.deep import examples
from tests.reports.conftest import make

AT = datetime(2026, 11, 24, 0, 0, 12, tzinfo=UTC)
FAIL, UNKNOWN, WARN = Status.FAIL, Status.UNKNOWN, Status.WARN
UNDER_HEALTH = (READINESS, STATUS)


def found(check: Check, subject: str, status: Status = FAIL, why: str = "", observed: float = 50.0) -> CheckResult:
    reason = msg("{why}", why=why or f"{check.id} {subject}")
    seen, limit = (Quantity(observed, "%"), Limit("=", 100, "%", verbatim("me"))) if status.measured else (None, None)
    return check.judged(status, subject, reason, at=AT, observed=seen, limit=limit)


def grouped(*results: CheckResult) -> list[list[tuple[str, str]]]:
    return [
        [(a.check, a.subject), *((o.check, o.subject) for o in a.others)]
        for a in actions_for(results, every_cause(), "me", AT)
    ]


def down(component: str, *instances: str) -> tuple[CheckResult, ...]:
    """A dead component as the service shows it: each instance reports it and is not ready."""
    parts = [found(check, instance) for instance in instances for check in UNDER_HEALTH]
    return (*parts, *(found(COMPONENT, f"{instance}/component:{component}") for instance in instances))


class TestDeadComponent:
    """A component that the health report names, over what it breaks."""

    def test_it_is_one_action_of_the_gravest_severity_with_every_result_in_it(self) -> None:
        [action] = actions_for(down("redis", "a", "b"), every_cause(), "me", AT)
        assert (action.check, action.subject, action.status) == (COMPONENT.id, "a/component:redis", FAIL)
        assert (action.severity, action.due) == (Severity.EMERGENCY, AT + timedelta(hours=1))
        assert [(o.check, o.subject) for o in action.others] == [
            (COMPONENT.id, "b/component:redis"),
            (READINESS.id, "a"),
            (STATUS.id, "a"),
            (READINESS.id, "b"),
            (STATUS.id, "b"),
        ]

    def test_an_instance_that_does_not_report_it_has_an_action_of_its_own(self) -> None:
        assert grouped(*down("redis", "a"), found(READINESS, "b"))[1:] == [[(READINESS.id, "b")]]

    def test_two_dead_components_are_two_actions_and_each_is_as_urgent(self) -> None:
        both = (*down("db", "a"), found(COMPONENT, "a/component:redis"))
        actions = actions_for(both, every_cause(), "me", AT)
        assert [(a.subject, a.severity, len(a.others)) for a in actions] == [
            ("a/component:db", Severity.EMERGENCY, 2),
            ("a/component:redis", Severity.EMERGENCY, 0),
        ]

    def test_a_slow_component_explains_no_failure(self) -> None:
        slow = found(COMPONENT, "a/component:redis", WARN)
        assert grouped(slow, found(READINESS, "a")) == [[(READINESS.id, "a")], [(COMPONENT.id, slow.subject)]]
        assert grouped(slow, found(STATUS, "a", WARN)) == [[(COMPONENT.id, slow.subject), (STATUS.id, "a")]]

    def test_it_explains_no_path_that_fails(self) -> None:
        assert grouped(*down("redis", "a"), found(ERRORS, "a /api/shop"))[-1] == [(ERRORS.id, "a /api/shop")]

    def test_a_name_that_begins_alike_is_another_place(self) -> None:
        assert len(grouped(found(COMPONENT, "a/component:redis"), found(READINESS, "a2"))) == 2


class TestOneHostDown:
    """An instance that never answered, over everything that was asked of it."""

    ASKED = (found(LATENCY, "a /api/items"), found(ERRORS, "a /api/items"), found(COMPONENT, "a", UNKNOWN))

    def test_it_is_one_action(self) -> None:
        dead = found(LIVENESS, "a", observed=0.0)
        [action] = grouped(*self.ASKED, *down("redis", "a"), dead, found(LATENCY, "b /api/items", Status.PASS))
        assert action[0] == (LIVENESS.id, "a") and len(action) == 7

    def test_one_that_flaps_may_have_other_faults(self) -> None:
        assert len(grouped(*self.ASKED, *down("redis", "a"), found(LIVENESS, "a", observed=70.0))) == 4

    def test_two_hosts_are_two_actions(self) -> None:
        assert len(grouped(*(found(check, place, observed=0.0) for place in "ab" for check in (LIVENESS, STATUS)))) == 2


class TestRestoreDrill:
    """A step that fails, over the steps that were not reached and the drill."""

    def of(self, *bad: tuple[Check, Status], database: str = "shop") -> tuple[CheckResult, ...]:
        return tuple(found(check, f"database:{database}", status, "Not reached") for check, status in bad)

    def test_each_backup_that_is_not_good_is_one_action(self) -> None:
        torn = self.of((MANIFEST, FAIL), (CONTAINER, FAIL), (DECODE, UNKNOWN), (RECOVERY_TIME, UNKNOWN), (DRILL, FAIL))
        lost = self.of((COUNTS, FAIL), (CONTENT, FAIL), (DRILL, FAIL), database="b")
        assert [(action[0], len(action)) for action in grouped(*torn, *lost)] == [
            ((MANIFEST.id, "database:shop"), 5),
            ((COUNTS.id, "database:b"), 3),
        ]

    def test_what_fails_for_another_reason_is_another_action(self) -> None:
        slow = found(RECOVERY_TIME, "database:shop", FAIL, "took a day")
        assert [action[0][0] for action in grouped(*self.of((COUNTS, FAIL)), slow)] == [COUNTS.id, RECOVERY_TIME.id]


def test_a_sum_of_results_is_no_action_beside_them() -> None:
    disk, summed = found(FORECAST, "host/disk:/", WARN), found(FORECAST, "service", WARN)
    assert grouped(summed, disk, found(FORECAST, "host/disk:/var", WARN)) == [
        [(FORECAST.id, "host/disk:/"), (FORECAST.id, "service")],
        [(FORECAST.id, "host/disk:/var")],
    ]
    assert grouped(summed) == [[(FORECAST.id, "service")]]
    assert len(grouped(disk, found(FORECAST, "other/disk:/", WARN))) == 2


def test_a_path_is_one_thing_wherever_it_is_asked() -> None:
    paths = [found(check, f"{place} /api/items") for place in "ab" for check in (ERRORS, LATENCY)]
    [action] = grouped(*paths, found(LATENCY, "a /api/others", Status.PASS))
    assert [check for check, _ in action] == [ERRORS.id, ERRORS.id, LATENCY.id, LATENCY.id]
    assert len(grouped(found(LATENCY, "a /api/items"), found(LATENCY, "b /api/others"))) == 2


def test_one_reason_leaves_a_whole_system_unknown() -> None:
    refused = [found(check, str(n), UNKNOWN, "refused") for n, check in enumerate(every_check())]
    systems = {check.id.partition(".")[0] for check in every_check()}
    assert sorted(action[0][0].partition(".")[0] for action in grouped(*refused)) == sorted(systems)
    assert len(grouped(*(found(LATENCY, f"a /{n}", FAIL, "too slow") for n in range(3)))) == 3


RESULTS = st.builds(
    found,
    st.sampled_from(every_check()),
    st.sampled_from(["a", "b", "a/component:redis", "b/component:redis", "a/component:db", "a /x", "b /x", "service"]),
    st.sampled_from(Status),
    st.sampled_from(["", "refused"]),
    st.sampled_from([0.0, 50.0]),
)


@given(st.lists(RESULTS, max_size=30))
@settings(max_examples=examples(150))
def test_actions_add_up(results: list[CheckResult]) -> None:
    actions = actions_for(results, every_cause(), None, AT)
    named: list[tuple[str, str, Status]] = []
    for action in actions:
        of_one = [
            (action.check, action.subject, action.status),
            *((o.check, o.subject, o.status) for o in action.others),
        ]
        assert action.status is min((s for _, _, s in of_one), key=TO_DO.index)
        assert action.severity >= max((o.severity for o in action.others), default=Severity.INFORMATION)
        named += of_one
    assert sorted(named) == sorted((r.check, r.subject, r.status) for r in results if r.status in TO_DO)
    assert make(tuple(results), actions=actions).actions_add_up


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", "Actions: 2; checks covered: 7 (Failed 6 · Attention 1)."),
        ("ja", "要対応 2 件で、チェック 7 件（異常 6 · 要注意 1）に対応します。"),
    ],
)
def test_it_is_said_what_they_stand_for(locale: str, said: str) -> None:
    results = (*down("redis", "a", "b"), found(LATENCY, "a /x", WARN), found(LATENCY, "a /y", Status.SKIPPED))
    words = Words(locale, "UTC")
    actions = actions_for(results, every_cause(), None, AT)
    assert actions_sentence(make(results, actions=actions), words) == said


def test_an_older_report_says_nothing_of_it() -> None:
    results = down("redis", "a")
    [first] = actions_for(results[:1], (), None, AT)
    assert isinstance(first, Action)
    assert actions_sentence(make(results, actions=(first,)), Words("en", "UTC")) == ""
