"""Incidents on both databases: opened once, changed by several at once, and the outages that they own."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from tasks.check_result import Severity
from tasks.history.engine import writing
from tasks.history.services import service_id
from tasks.incidents.events import (
    Acknowledge,
    AddAction,
    Assess,
    Close,
    Dismiss,
    Event,
    IncidentRefused,
    Mend,
    Merge,
    Mitigate,
    NoSuchIncident,
    Note,
    Reopen,
    Resolve,
    Respond,
    Review,
    Verify,
)
from tasks.incidents.facts import ActionKind, Incident, State
from tasks.incidents.store.change import (
    Changed,
    NewIncident,
    change_by_all,
    change_incident,
    open_by_hand,
    open_incident,
)
from tasks.incidents.store.read import open_incidents, read_incident, read_incidents
from tasks.records.facts import Outage
from tasks.records.store.records import read_outages, store_records
from tasks.secrets import keep_secret

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVER = AT - 900 * DAY, AT + 900 * DAY
SHOP, DUE = "shop", date(2026, 12, 1)
DOWN = NewIncident("no database", Severity.EMERGENCY, "alerts", impact_at=AT - 5 * MINUTE, down=True)


def opened(history: Engine, new: NewIncident = DOWN, at: datetime = AT, **more: Any) -> Incident:
    return open_by_hand(history, SHOP, replace(new, **more), at)


def change(history: Engine, number: int, event: Event, minutes: float = 10, by: str = "kim") -> Changed:
    return change_incident(history, SHOP, number, event, by, AT + minutes * MINUTE)


def spans(history: Engine, number: int) -> list[tuple[datetime, datetime | None]]:
    return [(outage.started_at, outage.ended_at) for outage in read_incident(history, SHOP, number).outages]


def resolved(history: Engine, number: int, minutes: float = 20) -> None:
    change(history, number, Mend("failed over", AT + minutes * MINUTE), minutes)
    change(history, number, Resolve("it answers", AT + minutes * MINUTE), minutes)


def test_an_incident_comes_back_as_it_was_opened(history: Engine) -> None:
    incident = opened(history, text="since the deploy", module="shopping", opened_for="alert:7")
    record = read_incident(history, SHOP, incident.id)
    assert record.incident == incident
    assert (incident.state, incident.detected_at, incident.impact_at) == (State.DETECTED, AT, AT - 5 * MINUTE)
    assert [(e.kind, e.text, e.by) for e in record.timeline] == [("opened", "no database\nsince the deploy", "alerts")]
    assert record.outages == (Outage(AT - 5 * MINUTE, None, "shopping", "no database", own_incident=incident.id),)
    assert open_incidents(history, SHOP) == (incident,)


def test_what_it_is_opened_for_opens_it_once(history: Engine) -> None:
    first = opened(history, opened_for="alert:7")
    assert opened(history, title="other words", opened_for="alert:7", at=AT + HOUR) == first
    assert opened(history, opened_for="alert:8").id != first.id
    by_hand = opened(history, detected_at=AT - HOUR, impact_at=None)
    assert opened(history, detected_at=AT - HOUR, impact_at=None, at=AT + HOUR) == by_hand
    assert len(open_incidents(history, SHOP)) == 3


def test_what_its_transaction_rolls_back_opens_none(history: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(history) as connection:
        open_incident(connection, service_id(connection, SHOP), DOWN, AT)
        raise ZeroDivisionError
    assert open_incidents(history, SHOP) == ()
    assert read_outages(history, SHOP, *EVER) == ()


def test_only_what_was_really_down_is_an_outage(history: Engine) -> None:
    incident = opened(history, down=False, title="disk is full")
    resolved(history, incident.id)
    assert read_outages(history, SHOP, *EVER) == ()


def test_an_outage_is_from_the_impact_to_the_resolution(history: Engine) -> None:
    incident = opened(history)
    change(history, incident.id, Assess("", impact_at=AT - 9 * MINUTE))
    resolved(history, incident.id)
    change(history, incident.id, Review(cause="full disk"), 30)
    assert read_incident(history, SHOP, incident.id).outages == (
        Outage(AT - 9 * MINUTE, AT + 20 * MINUTE, None, "full disk", own_incident=incident.id),
    )


def test_an_outage_recorded_by_hand_stays_beside_the_one_of_the_incident(history: Engine) -> None:
    by_hand = Outage(AT - 5 * MINUTE, AT, None, "seen by a customer")
    store_records(history, SHOP, [by_hand], "lee", AT)
    incident = opened(history)
    assert spans(history, incident.id) == [(AT - 5 * MINUTE + timedelta(seconds=1), None)]
    change(history, incident.id, Dismiss("a test"))
    assert read_outages(history, SHOP, *EVER) == (by_hand,)


def test_an_outage_of_another_systems_incident_with_the_same_number_is_not_its_own(history: Engine) -> None:
    incident = opened(history)
    imported = Outage(AT - DAY, AT - DAY + HOUR, None, "power", incident.id)
    store_records(history, SHOP, [imported], "lee", AT)
    change(history, incident.id, Assess("", impact_at=AT - 9 * MINUTE))
    assert spans(history, incident.id) == [(AT - 9 * MINUTE, None)]
    by_hand = Outage(AT - 9 * MINUTE, AT, None, "power")
    store_records(history, SHOP, [by_hand], "lee", AT)  # a correction leaves it with its incident
    assert spans(history, incident.id) == [(AT - 9 * MINUTE, AT)]
    change(history, incident.id, Dismiss("a test"))
    assert read_outages(history, SHOP, *EVER) == (imported,)


def test_a_false_positive_has_no_outage(history: Engine) -> None:
    incident = opened(history)
    assert change(history, incident.id, Dismiss("a load test")).incident.false_positive
    assert read_outages(history, SHOP, *EVER) == ()
    assert open_incidents(history, SHOP) == ()


def test_a_merged_incident_gives_its_outages_and_action_items_to_the_other(history: Engine) -> None:
    whole, part = opened(history), opened(history, title="no shopping", module="shopping")
    change(history, part.id, AddAction("a second replica", "kim", DUE))
    change(history, part.id, Merge(whole.id, "the same failover"))
    record = read_incident(history, SHOP, whole.id)
    assert sorted(outage.module or "" for outage in record.outages) == ["", "shopping"]
    assert [item.text for item in record.actions] == ["a second replica"]
    assert record.timeline[-1].text == f"← {part.id} no shopping"
    resolved(history, whole.id)
    assert {outage.ended_at for outage in read_outages(history, SHOP, *EVER)} == {AT + 20 * MINUTE}


def test_a_merged_incident_of_a_module_whose_impact_is_moved_finds_its_place_in_the_module(history: Engine) -> None:
    whole, part = opened(history, impact_at=None), opened(history, title="no shopping", module="shopping")
    store_records(history, SHOP, [Outage(AT - 9 * MINUTE, AT - 8 * MINUTE, "shopping", "seen before")], "lee", AT)
    change(history, part.id, Merge(whole.id))
    change(history, whole.id, Assess("", impact_at=AT - 9 * MINUTE))
    assert spans(history, whole.id) == [(AT - 9 * MINUTE + timedelta(seconds=1), None), (AT, None)]


def test_an_outage_that_is_removed_stays_in_the_timeline(history: Engine) -> None:
    incident = opened(history)
    change(history, incident.id, Assess("slow", down=False))
    removed = "outage 2026-11-24T02:55:00Z → ongoing removed"
    assert read_incident(history, SHOP, incident.id).timeline[-1].text == f"down true → false\n{removed}\nslow"


def test_a_merged_incident_makes_the_other_as_long_and_as_grave_and_is_not_dismissed_with_it(history: Engine) -> None:
    early = opened(history)
    late = opened(history, NewIncident("slow", Severity.WARNING, "kim"), AT + 5 * HOUR)
    change(history, early.id, Merge(late.id, "the same"), minutes=310)
    whole = read_incident(history, SHOP, late.id).incident
    assert (whole.detected_at, whole.impact_at) == (early.detected_at, early.impact_at)
    assert (whole.severity, whole.down) == (early.severity, True)
    with pytest.raises(IncidentRefused, match=rf"it took over incident {early.id}, so something happened"):
        change(history, late.id, Dismiss("a test"), minutes=320)
    assert len(read_outages(history, SHOP, *EVER)) == 1


def test_an_incident_is_not_merged_into_what_is_none_or_is_over(history: Engine) -> None:
    one, other = opened(history), opened(history, title="another")
    resolved(history, other.id)
    with pytest.raises(IncidentRefused, match=rf"incident {other.id}, which is resolved: resolve the former or reopen"):
        change(history, one.id, Merge(other.id))
    false = opened(history, title="a test")
    change(history, false.id, Dismiss("a test"))
    with pytest.raises(IncidentRefused, match="it is false-positive; name one that counts"):
        change(history, one.id, Merge(false.id))
    with pytest.raises(NoSuchIncident, match="no incident 999 "):
        change(history, one.id, Merge(999))
    assert read_incident(history, SHOP, one.id).incident.state is State.DETECTED


def test_a_temporary_fix_leaves_an_action_item(history: Engine) -> None:
    incident = opened(history)
    change(history, incident.id, Mitigate("failed over", "kim", DUE))
    [item] = read_incident(history, SHOP, incident.id).actions
    assert (item.kind, item.owner, item.due, item.done_at) == (ActionKind.PERMANENT_FIX, "kim", DUE, None)


def test_case_10_reopened_within_a_day_adds_another_outage_to_the_same_incident(history: Engine) -> None:
    incident = opened(history)
    resolved(history, incident.id)
    change(history, incident.id, Reopen("again", AT + 30 * MINUTE), 40)
    resolved(history, incident.id, 50)
    assert spans(history, incident.id) == [
        (AT - 5 * MINUTE, AT + 20 * MINUTE),
        (AT + 30 * MINUTE, AT + 50 * MINUTE),
    ]


def test_case_10_reopened_later_is_a_new_incident_that_names_the_old_one(history: Engine) -> None:
    incident = opened(history)
    resolved(history, incident.id)
    late = 20 + 24 * 60 + 1
    changed = change(history, incident.id, Reopen("again"), late)
    assert changed.opened is not None
    assert changed.opened.follows == incident.id
    assert changed.incident.state is State.RESOLVED
    assert spans(history, changed.opened.id) == [(AT + late * MINUTE, None)]
    assert read_incident(history, SHOP, incident.id).timeline[-1].text == f"→ {changed.opened.id}\nagain"
    assert change(history, incident.id, Reopen("again", AT + late * MINUTE), late + 1).opened == changed.opened


def test_case_8_an_incident_resolved_by_a_clock_that_is_behind_has_no_negative_outage(history: Engine) -> None:
    incident = opened(history, impact_at=None)
    change(history, incident.id, Mend("restarted"), -10)
    change(history, incident.id, Resolve("it answers"), -10)
    record = read_incident(history, SHOP, incident.id)
    assert record.incident.resolved_at == AT
    assert record.outages == ()
    assert [entry.clock_was_back for entry in record.timeline] == [False, True, True]


def test_an_incident_that_is_not_there_is_named_as_such(history: Engine) -> None:
    mine = opened(history)
    with pytest.raises(NoSuchIncident, match="there is no incident 99 of this service: see `rounds incident list`"):
        change(history, 99, Acknowledge())
    for service in ("another", "shop2"):
        with pytest.raises(NoSuchIncident):
            change_incident(history, service, mine.id, Acknowledge(), "kim", AT)
        with pytest.raises(NoSuchIncident):
            read_incident(history, service, mine.id)


def test_what_cannot_have_been_is_not_opened(history: Engine) -> None:
    with pytest.raises(IncidentRefused, match="is in the future: give the time when it began to hurt"):
        opened(history, impact_at=AT + HOUR)
    with pytest.raises(IncidentRefused, match="the title is missing"):
        opened(history, title=" \n ")
    with pytest.raises(
        IncidentRefused, match="cannot have begun to hurt at 2026-11-24 03:00:00 UTC: it was detected at"
    ):
        opened(history, detected_at=AT - HOUR, impact_at=AT)
    assert open_incidents(history, SHOP) == ()


def test_of_several_events_all_or_none_happen(history: Engine) -> None:
    incident = opened(history)
    events = [Assess("", Severity.WARNING), Verify("watching")]
    with pytest.raises(IncidentRefused, match="cannot verify"):
        change_by_all(history, SHOP, incident.id, events, "kim", AT + MINUTE)
    assert read_incident(history, SHOP, incident.id).incident == incident
    done = change_by_all(history, SHOP, incident.id, [events[0], Respond("restarting")], "kim", AT + MINUTE).incident
    assert (done.severity, done.state) == (Severity.WARNING, State.RESPONDING)


def test_several_people_at_once_lose_no_entry(history: Engine) -> None:
    incident = opened(history)

    def note(person: int) -> None:
        for number in range(5):
            change(history, incident.id, Note(f"{person}.{number}"), by=f"person {person}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(note, range(4)))
    assert len(read_incident(history, SHOP, incident.id).timeline) == 21


def test_of_two_that_resolve_at_once_one_is_told_that_it_is_resolved(history: Engine) -> None:
    incident = opened(history)
    change(history, incident.id, Mend("failed over"))

    def resolve(by: str) -> str:
        try:
            return str(change(history, incident.id, Resolve("it answers"), 20, by).incident.state)
        except IncidentRefused as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(resolve, ("kim", "lee")))
    assert answers[1] == "resolved"
    assert answers[0].startswith(f"cannot resolve incident {incident.id}: it is resolved")


def test_several_alerts_at_once_open_one_incident(history: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: opened(history, opened_for="alert:7"), range(8)))
    assert len(set(found)) == 1


def test_incidents_of_a_span_are_those_that_hurt_or_were_closed_in_it(history: Engine) -> None:
    first = opened(history)
    resolved(history, first.id)
    change(history, first.id, Review("c", "w", "b", no_actions_reason="none"), 30)
    change(history, first.id, Close(), 40)
    found = read_incidents(history, SHOP, AT, AT + HOUR)
    assert [record.incident.id for record in found] == [first.id]
    assert read_incidents(history, SHOP, AT + HOUR, AT + DAY) == ()
    assert read_incidents(history, SHOP, AT - DAY, AT - HOUR) == ()


def test_a_secret_is_not_kept(history: Engine) -> None:
    keep_secret("incident-store-secret")
    incident = opened(history, title="password incident-store-secret refused", text="incident-store-secret")
    change(history, incident.id, Note("incident-store-secret"))
    assert "incident-store-secret" not in str(read_incident(history, SHOP, incident.id))
