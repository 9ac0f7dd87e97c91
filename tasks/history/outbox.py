"""The outbox: messages kept with their cause until they are sent or given up."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, false, func, insert, or_, select, update

from tasks.check_result import Scalar
from tasks.history.engine import reading, writing
from tasks.history.services import service_id
from tasks.history.tables import outbox, outbox_pauses, services
from tasks.history.upsert import put_rows

LEASE = timedelta(minutes=3)
"""Longer than the longest that one mail may take (a deadline of 3 × 30 s, 30 s to reset, 30 s to hang up)."""
LONGEST_PAUSE = timedelta(hours=1)
"""Nobody is asked to wait longer, whatever an answer says."""
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
_MOST_ATTEMPTS = 24
_ATTEMPTS_BEFORE_FALLBACK = 3
_PATIENCE = timedelta(minutes=5)
"""What has a fallback waits no longer than this for another attempt."""
_LOST = "given up: the process that took it never reported a result"
_OPEN = ("waiting", "unknown")

State = Literal["waiting", "unknown", "sent", "failed"]
Route = tuple[str, str | None]
"""A channel and one of its recipients; None: all of them."""


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message to one recipient; the same dedupe key is stored once, however often it is put.

    `channel` is a name that the sending side knows, and `recipient` is what that channel calls one.
    """

    kind: str
    dedupe_key: str
    channel: str
    recipient: str
    locale: str
    payload: Mapping[str, Scalar]


def _no_fallback(_message: OutboxMessage) -> OutboxMessage | None:
    return None


def _no_gap(_message: OutboxMessage) -> timedelta:
    return timedelta(0)


@dataclass(frozen=True, slots=True)
class Handling:
    """What the sending side knows of messages: the one that goes in place of another that cannot be delivered, and the
    least time from one message to a recipient until the next.

    A message that has a fallback is given up after 3 refusals, about 3 minutes; any other is tried for most of a day.
    One whose senders died 3 times is tried on beside its fallback: it may be they that are at fault.
    """

    fallback: Callable[[OutboxMessage], OutboxMessage | None] = _no_fallback
    gap: Callable[[OutboxMessage], timedelta] = _no_gap


PLAIN: Final = Handling()


@dataclass(frozen=True, slots=True)
class Leased:
    """A message that this process alone may send until its lease ends; `attempts` counts this one.

    `instead` is put in the transaction that gives the message up.
    """

    id: int
    service_id: int
    lease: str
    message: OutboxMessage
    attempts: int
    was_unknown: bool
    created_at: datetime
    instead: OutboxMessage | None


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How many messages of a service are in which state, and what the failed ones were answered."""

    counts: Mapping[str, int]
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one message stands; while it is leased somebody is sending it."""

    message: OutboxMessage
    state: State
    is_leased: bool
    answer: str


def put(connection: Connection, service_id: int, messages: Sequence[OutboxMessage], now: datetime) -> None:
    """Add messages in the transaction of their cause."""
    for message in messages:
        known = select(outbox.c.id).where(outbox.c.dedupe_key == message.dedupe_key)
        if connection.execute(known).first() is None:
            connection.execute(
                insert(outbox).values(
                    service_id=service_id,
                    kind=message.kind,
                    dedupe_key=message.dedupe_key,
                    channel=message.channel,
                    recipient=message.recipient,
                    locale=message.locale,
                    payload=dict(message.payload),
                    created_at=now,
                    due_at=now,
                    state="waiting",
                    attempts=0,
                    answer="",
                )
            )


def put_now(engine: Engine, service: str, messages: Sequence[OutboxMessage], now: datetime) -> None:
    """Add messages that have no other cause than that somebody asks for them."""
    with writing(engine) as connection:
        put(connection, service_id(connection, service), messages, now)


def is_any_due(engine: Engine, service: str, now: datetime) -> bool:
    """Whether there is a message to send; looked for every minute, so it takes no lock."""
    query = select(outbox.c.id).join(services).where(services.c.name == service, _due(now)).limit(1)
    with reading(engine) as connection:
        return connection.execute(query).first() is not None


