"""The outbox: messages kept with their cause until they are sent or given up."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, insert, or_, select, update

from tasks.check_result import Scalar
from tasks.history.engine import reading, writing
from tasks.history.tables import outbox, services

LEASE = timedelta(minutes=3)
"""Longer than the longest that one mail may take (a deadline of 3 × 30 s, 30 s to reset, 30 s to hang up)."""
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
_MOST_ATTEMPTS = 24
_LOST = "given up: the process that took it never reported a result"
_OPEN = ("waiting", "unknown")

State = Literal["waiting", "unknown", "sent", "failed"]


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


@dataclass(frozen=True, slots=True)
class Leased:
    """A message that this process alone may send until its lease ends; `attempts` counts this one."""

    id: int
    lease: str
    message: OutboxMessage
    attempts: int
    was_unknown: bool


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How many messages of a service are in which state, and what the failed ones were answered."""

    counts: Mapping[str, int]
    failed: tuple[tuple[str, str], ...]


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


def is_any_due(engine: Engine, service: str, now: datetime) -> bool:
    """Whether there is a message to send; looked for every minute, so it takes no lock."""
    query = select(outbox.c.id).join(services).where(services.c.name == service, _due(now)).limit(1)
    with reading(engine) as connection:
        return connection.execute(query).first() is not None


def lease_next(engine: Engine, service: str, now: datetime) -> Leased | None:
    """Take the message that has been due longest; None when nothing is due."""
    query = (
        select(outbox)
        .join(services, services.c.id == outbox.c.service_id)
        .where(services.c.name == service, _due(now))
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(1)
        .with_for_update(of=outbox, skip_locked=True)
    )
    with writing(engine) as connection:
        while (row := connection.execute(query).first()) is not None:
            mine = update(outbox).where(outbox.c.id == row.id)
            if row.lease is not None and row.attempts >= _MOST_ATTEMPTS:
                connection.execute(
                    mine.values(state="failed", lease=None, leased_until=None, answer=_LOST, finished_at=now)
                )
                continue
            lease = str(uuid.uuid4())
            connection.execute(mine.values(lease=lease, leased_until=now + LEASE, attempts=row.attempts + 1))
            message = OutboxMessage(row.kind, row.dedupe_key, row.channel, row.recipient, row.locale, row.payload)
            return Leased(row.id, lease, message, row.attempts + 1, row.state == "unknown")
    return None


def mark_sent(engine: Engine, leased: Leased, answer: str, now: datetime) -> State:
    """The message was accepted."""
    return _finish(engine, leased, "sent", answer=answer, finished_at=now)


def mark_failed(engine: Engine, leased: Leased, answer: str, now: datetime) -> State:
    """The message cannot be delivered; it is not tried again."""
    return _finish(engine, leased, "failed", answer=answer, finished_at=now)


def mark_unknown(engine: Engine, leased: Leased, answer: str, now: datetime) -> State:
    """The message may have been accepted; it is sent once more under the same id, and not again."""
    if leased.was_unknown:
        return mark_failed(engine, leased, answer, now)
    return _finish(engine, leased, "unknown", answer=answer, due_at=now + _FIRST_WAIT)


def mark_retry(engine: Engine, leased: Leased, answer: str, now: datetime) -> State:
    """The message was not accepted; it is tried again, ever more slowly, for most of a day."""
    if leased.attempts >= _MOST_ATTEMPTS:
        return mark_failed(engine, leased, answer, now)
    wait = min(_FIRST_WAIT * 2 ** (leased.attempts - 1), _LONGEST_WAIT)
    state: State = "unknown" if leased.was_unknown else "waiting"
    return _finish(engine, leased, state, answer=answer, due_at=now + wait)


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


def _due(now: datetime) -> ColumnElement[bool]:
    free = or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= now)
    return and_(outbox.c.state.in_(_OPEN), outbox.c.due_at <= now, free)


def _finish(engine: Engine, leased: Leased, state: State, *, answer: str, **values: Any) -> State:
    """The message's state afterwards; a lease that another process has taken over changes nothing."""
    values |= {"state": state, "answer": answer.replace("\x00", "\ufffd")}  # PostgreSQL keeps no NUL
    this = outbox.c.id == leased.id
    with writing(engine) as connection:
        mine = update(outbox).where(this, outbox.c.lease == leased.lease)
        connection.execute(mine.values(lease=None, leased_until=None, **values))
        now_in: State = connection.execute(select(outbox.c.state).where(this)).scalar_one()
        return now_in
