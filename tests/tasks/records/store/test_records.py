"""What is on record of deploys, outages and maintenance, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from tasks.history.engine import writing
from tasks.records.facts import Deploy, DeployOutcome, Maintenance, Origin, Outage
from tasks.records.rules import RecordRefused
from tasks.records.store.records import (
    Record,
    first_deploys,
    note_version,
    read_deploys,
    read_maintenance,
    read_outages,
    store_records,
)
from tasks.records.store.writer import Written

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVER = NOW - 900 * DAY, NOW + 900 * DAY
SHOP, PRODUCTION = "shop", "production"


def deploy(version: str = "v2", ago: timedelta = 10 * MINUTE, took: timedelta = MINUTE, **more: Any) -> Deploy:
    start = NOW - ago
    return replace(Deploy(version, PRODUCTION, start, start + took, DeployOutcome.SUCCEEDED, Origin.RECORDED), **more)


def put(history: Engine, *records: Record, by: str = "kim", now: datetime = NOW, service: str = SHOP) -> list[str]:
    return [written.name for written in store_records(history, service, records, by, now)]


def note(history: Engine, version: str, at: datetime, environment: str = PRODUCTION) -> bool:
    return note_version(history, SHOP, environment, version, at)


def deploys(history: Engine) -> list[tuple[str, str, datetime]]:
    """(version, origin, start) of all, oldest first."""
    return [(d.version, str(d.origin), d.started_at) for d in read_deploys(history, SHOP, *EVER)]


def rows(history: Engine, sql: str, **values: object) -> list[tuple[Any, ...]]:
    with writing(history) as connection:
        result = connection.execute(text(sql), values)
        return [tuple(row) for row in result] if result.returns_rows else []


# Deploys


def test_a_deploy_comes_back_as_it_was_recorded(history: Engine) -> None:
    full = deploy(commit_at=NOW - DAY, outcome=DeployOutcome.ROLLED_BACK)
    bare = deploy("v3", 5 * MINUTE, ended_at=None)
    assert put(history, bare, full) == ["NEW", "NEW"]
    assert read_deploys(history, SHOP, *EVER) == (full, bare)
    assert rows(history, "SELECT DISTINCT recorded_by FROM deploys") == [("kim",)]


def test_a_record_by_a_person_always_has_the_origin_recorded(history: Engine) -> None:
    put(history, deploy(origin=Origin.INFERRED))
    assert [origin for _, origin, _ in deploys(history)] == ["recorded"]


def test_the_same_deploy_again_changes_nothing_and_with_other_words_corrects(history: Engine) -> None:
    first = deploy(commit_at=NOW - DAY)
    put(history, first)
    assert put(history, first, by="lee", now=NOW + HOUR) == ["KNOWN"]
    assert rows(history, "SELECT recorded_by FROM deploys") == [("kim",)]
    assert put(history, replace(first, outcome=DeployOutcome.FAILED, commit_at=None, ended_at=None), by="lee") == [
        "CORRECTED"
    ]
    assert read_deploys(history, SHOP, *EVER) == (
        replace(first, outcome=DeployOutcome.FAILED),
    )  # what was left out stays
    assert rows(history, "SELECT recorded_by FROM deploys") == [("lee",)]


def test_another_start_environment_or_service_is_another_deploy(history: Engine) -> None:
    first = deploy()
    for other in (first, deploy(ago=9 * MINUTE), replace(first, environment="staging"), replace(first, version="v3")):
        assert put(history, other) == ["NEW"]
    assert put(history, first, service="bar") == ["NEW"]
    assert len(read_deploys(history, SHOP, *EVER)) == 4
    assert replace(first, environment="staging") in read_deploys(history, SHOP, *EVER)
    assert read_deploys(history, "bar", *EVER) == (first,)


def test_a_deploy_is_of_the_span_in_which_it_began(history: Engine) -> None:
    put(history, *(deploy(f"v{n}", n * HOUR) for n in range(5)), now=NOW + MINUTE)
    assert [d.version for d in read_deploys(history, SHOP, NOW - 3 * HOUR, NOW - HOUR)] == ["v3", "v2"]


def test_what_is_refused_leaves_all_of_it_unrecorded(history: Engine) -> None:
    with pytest.raises(RecordRefused, match="version must have"):
        put(history, deploy(), deploy(" "))
    with pytest.raises(RecordRefused, match="the name of the recorder is missing"):
        put(history, deploy(), by=" ")
    assert deploys(history) == []


# Versions that monitoring sees


def test_the_first_version_of_an_environment_is_no_deploy(history: Engine) -> None:
    assert note(history, "v1", NOW)
    assert note(history, "v9", NOW, "staging")
    assert not note(history, "v1", NOW + MINUTE)
    assert deploys(history) == [("v1", "first-seen", NOW), ("v9", "first-seen", NOW)]


def test_another_version_is_a_deploy_and_going_back_is_one_too(history: Engine) -> None:
    seen = [note(history, v, NOW + n * MINUTE) for n, v in enumerate(["v1", "v2", "v2", "v1", "v1"])]
    assert seen == [True, True, False, True, False]
    assert deploys(history) == [
        ("v1", "first-seen", NOW),
        ("v2", "inferred", NOW + MINUTE),
        ("v1", "inferred", NOW + 3 * MINUTE),
    ]
    [_, inferred, _] = read_deploys(history, SHOP, *EVER)
    assert (inferred.ended_at, inferred.outcome) == (NOW + MINUTE, DeployOutcome.SUCCEEDED)
    assert rows(history, "SELECT DISTINCT recorded_by FROM deploys") == [("monitoring",)]


def test_a_version_that_was_recorded_is_not_doubled(history: Engine) -> None:
    note(history, "v1", NOW - DAY)
    put(history, deploy("v2", 10 * MINUTE, 10 * MINUTE))
    versions = ["v1", "v2", "v1", "v2", "v2"]
    assert not any(note(history, v, NOW + n * MINUTE) for n, v in enumerate(versions))
    assert not note(history, "v2", NOW + 2 * HOUR)
    assert [version for version, _, _ in deploys(history)] == ["v1", "v2"]


def test_an_old_version_that_stays_for_an_hour_is_a_deploy_unless_the_new_one_failed(history: Engine) -> None:
    note(history, "v1", NOW - DAY)
    put(history, deploy("v2", HOUR, 30 * MINUTE))
    assert not note(history, "v1", NOW + 29 * MINUTE)
    assert note(history, "v1", NOW + 30 * MINUTE)
    put(history, deploy("v3", -HOUR, outcome=DeployOutcome.FAILED), now=NOW + 2 * HOUR)
    assert not note(history, "v1", NOW + 9 * HOUR)
    assert note(history, "v2", NOW + 9 * HOUR)


def test_a_recorded_deploy_takes_the_place_of_the_inferred_one(history: Engine) -> None:
    note(history, "v1", NOW - DAY)
    note(history, "v2", NOW - 5 * MINUTE)
    full = deploy("v2", 10 * MINUTE, 10 * MINUTE, commit_at=NOW - DAY)
    assert put(history, full) == ["NEW"]
    assert [(version, origin) for version, origin, _ in deploys(history)] == [("v1", "first-seen"), ("v2", "recorded")]
    assert read_deploys(history, SHOP, *EVER)[1] == full
    assert put(history, full) == ["KNOWN"]
    assert not note(history, "v2", NOW + 3 * HOUR)


@pytest.mark.parametrize(
    ("seen", "replaced"),
    [
        (NOW - 70 * MINUTE, True),
        (NOW - 70 * MINUTE - timedelta(seconds=1), False),
        (NOW + HOUR, True),
        (NOW + HOUR + timedelta(seconds=1), False),
    ],
)
def test_only_what_was_inferred_within_an_hour_is_replaced(history: Engine, seen: datetime, replaced: bool) -> None:
    note(history, "v1", NOW - DAY)
    note(history, "v2", seen)
    put(history, deploy("v2", 10 * MINUTE, 10 * MINUTE), now=NOW + 2 * HOUR)
    assert [origin for version, origin, _ in deploys(history) if version == "v2"].count("inferred") == (not replaced)


def test_each_record_takes_the_place_of_one_inferred_deploy_the_nearest(history: Engine) -> None:
    for minute, version in ((0, "v1"), (10, "v2"), (20, "v1"), (30, "v2")):
        note(history, version, NOW + minute * MINUTE)
    later, earlier = deploy("v2", -28 * MINUTE), deploy("v2", -8 * MINUTE)
    for _ in range(2):  # the second time changes nothing
        put(history, later, now=NOW + HOUR)
        assert [(v, o) for v, o, _ in deploys(history)][1:] == [
            ("v2", "inferred"), ("v1", "inferred"), ("v2", "recorded"),
        ]  # fmt: skip
    put(history, earlier, later, now=NOW + HOUR)
    put(history, earlier, later, now=NOW + HOUR)
    assert [(v, o) for v, o, _ in deploys(history)][1:] == [
        ("v2", "recorded"), ("v1", "inferred"), ("v2", "recorded"),
    ]  # fmt: skip


def test_a_deploy_that_turns_out_to_have_lasted_longer_takes_what_was_inferred_meanwhile(history: Engine) -> None:
    note(history, "v1", NOW - DAY)
    put(history, deploy("v2", 4 * HOUR, ended_at=None))
    note(history, "v1", NOW - 2 * HOUR)  # after two hours of the old version
    note(history, "v2", NOW - HOUR)
    put(history, deploy("v2", 4 * HOUR, 3 * HOUR))
    assert [(v, o) for v, o, _ in deploys(history)] == [("v1", "first-seen"), ("v2", "recorded"), ("v1", "inferred")]


def test_a_version_is_bounded_as_everything_from_outside(history: Engine) -> None:
    note(history, "v\x00" + "9" * 300, NOW, "e" * 99)
    assert not note(history, "v\x00" + "9" * 300, NOW + MINUTE, "e" * 99)
    [kept] = read_deploys(history, SHOP, *EVER)
    assert kept.version.startswith("v\\u00009") and len(kept.environment) == 40


def test_nothing_new_costs_one_read(history: Engine) -> None:
    note(history, "v1", NOW)
    given: list[str] = []
    event.listen(history, "before_cursor_execute", lambda _c, _cursor, statement, *_: given.append(statement))
    note(history, "v1", NOW + MINUTE)
    assert [statement.split()[0] for statement in given if not statement.startswith(("BEGIN", "SET"))] == ["SELECT"]


def test_those_that_see_a_version_at_once_keep_it_once(history: Engine) -> None:
    note(history, "v1", NOW - DAY)
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda n: note(history, "v2", NOW + n * timedelta(seconds=1)), range(8)))
    assert seen.count(True) == 1
    assert [version for version, _, _ in deploys(history)] == ["v1", "v2"]


def test_those_that_record_the_same_at_once_keep_it_once(history: Engine) -> None:
    note(history, "v2", NOW - 5 * MINUTE)
    outage = Outage(NOW - HOUR, None, None, "disk full")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: put(history, deploy(), outage), range(8)))
    assert sorted(found) == [["KNOWN", "KNOWN"]] * 7 + [["NEW", "NEW"]]


def test_since_when_deploys_of_an_environment_are_known(history: Engine) -> None:
    assert first_deploys(history, SHOP) == {}
    note(history, "v1", NOW)
    note(history, "v2", NOW + MINUTE)
    note(history, "v1", NOW - DAY, "staging")
    put(history, deploy("v9", DAY), service="bar")
    assert first_deploys(history, SHOP) == {PRODUCTION: NOW, "staging": NOW - DAY}
    put(history, deploy("v0", HOUR))
    assert first_deploys(history, SHOP)[PRODUCTION] == NOW - HOUR


# Outages


def test_an_outage_is_closed_by_its_start(history: Engine) -> None:
    going_on = Outage(NOW - HOUR, None, "orders", "suspected: disk", 17)
    assert put(history, going_on) == ["NEW"]
    assert read_outages(history, SHOP, NOW - DAY, NOW) == (going_on,)
    closed = replace(going_on, ended_at=NOW, cause="disk full", incident_id=None)
    assert put(history, closed, by="lee") == ["CORRECTED"]
    assert read_outages(history, SHOP, NOW - DAY, NOW) == (replace(closed, incident_id=17),)
    assert put(history, closed, going_on, by="max") == ["KNOWN", "CORRECTED"]
    [again] = read_outages(history, SHOP, NOW - DAY, NOW)
    assert again.ended_at == NOW  # what is left out stays: an old file does not reopen it


def test_the_whole_service_is_another_subject_than_a_module(history: Engine) -> None:
    whole, part = Outage(NOW - HOUR, NOW, None, "power"), Outage(NOW - HOUR, NOW, "orders", "power")
    assert put(history, whole, part) == ["NEW", "NEW"]
    assert set(read_outages(history, SHOP, *EVER)) == {whole, part}
    assert read_outages(history, "bar", *EVER) == ()


def test_an_outage_is_of_every_span_that_it_touches(history: Engine) -> None:
    over = Outage(NOW - 3 * HOUR, NOW - 2 * HOUR, None, "over")
    going_on = Outage(NOW - HOUR, None, None, "going on")
    put(history, going_on, over)
    assert read_outages(history, SHOP, NOW - 2 * HOUR, NOW - HOUR) == ()
    assert read_outages(history, SHOP, NOW - 2 * HOUR - MINUTE, NOW - HOUR + MINUTE) == (over, going_on)
    assert read_outages(history, SHOP, NOW + 9 * DAY, NOW + 10 * DAY) == (going_on,)


# Maintenance


def window(declared: datetime = NOW, start: datetime = NOW + DAY, **more: Any) -> Maintenance:
    return replace(Maintenance(start, start + HOUR, None, "upgrade", declared, "kim"), **more)


def test_a_window_is_read_where_it_touches_a_span(history: Engine) -> None:
    first, second = window(), window(start=NOW + 2 * DAY, module="orders")
    assert put(history, second, first) == ["NEW", "NEW"]
    assert read_maintenance(history, SHOP, *EVER) == (first, second)
    assert read_maintenance(history, SHOP, NOW + DAY + HOUR, NOW + 2 * DAY) == ()
    assert read_maintenance(history, SHOP, NOW + DAY + 59 * MINUTE, NOW + 2 * DAY + MINUTE) == (first, second)
    assert read_maintenance(history, "bar", *EVER) == ()


def test_the_first_declaration_stands(history: Engine) -> None:
    put(history, window())
    later = window(NOW + 3 * DAY, declared_by="lee", reason="upgrade to 18")  # no late reason: it was announced
    assert put(history, later) == ["CORRECTED"]
    assert put(history, later) == ["KNOWN"]
    assert put(history, window(NOW - 9 * DAY)) == ["CORRECTED"]
    assert read_maintenance(history, SHOP, *EVER) == (window(),)


def test_a_late_window_needs_a_reason_and_never_becomes_an_early_one(history: Engine) -> None:
    late = window(NOW + 2 * DAY)
    with pytest.raises(RecordRefused, match="already started"):
        put(history, late)
    assert read_maintenance(history, SHOP, *EVER) == ()
    explained = replace(late, late_reason="the disk could not wait")
    assert put(history, explained) == ["NEW"]
    assert put(history, window(NOW - DAY)) == ["KNOWN"]
    [kept] = read_maintenance(history, SHOP, *EVER)
    assert kept == explained and kept.late


def test_a_late_reason_of_a_window_that_is_not_late_is_left_out(history: Engine) -> None:
    put(history, window(late_reason="no"))
    assert read_maintenance(history, SHOP, *EVER) == (window(),)


def test_modules_must_be_those_of_the_service(history: Engine) -> None:
    for record in (Outage(NOW - HOUR, NOW, "order", "x"), window(module="order")):
        with pytest.raises(RecordRefused, match="known modules: orders, users"):
            store_records(history, SHOP, [record], "kim", NOW, ("users", "orders"))
        assert store_records(history, SHOP, [record], "kim", NOW) == (Written.NEW,)
