"""How an incident goes on: each state, what is refused, fixes, clocks that were set back, what comes back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.check_result import Severity
from tasks.incidents.events import (
    Acknowledge,
    ActionFinished,
    ActionNeeded,
    AddAction,
    Assess,
    Change,
    Close,
    Dismiss,
    Event,
    FinishAction,
    FollowedBy,
    IncidentRefused,
    Mend,
    Merge,
    Mitigate,
    Note,
    OutageEnds,
    OutageMoves,
    OutagesRehung,
    OutagesRemoved,
    OutageStarts,
    Reopen,
    Resolve,
    Respond,
    Review,
    Verify,
)
from tasks.incidents.facts import ActionItem, ActionKind, EntryKind, Fix, Incident, State, TimelineEntry
from tasks.incidents.judge.machine import TRANSITIONS, step
from tasks.records.facts import Outage
from tasks.records.rules import RecordRefused

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DUE = date(2026, 12, 1)
OPENED = TimelineEntry(AT, AT, "alerts", EntryKind.OPENED, "no database")
NEW = Incident(7, "no database", None, Severity.EMERGENCY, State.DETECTED, AT, AT - 5 * MINUTE, "alerts", down=True)
ITEM = ActionItem(3, "a second replica", "kim", DUE, ActionKind.PREVENTION)
REPORT = Review(cause="full disk", went_well="found at once", went_badly="no runbook", lucky="at night")
EVENTS: dict[type[Event], Event] = {
    type(event): event
    for event in (
        Acknowledge(),
        Note("seen"),
        Assess("all modules", Severity.EMERGENCY),
        Respond("restarting"),
        Mitigate("failed over", "kim", DUE),
        Mend("disk enlarged"),
        Verify("watching p95"),
        Resolve("p95 is 80 ms"),
        REPORT,
        Close(),
        Reopen("again"),
        Merge(9),
        Dismiss("a test"),
        AddAction("a second replica", "kim", DUE),
        FinishAction(3),
    )
}


BACK = TimelineEntry(AT + 25 * MINUTE, AT + 25 * MINUTE, "alerts", EntryKind.REOPENED, "again")
FIRST = Outage(AT - 5 * MINUTE, AT + 20 * MINUTE, None, "no database", 7)


def in_state(state: State) -> Incident:
    ended = state in (State.RESOLVED, State.REVIEWING, State.CLOSED)
    merged = 9 if state is State.MERGED else None
    reported = replace(NEW, cause="c", went_well="w", went_badly="b") if ended else NEW
    return replace(reported, state=state, resolved_at=AT + 20 * MINUTE if ended else None, merged_into=merged)


def take(
    incident: Incident,
    event: Event,
    at: datetime = AT + 30 * MINUTE,
    *timeline: TimelineEntry,
    outages: Sequence[Outage] = (),
) -> Change:
    return step(incident, (OPENED, *timeline), (ITEM,), event, "kim", at, outages)


def follow(*events: Event) -> tuple[Incident, list[TimelineEntry]]:
    """The incident after events, a minute each."""
    incident, timeline = NEW, [OPENED]
    for minute, event in enumerate(events, 1):
        change = step(incident, timeline, (ITEM,), event, "kim", AT + minute * MINUTE, ())
        incident = change.incident
        timeline += change.entries
    return incident, timeline


def test_an_incident_goes_through_all_its_states() -> None:
    way = (Acknowledge(), Respond(""), Mitigate("failed over", "kim", DUE), Verify(""), Resolve("p95 80 ms"), REPORT)
    states = [follow(*way[:n])[0].state for n in range(len(way) + 1)]
    assert states == ["detected", "assessing", "responding", "mitigated", "verifying", "resolved", "reviewing"]
    closed, timeline = follow(*way, Close())
    assert closed.state is State.CLOSED
    assert (closed.acknowledged_at, closed.acknowledged_by) == (AT + MINUTE, "kim")
    assert (closed.mitigated_at, closed.fix) == (AT + 3 * MINUTE, Fix.TEMPORARY)
    assert (closed.resolved_at, closed.reviewed_at, closed.closed_at) == tuple(AT + n * MINUTE for n in (5, 6, 7))
    assert [entry.kind for entry in timeline] == [
        "opened", "acknowledged", "response", "mitigated", "action-added", "verification", "resolved", "review",
        "closed",
    ]  # fmt: skip


def test_every_event_has_its_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(get_args(Event)) == set(EVENTS)


@pytest.mark.parametrize("kind", TRANSITIONS, ids=lambda kind: kind.__name__)
def test_what_the_table_does_not_have_is_refused_and_what_it_has_is_done(kind: type[Event]) -> None:
    for state in State:
        if (target := TRANSITIONS[kind].get(state)) is None:
            with pytest.raises(IncidentRefused, match=rf"incident 7: it is {state}.*; what can be done: .*note"):
                take(in_state(state), EVENTS[kind])
        else:
            assert take(in_state(state), EVENTS[kind]).incident.state is target


def test_a_refusal_says_where_a_merged_incident_went() -> None:
    with pytest.raises(IncidentRefused) as refused:
        take(in_state(State.MERGED), Resolve("done"))
    assert str(refused.value) == "cannot resolve incident 7: it is merged into incident 9; what can be done: note"


def test_a_late_acknowledgement_is_logged_and_changes_nothing() -> None:
    for state in (State.RESOLVED, State.REVIEWING, State.CLOSED):
        change = take(in_state(state), Acknowledge("I was asleep"))
        assert change.incident == in_state(state)
        assert [(entry.kind, entry.text) for entry in change.entries] == [("acknowledged", "I was asleep")]
    acknowledged, _ = follow(Acknowledge(), Acknowledge("me too"))
    assert acknowledged.acknowledged_at == AT + MINUTE


def test_a_temporary_fix_forces_an_action_item_for_the_permanent_one() -> None:
    change = take(NEW, Mitigate("failed over", "kim", DUE))
    assert change.effects == (ActionNeeded("no database: permanent fix", "kim", DUE, ActionKind.PERMANENT_FIX),)
    assert take(NEW, Mend("disk enlarged")).effects == ()
    for owner, due in (("", DUE), ("kim", None)):
        with pytest.raises(IncidentRefused, match="needs an owner and a due date for the permanent one"):
            take(NEW, Mitigate("failed over", owner, due))


def test_a_fix_that_did_not_help_is_none() -> None:
    incident, _ = follow(Mitigate("restarted", "kim", DUE), Respond("it is back to 5 s"))
    assert (incident.state, incident.fix, incident.mitigated_at) == (State.RESPONDING, None, None)


def test_it_is_not_resolved_without_a_fix_or_without_its_verification() -> None:
    with pytest.raises(IncidentRefused, match="it is detected; what can be done: acknowledge, note, assess"):
        take(NEW, Resolve("it went away"))
    with pytest.raises(IncidentRefused, match="how it was verified"):
        take(in_state(State.FIXED), Resolve(" \n"))


def test_closing_needs_a_report_and_action_items_or_the_reason_for_none() -> None:
    bare = replace(NEW, state=State.RESOLVED, resolved_at=AT + HOUR)
    with pytest.raises(IncidentRefused) as refused:
        step(bare, (OPENED,), (), Close(), "kim", AT + 2 * HOUR, ())
    assert str(refused.value) == (
        "incident 7 is resolved: to close it, add cause; what went well; what went badly; an action item with owner "
        "and due date, or the reason why none is needed"
    )
    reported = step(bare, (OPENED,), (), REPORT, "kim", AT + 2 * HOUR, ()).incident
    with pytest.raises(IncidentRefused, match="to close it, add an action item"):
        step(reported, (OPENED,), (), Close(), "kim", AT + 2 * HOUR, ())
    assert step(reported, (OPENED,), (ITEM,), Close(), "kim", AT + 2 * HOUR, ()).incident.state is State.CLOSED
    excused = step(reported, (OPENED,), (), Review(no_actions_reason="switched off"), "kim", AT + 2 * HOUR, ()).incident
    assert excused.cause == "full disk"  # what is left out stays
    assert step(excused, (OPENED,), (), Close(), "kim", AT + 2 * HOUR, ()).incident.state is State.CLOSED


def test_the_review_is_done_once_its_report_is_complete() -> None:
    resolved = in_state(State.RESOLVED)
    bare = replace(resolved, cause="", went_well="", went_badly="")
    part = take(bare, Review(cause="full disk"), AT + HOUR).incident
    assert (part.state, part.reviewed_at) == (State.REVIEWING, None)
    whole = take(part, Review(went_well="a", went_badly="b"), AT + 2 * HOUR).incident
    assert whole.reviewed_at == AT + 2 * HOUR
    assert take(whole, Review(lucky="c"), AT + 3 * HOUR).incident.reviewed_at == AT + 2 * HOUR


@pytest.mark.parametrize(
    ("event", "effects"),
    [
        (Assess("", impact_at=AT - HOUR), (OutageMoves(AT - HOUR),)),
        (Assess("slow, not down", down=False), (OutagesRemoved(),)),
        (Assess("", Severity.WARNING), ()),
        (Dismiss("a test"), (OutagesRemoved(),)),
        (Merge(9), (OutagesRehung(9),)),
    ],
)
def test_what_becomes_of_its_outage(event: Event, effects: tuple[object, ...]) -> None:
    assert take(NEW, event).effects == effects


def test_an_outage_starts_when_it_turns_out_to_be_one_and_ends_with_the_resolution() -> None:
    slow = replace(NEW, down=False)
    assert take(slow, Assess("down", down=True)).effects == (OutageStarts(AT - 5 * MINUTE, None),)
    assert take(in_state(State.VERIFYING), Resolve("works", AT + 9 * MINUTE)).effects == (OutageEnds(AT + 9 * MINUTE),)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Dismiss("a test"), "{removed}\na test"),
        (Assess("slow", down=False), "down true → false\n{removed}\nslow"),
    ],
)
def test_the_timeline_names_the_outages_that_are_removed(event: Event, text: str) -> None:
    going = Outage(AT + 25 * MINUTE, None, None, "no database", 7)
    [entry] = take(NEW, event, outages=(FIRST, going)).entries
    removed = (
        "outage 2026-11-24T02:55:00Z → 2026-11-24T03:20:00Z removed\noutage 2026-11-24T03:25:00Z → ongoing removed"
    )
    assert entry.text == text.format(removed=removed)


def test_what_was_resolved_once_is_not_dismissed() -> None:
    again = replace(NEW, state=State.REOPENED)
    with pytest.raises(IncidentRefused) as refused:
        take(again, Dismiss("a test"), AT + HOUR, BACK)
    assert str(refused.value) == (
        "cannot dismiss incident 7: it was resolved and came back, so something happened; resolve it again and note why"
    )
    for state in (State.RESOLVED, State.REVIEWING):
        with pytest.raises(IncidentRefused, match="cannot dismiss"):
            take(in_state(state), Dismiss("a test"))


def test_the_quiet_time_before_a_reopening_is_no_downtime() -> None:
    slow = replace(NEW, down=False, state=State.REOPENED)
    assert take(slow, Assess("", down=True), AT + HOUR, BACK).effects == (OutageStarts(BACK.at, None),)
    for at in (AT - HOUR, BACK.at + MINUTE):
        for incident in (slow, replace(slow, down=True)):
            with pytest.raises(IncidentRefused):
                take(incident, Assess("", impact_at=at, down=True), AT + HOUR, BACK)
    with pytest.raises(IncidentRefused, match="reopened at 2026-11-24 03:25 UTC: when it first began to hurt cannot"):
        take(slow, Assess("", impact_at=AT - HOUR), AT + HOUR, BACK)
    same = take(slow, Assess("", Severity.WARNING, NEW.impact_at), AT + HOUR, BACK)
    assert same.incident.impact_at == NEW.impact_at


def test_what_came_back_without_an_outage_may_turn_out_to_be_down_again() -> None:
    again = replace(NEW, state=State.REOPENED)
    assert take(again, Assess("down again", down=True), AT + HOUR, BACK, outages=(FIRST,)).effects == (
        OutageStarts(BACK.at, None),
    )
    going = Outage(BACK.at, None, None, "no database", 7)
    assert take(again, Assess("worse", down=True), AT + HOUR, BACK, outages=(FIRST, going)).effects == ()
    assert take(NEW, Assess("worse", down=True), AT + HOUR, outages=(FIRST,)).effects == ()


def test_it_is_not_resolved_before_it_began_to_hurt() -> None:
    late = replace(in_state(State.FIXED), impact_at=AT + 10 * MINUTE)
    with pytest.raises(IncidentRefused) as refused:
        take(late, Resolve("works", AT + 9 * MINUTE))
    assert str(refused.value) == (
        "incident 7 cannot be resolved at 2026-11-24 03:09:00 UTC: it began to hurt at 2026-11-24 03:10:00 UTC"
    )
    assert take(late, Resolve("works", AT + 10 * MINUTE)).incident.resolved_at == AT + 10 * MINUTE


def test_an_action_item_is_finished_once() -> None:
    assert take(NEW, FinishAction(3), AT + HOUR).effects == (ActionFinished(3, AT + HOUR),)
    with pytest.raises(IncidentRefused, match="incident 7 has no action item 4; open ones: 3"):
        take(NEW, FinishAction(4))
    with pytest.raises(IncidentRefused, match="action item 3 was already done at 2026-11-24 03:00 UTC"):
        step(NEW, (), (replace(ITEM, done_at=AT),), FinishAction(3), "kim", AT, ())


@pytest.mark.parametrize("owner_due", [("", DUE), ("kim", None)])
def test_an_action_item_needs_owner_and_due_date(owner_due: tuple[str, date | None]) -> None:
    with pytest.raises(IncidentRefused, match=r"the owner of the action item is missing|needs a due date"):
        take(NEW, AddAction("a second replica", *owner_due))


def test_nobody_and_itself_are_refused() -> None:
    with pytest.raises(RecordRefused, match="the name of the recorder is missing"):
        step(NEW, (), (), Note("seen"), " ", AT, ())
    with pytest.raises(IncidentRefused, match="cannot be merged into itself"):
        take(NEW, Merge(7))


def test_case_10_reopened_within_a_day_is_the_same_incident() -> None:
    closed = replace(in_state(State.CLOSED), closed_at=AT + 3 * HOUR, reviewed_at=AT + 2 * HOUR)
    resolved = AT + 20 * MINUTE
    change = take(closed, Reopen("again", resolved + 24 * HOUR), resolved + 25 * HOUR)
    again = change.incident
    assert (again.id, again.state, again.detected_at) == (7, State.REOPENED, AT)
    assert (again.resolved_at, again.closed_at, again.reviewed_at, again.fix) == (None, None, None, None)
    assert again.cause == "c"  # what was written stays
    assert change.effects == (OutageStarts(resolved + 24 * HOUR, None),)


def test_case_10_reopened_later_than_a_day_is_another_incident_that_names_the_old_one() -> None:
    closed, late = in_state(State.CLOSED), AT + 20 * MINUTE + 24 * HOUR + timedelta(seconds=1)
    assert take(closed, Reopen("again", late), late) == Change(closed, (), (FollowedBy(late, "again", down=True),))


def test_case_10_a_fix_after_a_reopening_cannot_be_older_than_it() -> None:
    reopened = take(in_state(State.RESOLVED), Reopen("again", AT + 40 * MINUTE), AT + HOUR)
    with pytest.raises(IncidentRefused, match="cannot be fixed at 2026-11-24 03:39:00 UTC: it was detected at"):
        take(reopened.incident, Mend("enlarged", AT + 39 * MINUTE), AT + HOUR, *reopened.entries)


@given(st.lists(st.integers(-20, 20), min_size=7, max_size=7))
def test_case_8_a_clock_that_is_set_back_makes_no_negative_duration(minutes: list[int]) -> None:
    incident, timeline = NEW, [OPENED]
    way = (Acknowledge(), Respond(""), Mitigate("x", "kim", DUE), Verify(""), Resolve("ok"), REPORT, Close())
    for event, minute in zip(way, minutes, strict=True):
        now = AT + minute * MINUTE
        change = step(incident, timeline, (ITEM,), event, "kim", now, ())
        assert all(entry.clock_was_back == (now < entry.at) for entry in change.entries)
        incident = change.incident
        timeline += change.entries
    times = [incident.detected_at, incident.acknowledged_at, incident.mitigated_at, incident.resolved_at]
    found = [at for at in (*times, incident.reviewed_at, incident.closed_at) if at is not None]
    assert len(found) == 6
    assert found == sorted(found)


def test_case_8_what_was_recorded_by_a_clock_that_was_behind_is_flagged() -> None:
    [entry] = take(NEW, Acknowledge(), AT - 10 * MINUTE).entries
    assert (entry.at, entry.recorded_at, entry.clock_was_back) == (AT, AT - 10 * MINUTE, True)
    assert not take(NEW, Acknowledge(), AT + MINUTE).entries[0].clock_was_back


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Mend("x", AT - MINUTE), "cannot be fixed at 2026-11-24 02:59:00 UTC: it was detected at 2026-11-24 03:00:00"),
        (Mend("x", AT + HOUR), "2026-11-24 04:00 UTC is in the future"),
        (
            Assess("", impact_at=AT + MINUTE),
            "begun to hurt at 2026-11-24 03:01:00 UTC: it was detected at 2026-11-24 03:00",
        ),
        (Assess("  "), "nothing was assessed"),
        (Note(" "), "the text is missing"),
    ],
)
def test_times_and_texts_that_cannot_be_are_refused(event: Event, text: str) -> None:
    with pytest.raises(IncidentRefused, match=text):
        take(NEW, event)


def test_hostile_text_stays_text_and_is_bounded() -> None:
    [entry] = take(NEW, Note("<script>alert(1)</script>\x1b[31m\u202e\x00\nsecond line" + "x" * 9000)).entries
    assert entry.text.startswith("<script>alert(1)</script>\\u001b[31m\\u202e\\u0000\nsecond line")
    assert len(entry.text) == 4000
