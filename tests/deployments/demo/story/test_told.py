"""What must have happened in the story: each thing that is missing, doubled or in another order is a problem."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployments.demo.story.facts import Story, read_story, write_story
from deployments.demo.story.told import TOLD, OnRecord, beats_of, problems_of, ways_of
from tasks.alerts.facts import Condition, Episode, Phase, Policy
from tasks.alerts.store.read import StoredNotice, TakenAction
from tasks.check_result import Severity, in_english, msg
from tasks.history.outbox import OutboxMessage, Standing
from tasks.incidents.facts import EntryKind, Incident, IncidentRecord, State, TimelineEntry

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EPISODE = Episode(
    condition=Condition("monitoring", "health.readiness", "service"),
    policy=Policy(9 * SECOND, 60 * SECOND, 600 * SECOND),
    title=msg("Readiness"),
    reason=msg("Readiness"),
    level=Severity.EMERGENCY,
    phase=Phase.RESOLVED,
    since=AT,
    updated_at=AT,
)


def message(notice: int, recipient: str, state: str = "sent") -> Standing:
    row = OutboxMessage("alert", f"alert/1/{notice}/{recipient}", "apprise", recipient, "ja", {"notice": notice})
    return Standing(row, state, False, "")  # type: ignore[arg-type]


def good() -> OnRecord:
    action = TakenAction("restart-cache", "done", "effective", AT + 15 * SECOND, AT + 16 * SECOND, "")
    notices = {
        n: StoredNotice(told, level, AT + 10 * n * SECOND, (EPISODE,), (action,))
        for n, (told, level) in enumerate(TOLD, 1)
    }
    messages = [message(1, "pager"), *(message(n, to) for n in (2, 3, 4) for to in ("pager", "chat"))]
    incident = Incident(
        1, "down", None, Severity.EMERGENCY, State.CLOSED, AT, AT, "monitoring", closed_at=AT + 50 * SECOND
    )
    opened = TimelineEntry(AT, AT + 20 * SECOND, "monitoring", EntryKind.OPENED, "down")
    return OnRecord(notices, messages, IncidentRecord(incident, (opened,), (), ()))


def without_incident(record: OnRecord) -> OnRecord:
    return replace(record, incident=None)


def still_open(record: OnRecord) -> OnRecord:
    assert record.incident is not None
    return replace(
        record, incident=replace(record.incident, incident=replace(record.incident.incident, state=State.REVIEWING))
    )


def one_notice_less(record: OnRecord) -> OnRecord:
    return replace(record, notices={n: notice for n, notice in record.notices.items() if n != 2})


def waiting(record: OnRecord) -> OnRecord:
    return replace(record, messages=[*record.messages[:-1], message(4, "chat", "waiting")])


def ineffective(record: OnRecord) -> OnRecord:
    def awaited(notice: StoredNotice) -> StoredNotice:
        return replace(notice, actions=tuple(replace(action, effect="awaited") for action in notice.actions))

    return replace(record, notices={n: awaited(notice) for n, notice in record.notices.items()})


def without_action(record: OnRecord) -> OnRecord:
    return replace(record, notices={n: replace(notice, actions=()) for n, notice in record.notices.items()})


def too_early(record: OnRecord) -> OnRecord:
    return replace(record, notices=record.notices | {2: replace(record.notices[2], at=AT)})


def test_the_story_as_planned_has_no_problem_and_all_of_it_in_order() -> None:
    assert problems_of(good(), AT) == ()
    beats = beats_of(good(), AT)
    assert [in_english(beat.what) for beat in beats] == [
        "Fault planted: the cache is down",
        "New alert, level 2, sent to pager",
        "Nobody has acknowledged it: level 3, sent to pager, chat",
        "Incident 1 opened by monitoring",
        "Acknowledgement sent to pager, chat",
        "End of the alert sent to pager, chat",
    ]


@pytest.mark.parametrize(
    ("spoilt", "problem"),
    [
        (without_incident, "No incident was opened"),
        (still_open, "The incident is not closed, but reviewing"),
        (one_notice_less, "People were not told what they should be, but: firing 2, acknowledged 3, resolved 3"),
        (waiting, "Messages that were not sent: 1"),
        (ineffective, "The effect of the action was not verified"),
        (without_action, "The effect of the action was not verified"),
        (too_early, "It did not happen in this order"),
    ],
)
def test_what_did_not_happen_is_a_problem(spoilt: Callable[[OnRecord], OnRecord], problem: str) -> None:
    assert problem in [in_english(found) for found in problems_of(spoilt(good()), AT)]


@pytest.mark.parametrize(
    ("arrived", "fine"),
    [
        ({"pager": 4, "chat": 3}, True),
        ({"pager": 3, "chat": 3}, False),
        ({"pager": 4, "chat": 4}, False),
        ({"pager": 4, "chat": 3, "elsewhere": 1}, False),
    ],
)
def test_a_message_that_is_lost_doubled_or_of_somebody_else_is_no_good_story(
    arrived: dict[str, int], *, fine: bool
) -> None:
    story = Story(beats_of(good(), AT), ways_of(good().messages, arrived))
    assert story.good is fine


def test_a_story_without_an_event_is_not_good_and_one_is_handed_on_whole(tmp_path: Path) -> None:
    assert not Story().good
    story = Story(beats_of(good(), AT), ways_of(good().messages, {}), ("page",), (msg("It broke: {error}", error="x"),))
    write_story(story, tmp_path / "story.json")
    assert read_story(tmp_path / "story.json") == story
