"""The outbox: no more to a recipient than it takes, and what goes in place of a message that is given up."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sqlalchemy import Engine, func, select

from tasks.history.engine import reading
from tasks.history.outbox import (
    LEASE,
    LONGEST_PAUSE,
    Handling,
    Leased,
    OutboxMessage,
    lease_next,
    mark_failed,
    mark_retry,
    mark_sent,
    mark_unknown,
    next_unpaused,
    put_now,
    read_standing,
)
from tasks.history.tables import outbox

AT = datetime(2026, 11, 24, 0, 0, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def to(recipient: str, name: str = "alert/1", channel: str = "apprise") -> OutboxMessage:
    return OutboxMessage("alert", f"{name}/{recipient}", channel, recipient, "en", {"severity": 2})


def instead(message: OutboxMessage) -> tuple[OutboxMessage, ...]:
    """Everybody falls back to mail, and mail to the chat."""
    cause = message.dedupe_key.rpartition("/")[0]
    other = to("slack", cause) if message.channel == "mail" else to("ops@shop.example", cause, "mail")
    return (replace(other, payload={**message.payload, "instead_of": message.recipient}),)


SPACED = Handling(instead, lambda _message: SECOND)


def lease(history: Engine, now: datetime, *without: tuple[str, str | None], handling: Handling = SPACED) -> Leased:
    leased = lease_next(history, "kondate", now, handling, without)
    assert leased is not None
    return leased


def states(history: Engine) -> dict[str, str]:
    return {found.message.dedupe_key: found.state for found in read_standing(history, "kondate", "alert/")}


def test_a_recipient_is_paused_from_one_message_to_the_next_and_others_are_not(history: Engine) -> None:
    put_now(history, "kondate", [to("slack"), to("slack", "alert/2"), to("pager")], AT)
    put_now(history, "aojiru", [to("slack", "alert/3")], AT)
    assert lease(history, AT).message.recipient == "slack"
    assert lease(history, AT).message.recipient == "pager"
    assert lease_next(history, "kondate", AT, SPACED) is None
    assert next_unpaused(history, "kondate", AT) == AT + SECOND
    assert next_unpaused(history, "kondate", AT + 2 * SECOND) == AT + 2 * SECOND, "its pause has just ended"
    assert next_unpaused(history, "kondate", AT, [("apprise", "slack")]) is None
    assert next_unpaused(history, "kondate", AT, [("apprise", None)]) is None
    assert lease_next(history, "aojiru", AT, SPACED) is not None
    assert lease_next(history, "kondate", AT + SECOND - timedelta(microseconds=1), SPACED) is None
    assert lease(history, AT + SECOND).message.dedupe_key == "alert/2/slack"


def test_a_route_may_be_left_out_whole_or_for_one_recipient(history: Engine) -> None:
    put_now(history, "kondate", [to("slack"), to("pager"), to("a@b.example", channel="mail")], AT)
    assert lease(history, AT, ("apprise", "slack")).message.recipient == "pager"
    assert lease_next(history, "kondate", AT, SPACED, [("apprise", "slack"), ("mail", None)]) is None
    assert lease(history, AT, ("apprise", None)).message.channel == "mail"


def test_case_4_a_retry_after_pauses_its_recipient_alone(history: Engine) -> None:
    put_now(history, "kondate", [to("slack"), to("slack", "alert/2"), to("pager")], AT)
    leased = lease(history, AT, handling=Handling())
    assert mark_retry(history, leased, "429", AT, 90 * SECOND) == "waiting"
    assert lease(history, AT, handling=Handling()).message.recipient == "pager"
    assert lease_next(history, "kondate", AT + 89 * SECOND) is None
    found = [lease(history, AT + 90 * SECOND, handling=Handling()).message.dedupe_key for _ in range(2)]
    assert found == ["alert/2/slack", "alert/1/slack"]


def test_a_retry_after_is_bounded_and_shortens_no_pause(history: Engine) -> None:
    put_now(history, "kondate", [to("slack"), to("slack", "alert/2")], AT)
    first = lease(history, AT, handling=Handling())
    second = lease(history, AT, handling=Handling())
    mark_retry(history, first, "429", AT, timedelta(days=9))
    mark_retry(history, second, "429", AT, SECOND)
    assert lease_next(history, "kondate", AT + LONGEST_PAUSE - SECOND) is None
    assert lease_next(history, "kondate", AT + LONGEST_PAUSE) is not None


def test_case_4_what_is_refused_for_good_puts_its_fallback_in_the_same_transaction(history: Engine) -> None:
    put_now(history, "kondate", [to("slack")], AT)
    assert mark_failed(history, lease(history, AT), "404", AT) == "failed"
    assert states(history) == {"alert/1/slack": "failed", "alert/1/ops@shop.example": "waiting"}
    fallback = lease(history, AT)
    assert fallback.message.payload == {"severity": 2, "instead_of": "slack"}
    assert fallback.message.channel == "mail"
    mark_failed(history, fallback, "550", AT)
    assert lease_next(history, "kondate", AT + timedelta(days=9), SPACED) is None


def test_a_fallback_to_somebody_who_is_told_anyway_is_not_put_twice(history: Engine) -> None:
    put_now(history, "kondate", [to("slack"), to("pager"), to("ops@shop.example", channel="mail")], AT)
    for _ in range(2):
        mark_failed(history, lease(history, AT, ("mail", None)), "404", AT)
    assert len(states(history)) == 3


def test_case_4_what_is_not_accepted_goes_to_its_fallback_after_three_attempts_and_three_minutes(
    history: Engine,
) -> None:
    put_now(history, "kondate", [to("slack")], AT)
    for minute, state in ((0, "waiting"), (1, "waiting"), (3, "failed")):
        assert lease_next(history, "kondate", AT + minute * MINUTE - SECOND, SPACED) is None
        now = AT + minute * MINUTE
        assert mark_retry(history, lease(history, now), "500", now) == state
    assert states(history) == {"alert/1/slack": "failed", "alert/1/ops@shop.example": "waiting"}


def test_what_has_a_fallback_does_not_wait_an_hour_for_a_channel(history: Engine) -> None:
    put_now(history, "kondate", [to("slack")], AT)
    assert mark_retry(history, lease(history, AT), "429", AT, 6 * MINUTE) == "failed"
    assert states(history)["alert/1/ops@shop.example"] == "waiting"


def test_case_4_while_nothing_can_be_reached_the_last_of_a_chain_is_tried_as_long_as_a_report(history: Engine) -> None:
    put_now(history, "kondate", [to("slack")], AT)
    now = AT
    for _ in range(12):
        mark_retry(history, lease(history, now), "no connection", now)
        now += timedelta(hours=1)
    assert states(history) == {"alert/1/slack": "failed", "alert/1/ops@shop.example": "waiting"}
    assert mark_sent(history, lease(history, now), "250", now) == "sent"


def test_a_fallback_that_has_failed_is_passed_over(history: Engine) -> None:
    three = Handling(lambda message: tuple(to(name) for name in ("a", "b", "c") if name != message.recipient))
    put_now(history, "kondate", [to("a")], AT)
    for _ in range(3):
        mark_failed(history, lease(history, AT, handling=three), "404", AT)
    assert states(history) == {f"alert/1/{name}": "failed" for name in "abc"}


def test_case_4_what_may_have_been_accepted_is_sent_once_more_and_then_by_its_fallback(history: Engine) -> None:
    put_now(history, "kondate", [to("slack")], AT)
    assert mark_unknown(history, lease(history, AT), "no answer", AT) == "unknown"
    assert mark_unknown(history, lease(history, AT + MINUTE), "no answer", AT + MINUTE) == "failed"
    assert states(history) == {"alert/1/slack": "failed", "alert/1/ops@shop.example": "waiting"}


def test_case_5_a_message_whose_senders_die_goes_by_its_fallback_too_and_is_not_given_up(history: Engine) -> None:
    put_now(history, "kondate", [to("slack")], AT)
    for attempt in range(3):
        assert lease(history, AT + attempt * LEASE).attempts == attempt + 1
    assert len(states(history)) == 1
    fourth, fallback = lease(history, AT + 3 * LEASE), lease(history, AT + 3 * LEASE)
    assert (fourth.message.recipient, fallback.message.channel) == ("slack", "mail")
    assert mark_sent(history, fourth, "ok", AT + 3 * LEASE) == "sent"
    assert lease_next(history, "kondate", AT + 3 * LEASE, SPACED) is None


def test_case_5_a_stale_mark_puts_no_fallback(history: Engine) -> None:
    put_now(history, "kondate", [to("slack")], AT)
    stale = lease(history, AT)
    fresh = lease(history, AT + LEASE)
    assert mark_failed(history, stale, "404", AT + LEASE) == "waiting"
    assert mark_retry(history, stale, "429", AT + LEASE, timedelta(hours=1)) == "waiting"
    assert mark_sent(history, fresh, "ok", AT + LEASE) == "sent"
    assert states(history) == {"alert/1/slack": "sent"}


def test_case_6_two_workers_that_race_take_each_message_once_and_keep_the_rate(
    history: Engine, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    messages = [to(recipient, f"alert/{number}") for number in range(10) for recipient in ("slack", "pager")]
    put_now(history, "kondate", messages, datetime.now(UTC) - MINUTE)
    outputs = [process.communicate(timeout=300) for process in [start("race", "kondate") for _ in range(2)]]
    assert [err for _, err in outputs] == ["", ""]
    lines = [line.split() for out, _ in outputs for line in out.splitlines()]
    assert sorted(key for key, _, _ in lines) == sorted(message.dedupe_key for message in messages)
    for recipient in ("slack", "pager"):
        times = sorted(float(at) for _, name, at in lines if name == recipient)
        assert min(later - earlier for earlier, later in pairwise(times)) > 0.0999
    with reading(history) as connection:
        assert connection.execute(select(func.max(outbox.c.attempts))).scalar() == 1
