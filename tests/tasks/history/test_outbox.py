"""The outbox: kept with its cause, leased to one process at a time, tried again, and given up."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from tasks.history import migrate
from tasks.history.engine import open_history, reading, writing
from tasks.history.outbox import (
    LEASE,
    Handling,
    Leased,
    OutboxMessage,
    lease_next,
    mark_failed,
    mark_retry,
    mark_sent,
    mark_unknown,
    read_counts,
)
from tasks.history.outbox import put as put_in
from tasks.history.runs import NewRun, RunKey, RunPlace, read_runs, record_run
from tasks.history.services import locked_service
from tasks.history.tables import outbox
from tests.fixtures.databases import waits_for_a_lock

AT = datetime(2026, 11, 24, 0, 0, 12, tzinfo=UTC)
KEY = RunKey("kondate", "daily-checklist", "2026-11-24", "hand")
SECOND = timedelta(seconds=1)
ARun = Callable[..., Callable[[RunPlace], NewRun]]
AMessage = Callable[..., OutboxMessage]
Put = Callable[..., None]
Mark = Callable[[Engine, Leased, str, datetime], str]


@pytest.fixture
def put(history: Engine, a_run: ARun) -> Put:
    """Records a run that causes messages."""

    def record(*messages: OutboxMessage, service: str = "kondate") -> None:
        key = RunKey(service, "daily-checklist", "2026-11-24", "hand")
        record_run(history, key, a_run(key, messages=messages))

    return record


def leased_at(history: Engine, now: datetime, service: str = "kondate") -> Leased:
    leased = lease_next(history, service, now)
    assert leased is not None
    return leased


def due_after(history: Engine, now: datetime) -> timedelta:
    """How long after `now` the one message is due, to the second."""
    with reading(history) as connection:
        due: datetime = connection.execute(select(outbox.c.due_at)).scalar_one()
    assert lease_next(history, "kondate", due - SECOND) is None
    return due - now


def counts(history: Engine, service: str = "kondate") -> dict[str, int]:
    return dict(read_counts(history, service).counts)


def test_a_message_is_as_it_was_put(history: Engine, put: Put, a_message: AMessage) -> None:
    long = "a" * 64 + "@" + "b" * 251 + ".com"
    assert len(long) == 320
    messages = [a_message("one", "当番@例え.日本"), a_message("two", long)]
    put(*messages)
    leased = [leased_at(history, AT), leased_at(history, AT)]
    assert [one.message for one in leased] == messages
    assert [(one.attempts, one.was_unknown) for one in leased] == [(1, False), (1, False)]
    assert lease_next(history, "kondate", AT) is None


def test_a_message_is_there_with_its_cause_or_not_at_all(history: Engine, a_run: ARun, a_message: AMessage) -> None:
    no_recipient = OutboxMessage("report", "two", "mail", None, "ja", {})  # type: ignore[arg-type]
    with pytest.raises(Exception, match="recipient"):
        record_run(history, KEY, a_run(KEY, messages=[a_message("one"), no_recipient]))
    assert read_runs(history, "kondate", most=1) == ()
    assert counts(history) == {}
    assert lease_next(history, "kondate", AT) is None


def test_the_same_message_is_kept_once(history: Engine, put: Put, a_message: AMessage) -> None:
    put(a_message("one"), a_message("one"))
    mark_sent(history, leased_at(history, AT), "250", AT)
    put(a_message("one"), a_message("two"))
    assert counts(history) == {"sent": 1, "waiting": 1}
    assert leased_at(history, AT).message.dedupe_key == "two"


def test_messages_of_another_service_are_not_taken(history: Engine, put: Put, a_message: AMessage) -> None:
    put(a_message("one"))
    put(a_message("two"), service="aojiru")
    assert lease_next(history, "nobody", AT) is None
    assert leased_at(history, AT, "aojiru").message.dedupe_key == "two"
    assert lease_next(history, "aojiru", AT) is None
    assert counts(history, "kondate") == counts(history, "aojiru") == {"waiting": 1}
    assert counts(history, "nobody") == {}


def test_a_message_is_not_taken_before_it_is_due(history: Engine, put: Put, a_message: AMessage) -> None:
    put(a_message("one"))
    assert lease_next(history, "kondate", AT - SECOND) is None
    assert leased_at(history, AT).message.dedupe_key == "one"


@pytest.mark.deep
def test_two_processes_take_each_message_once(
    history: Engine, put: Put, a_message: AMessage, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    put(*(a_message(f"message-{number}") for number in range(50)))
    outputs = [process.communicate(timeout=600) for process in [start("lease", "kondate") for _ in range(2)]]
    assert [err for _, err in outputs] == ["", ""]
    lines = [line for out, _ in outputs for line in out.splitlines()]
    assert sorted(lines) == sorted(f"message-{number} sent" for number in range(50))
    assert counts(history) == {"sent": 50}


def test_what_goes_in_place_of_a_message_may_be_put_by_another_at_the_same_time(
    history: Engine, put: Put, a_message: AMessage
) -> None:
    put(a_message("one"))
    instead = a_message("instead")
    leased = lease_next(history, "kondate", AT, Handling(fallbacks=lambda _: (instead,)))
    assert leased is not None
    with ThreadPoolExecutor() as threads:
        with writing(history) as connection:
            put_in(connection, locked_service(connection, "kondate"), [instead], AT)
            failing = threads.submit(mark_failed, history, leased, "404", AT)
            while history.dialect.name == "postgresql" and not waits_for_a_lock(history):
                assert not failing.done()
        assert failing.result() == "failed"
    assert counts(history) == {"failed": 1, "waiting": 1}


def test_a_lease_that_ended_is_taken_again_and_counted(history: Engine, put: Put, a_message: AMessage) -> None:
    put(a_message("one"))
    first = leased_at(history, AT)
    assert lease_next(history, "kondate", AT + LEASE - SECOND) is None
    second = leased_at(history, AT + LEASE)
    assert (second.id, second.attempts) == (first.id, 2)
    assert second.lease != first.lease
    assert lease_next(history, "kondate", AT + LEASE) is None


def test_a_lease_that_ended_but_was_not_taken_over_still_counts(history: Engine, put: Put, a_message: AMessage) -> None:
    put(a_message("one"))
    slow = leased_at(history, AT)
    assert mark_sent(history, slow, "250", AT + 2 * LEASE) == "sent"
    assert lease_next(history, "kondate", AT + 9 * LEASE) is None


@pytest.mark.parametrize("mark", [mark_sent, mark_failed, mark_retry, mark_unknown])
def test_a_stale_mark_changes_nothing_and_returns_the_state_of_the_message(
    history: Engine, put: Put, a_message: AMessage, mark: Mark
) -> None:
    put(a_message("one"))
    stale = leased_at(history, AT)
    fresh = leased_at(history, AT + LEASE)
    assert mark(history, stale, "late", AT + LEASE) == "waiting"
    assert lease_next(history, "kondate", AT + LEASE + SECOND) is None, "the other's lease was taken away"
    assert mark_sent(history, fresh, "250 first", AT + LEASE) == "sent"
    assert mark(history, stale, "later", AT + LEASE) == "sent"
    assert mark(history, fresh, "twice", AT + LEASE) == "sent"
    with reading(history) as connection:
        row = connection.execute(select(outbox)).one()
    assert (row.state, row.answer, row.attempts, row.finished_at) == ("sent", "250 first", 2, AT + LEASE)
    assert (row.lease, row.leased_until) == (None, None)
    assert lease_next(history, "kondate", AT + timedelta(days=9)) is None


def test_a_failed_message_does_not_rise_again(history: Engine, put: Put, a_message: AMessage) -> None:
    put(a_message("one"))
    stale = leased_at(history, AT)
    fresh = leased_at(history, AT + LEASE)
    assert mark_failed(history, fresh, "550 no such user", AT + LEASE) == "failed"
    assert mark_retry(history, stale, "421", AT + LEASE) == "failed"
    assert lease_next(history, "kondate", AT + timedelta(days=9)) is None
    assert read_counts(history, "kondate").failed == (("ops@example.com", "550 no such user"),)


def test_a_refused_message_is_tried_ever_more_slowly_and_given_up_after_a_day(
    history: Engine, put: Put, a_message: AMessage
) -> None:
    put(a_message("one"))
    now, waits = AT, []
    for attempt in range(1, 24):
        leased = leased_at(history, now)
        assert leased.attempts == attempt
        assert mark_retry(history, leased, f"421 try {attempt}", now) == "waiting"
        waits.append(due_after(history, now))
        now += waits[-1]
    assert [wait / timedelta(minutes=1) for wait in waits] == [1, 2, 4, 8, 16, 32, *[60] * 17]
    last = leased_at(history, now)
    assert last.attempts == 24
    assert mark_retry(history, last, "421 still", now) == "failed"
    assert read_counts(history, "kondate").failed == (("ops@example.com", "421 still"),)
    assert lease_next(history, "kondate", now + timedelta(days=9)) is None
    assert timedelta(hours=12) < now - AT < timedelta(days=1)


def test_a_message_that_kills_its_sender_is_given_up_and_the_next_one_goes(
    history: Engine, put: Put, a_message: AMessage
) -> None:
    put(a_message("deadly"))
    now = AT
    for attempt in range(1, 25):
        assert leased_at(history, now).attempts == attempt
        now += LEASE
    put(a_message("next"))
    assert leased_at(history, now).message.dedupe_key == "next"
    assert counts(history) == {"failed": 1, "waiting": 1}
    [(recipient, answer)] = read_counts(history, "kondate").failed
    assert recipient == "ops@example.com"
    assert answer.startswith("given up")


def test_a_message_of_unknown_fate_is_sent_once_more_and_not_again(
    history: Engine, put: Put, a_message: AMessage
) -> None:
    put(a_message("one"))
    assert mark_unknown(history, leased_at(history, AT), "connection lost", AT) == "unknown"
    assert due_after(history, AT) == timedelta(minutes=1)
    again = leased_at(history, AT + timedelta(minutes=1))
    assert (again.was_unknown, again.attempts) == (True, 2)
    assert mark_unknown(history, again, "lost again", AT + timedelta(minutes=1)) == "failed"
    assert lease_next(history, "kondate", AT + timedelta(days=9)) is None
    assert read_counts(history, "kondate").failed == (("ops@example.com", "lost again"),)


def test_an_unknown_message_that_is_refused_stays_unknown(history: Engine, put: Put, a_message: AMessage) -> None:
    put(a_message("one"))
    mark_unknown(history, leased_at(history, AT), "connection lost", AT)
    again = leased_at(history, AT + timedelta(minutes=1))
    assert mark_retry(history, again, "421", AT + timedelta(minutes=1)) == "unknown"
    third = leased_at(history, AT + timedelta(minutes=3))
    assert third.was_unknown
    assert mark_sent(history, third, "250", AT + timedelta(minutes=3)) == "sent"


def test_an_unknown_message_at_its_last_attempt_is_still_sent_once_more(
    history: Engine, put: Put, a_message: AMessage
) -> None:
    put(a_message("one"))
    now = AT
    for _ in range(23):
        leased_at(history, now)
        now += LEASE
    assert mark_unknown(history, leased_at(history, now), "connection lost", now) == "unknown"
    assert leased_at(history, now + timedelta(minutes=1)).was_unknown


def test_a_servers_answer_may_hold_anything(history: Engine, put: Put, a_message: AMessage) -> None:
    put(a_message("one"))
    assert mark_failed(history, leased_at(history, AT), "550 \x00\r\n拒否 \U0001f363" + "x" * 9999, AT) == "failed"
    [(_, answer)] = read_counts(history, "kondate").failed
    assert answer == "550 \ufffd\r\n拒否 \U0001f363" + "x" * 9999


def test_a_channel_and_its_recipient_have_any_name(history: Engine, put: Put, a_message: AMessage) -> None:
    other = replace(a_message("one"), channel="a-channel-of-the-years-to-come", recipient="#" * 1000)
    put(other)
    assert leased_at(history, AT).message == other


def test_messages_of_an_older_schema_are_still_sent_once(history_url: str, tmp_path: Path) -> None:
    engine = open_history(history_url, tmp_path)
    migrate.upgrade(engine, None, target="0006")
    old = (
        "INSERT INTO outbox (service_id, kind, dedupe_key, channel, recipient, locale, payload, created_at, due_at,"
        " state, attempts, answer) VALUES (1, 'report', :key, 'mail', '当番@例え.日本', 'ja', '{\"revision\": 1}',"
        " '2026-11-24 00:00:00', '2026-11-24 00:00:00', :state, 1, '')"
    )
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO services (id, name, sequence, chained) VALUES (1, 'kondate', 1, 'c')"))
        for key, state in (("done", "sent"), ("due", "waiting")):
            connection.execute(text(old), {"key": key, "state": state})
    migrate.upgrade(engine, None)
    assert counts(engine) == {"sent": 1, "waiting": 1}
    leased = leased_at(engine, AT)
    assert leased.message == OutboxMessage("report", "due", "mail", "当番@例え.日本", "ja", {"revision": 1})
    with pytest.raises(Exception, match=r"(?i)unique"), writing(engine) as connection:
        connection.execute(text(old), {"key": "due", "state": "waiting"})
    engine.dispose()