def lease_next(
    engine: Engine,
    service: str,
    now: datetime,
    handling: Handling = PLAIN,
    without: Collection[Route] = (),
) -> Leased | None:
    """Take the message that has been due longest, and pause its recipient for the gap to the next one.

    What is paused, and what goes by a route in `without`, is left out. None when nothing else is due.
    """
    query = (
        select(outbox)
        .join(services, services.c.id == outbox.c.service_id)
        .where(services.c.name == service, _due(now), ~_paused(now), *_not_by(without))
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(1)
        .with_for_update(of=outbox, skip_locked=True)
    )
    with writing(engine) as connection:
        # One at a time: two that took messages to one recipient at once would not see each other's pause.
        connection.execute(select(services.c.id).where(services.c.name == service).with_for_update(key_share=True))
        while (row := connection.execute(query).first()) is not None:
            message = _message(row)
            instead = handling.fallback(message)
            mine = update(outbox).where(outbox.c.id == row.id)
            is_lost = row.lease is not None  # with a process that died
            if is_lost and instead is not None and row.attempts >= _ATTEMPTS_BEFORE_FALLBACK:
                put(connection, row.service_id, [instead], now)
            if is_lost and row.attempts >= _MOST_ATTEMPTS:
                connection.execute(
                    mine.values(state="failed", lease=None, leased_until=None, answer=_LOST, finished_at=now)
                )
                continue
            lease, attempts = str(uuid.uuid4()), row.attempts + 1
            connection.execute(mine.values(lease=lease, leased_until=now + LEASE, attempts=attempts))
            _pause(connection, row.service_id, message, now + handling.gap(message), now)
            return Leased(
                row.id, row.service_id, lease, message, attempts, row.state == "unknown", row.created_at, instead
            )
    return None


def next_unpaused(engine: Engine, service: str, now: datetime, without: Collection[Route] = ()) -> datetime | None:
    """When the first of the due messages that are paused may go; None without any."""
    mine = and_(
        outbox_pauses.c.service_id == outbox.c.service_id,
        outbox_pauses.c.channel == outbox.c.channel,
        outbox_pauses.c.recipient == outbox.c.recipient,
    )
    query = (
        select(outbox_pauses.c.until)
        .join(outbox, mine)
        .join(services, services.c.id == outbox.c.service_id)
        .where(services.c.name == service, _due(now), outbox_pauses.c.until > now, *_not_by(without))
        .order_by(outbox_pauses.c.until)
        .limit(1)
    )
    with reading(engine) as connection:
        until: datetime | None = connection.execute(query).scalar()
        return until


def mark_sent(engine: Engine, leased: Leased, answer: str, now: datetime) -> State:
    """The message was accepted."""
    return _finish(engine, leased, "sent", now, answer=answer, finished_at=now)


def mark_failed(engine: Engine, leased: Leased, answer: str, now: datetime) -> State:
    """The message cannot be delivered; it is not tried again, and what goes instead is put."""
    return _finish(engine, leased, "failed", now, answer=answer, finished_at=now)


def mark_unknown(engine: Engine, leased: Leased, answer: str, now: datetime) -> State:
    """The message may have been accepted; it is sent once more under the same id, and not again."""
    if leased.was_unknown:
        return mark_failed(engine, leased, answer, now)
    return _finish(engine, leased, "unknown", now, answer=answer, due_at=now + _FIRST_WAIT)


def mark_retry(engine: Engine, leased: Leased, answer: str, now: datetime, after: timedelta | None = None) -> State:
    """The message was not accepted; it is tried again, ever more slowly, for most of a day.

    `after` is the wait that the answer asked for: its recipient gets nothing else before.
    """
    wait = min(_FIRST_WAIT * 2 ** (leased.attempts - 1), _LONGEST_WAIT)
    pause = timedelta(0) if after is None else min(after, LONGEST_PAUSE)
    due_at = now + max(wait, pause)
    most = _MOST_ATTEMPTS if leased.instead is None else _ATTEMPTS_BEFORE_FALLBACK
    too_late = leased.instead is not None and due_at > leased.created_at + _PATIENCE
    if too_late or leased.attempts >= most:
        return _finish(engine, leased, "failed", now, pause, answer=answer, finished_at=now)
    state: State = "unknown" if leased.was_unknown else "waiting"
    return _finish(engine, leased, state, now, pause, answer=answer, due_at=due_at)


def read_counts(engine: Engine, service: str) -> OutboxCounts:
    """What became of a service's messages."""
    mine = outbox.c.service_id == select(services.c.id).where(services.c.name == service).scalar_subquery()
    counts = select(outbox.c.state, func.count()).where(mine).group_by(outbox.c.state)
    failed = select(outbox.c.recipient, outbox.c.answer).where(mine, outbox.c.state == "failed")
    with reading(engine) as connection:
        return OutboxCounts(
            {row[0]: row[1] for row in connection.execute(counts)},
            tuple((row[0], row[1]) for row in connection.execute(failed.order_by(outbox.c.id))),
        )


def read_standing(engine: Engine, service: str, prefix: str) -> tuple[Standing, ...]:
    """The messages whose dedupe key begins so, in the order in which they were put."""
    mine = outbox.c.service_id == select(services.c.id).where(services.c.name == service).scalar_subquery()
    query = select(outbox).where(mine, outbox.c.dedupe_key.startswith(prefix, autoescape=True)).order_by(outbox.c.id)
    with reading(engine) as connection:
        rows = connection.execute(query)
        return tuple(Standing(_message(row), row.state, row.lease is not None, row.answer) for row in rows)


def _message(row: Row[Any]) -> OutboxMessage:
    return OutboxMessage(row.kind, row.dedupe_key, row.channel, row.recipient, row.locale, row.payload)


def _due(now: datetime) -> ColumnElement[bool]:
    free = or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= now)
    return and_(outbox.c.state.in_(_OPEN), outbox.c.due_at <= now, free)


def _not_by(routes: Collection[Route]) -> list[ColumnElement[bool]]:
    return [
        or_(outbox.c.channel != channel, false() if recipient is None else outbox.c.recipient != recipient)
        for channel, recipient in routes
    ]


def _paused(now: datetime) -> ColumnElement[bool]:
    return (
        select(outbox_pauses.c.until)
        .where(
            outbox_pauses.c.service_id == outbox.c.service_id,
            outbox_pauses.c.channel == outbox.c.channel,
            outbox_pauses.c.recipient == outbox.c.recipient,
            outbox_pauses.c.until > now,
        )
        .exists()
    )


def _pause(connection: Connection, service_id: int, message: OutboxMessage, until: datetime, now: datetime) -> None:
    """A pause that is there is never made shorter."""
    if until <= now:
        return
    key = {"service_id": service_id, "channel": message.channel, "recipient": message.recipient}
    longest = select(func.max(outbox_pauses.c.until)).filter_by(**key)
    known: datetime | None = connection.execute(longest).scalar()
    put_rows(connection, outbox_pauses, [key | {"until": until if known is None else max(known, until)}])


def _finish(
    engine: Engine,
    leased: Leased,
    state: State,
    now: datetime,
    pause: timedelta = timedelta(0),
    *,
    answer: str,
    **values: Any,
) -> State:
    """The message's state afterwards; a lease that another process has taken over changes nothing."""
    values |= {"state": state, "answer": answer.replace("\x00", "\ufffd")}  # PostgreSQL keeps no NUL
    this = outbox.c.id == leased.id
    with writing(engine) as connection:
        mine = update(outbox).where(this, outbox.c.lease == leased.lease)
        if connection.execute(mine.values(lease=None, leased_until=None, **values)).rowcount:
            _pause(connection, leased.service_id, leased.message, now + pause, now)
            if state == "failed" and leased.instead is not None:
                put(connection, leased.service_id, [leased.instead], now)
        now_in: State = connection.execute(select(outbox.c.state).where(this)).scalar_one()
        return now_in
