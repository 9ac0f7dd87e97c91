"""The outbox: messages kept with their cause until they are sent or given up."""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, false, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tasks.check_result import Scalar
from tasks.history.engine import reading, writing
from tasks.history.services import lock_service, locked_service
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


def _no_fallbacks(_message: OutboxMessage) -> tuple[OutboxMessage, ...]:
    return ()


def _no_gap(_message: OutboxMessage) -> timedelta:
    return timedelta(0)


@dataclass(frozen=True, slots=True)
class Handling:
    """What the sending side knows of messages: those that may go in place of another that cannot be delivered, the best
    first, and the least time from one message to a recipient until the next.

    A message that somebody else can get is given up after 3 refusals, about 3 minutes; any other is tried for most of a
    day. One whose senders died 3 times is tried on beside its fallback: it may be they that are at fault.
    """

    fallbacks: Callable[[OutboxMessage], tuple[OutboxMessage, ...]] = _no_fallbacks
    gap: Callable[[OutboxMessage], timedelta] = _no_gap


PLAIN: Final = Handling()


@dataclass(frozen=True, slots=True)
class Leased:
    """A message that this process alone may send until its lease ends; `attempts` counts this one.

    One of `instead` is put in the transaction that gives the message up.
    """

    id: int
    service_id: int
    lease: str
    message: OutboxMessage
    attempts: int
    was_unknown: bool
    created_at: datetime
    instead: tuple[OutboxMessage, ...]


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
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for message in messages:
        connection.execute(
            dialect.insert(outbox)
            .values(
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
            .on_conflict_do_nothing(index_elements=[outbox.c.dedupe_key])
        )


def put_now(engine: Engine, service: str, messages: Sequence[OutboxMessage], now: datetime) -> None:
    """Add messages that have no other cause than that somebody asks for them."""
    with writing(engine) as connection:
        put(connection, locked_service(connection, service), messages, now)


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
            instead = handling.fallbacks(message)
            mine = update(outbox).where(outbox.c.id == row.id)
            is_lost = row.lease is not None  # with a process that died
            if is_lost and row.attempts >= _ATTEMPTS_BEFORE_FALLBACK:
                _hand_over(connection, row.service_id, instead, now)
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
    """From when on the first of the due messages may be taken: one that is not paused now; None without any."""
    pause = and_(
        outbox_pauses.c.service_id == outbox.c.service_id,
        outbox_pauses.c.channel == outbox.c.channel,
        outbox_pauses.c.recipient == outbox.c.recipient,
    )
    query = (
        select(outbox_pauses.c.until)
        .select_from(outbox.join(services).outerjoin(outbox_pauses, pause))
        .where(services.c.name == service, _due(now), *_not_by(without))
        .order_by(outbox_pauses.c.until.asc().nulls_first())
        .limit(1)
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
        return None if row is None else max(row.until or now, now)


def mark_sent(engine: Engine, leased: Leased, answer: str, now: datetime) -> State:
    """The message was accepted."""
    with _marking(engine, leased) as mark:
        mark.end("sent", answer, now)
    return mark.state


def mark_failed(engine: Engine, leased: Leased, answer: str, now: datetime) -> State:
    """The message cannot be delivered; it is not tried again, and somebody else gets it if anybody can."""
    with _marking(engine, leased) as mark:
        mark.hand_over(now)
        mark.end("failed", answer, now)
    return mark.state


def mark_unknown(engine: Engine, leased: Leased, answer: str, now: datetime) -> State:
    """The message may have been accepted; it is sent once more under the same id, and not again."""
    if leased.was_unknown:
        return mark_failed(engine, leased, answer, now)
    with _marking(engine, leased) as mark:
        mark.wait("unknown", answer, now + _FIRST_WAIT)
    return mark.state


def mark_retry(
    engine: Engine,
    leased: Leased,
    answer: str,
    now: datetime,
    after: timedelta | None = None,
    *,
    hopeless: bool = False,
) -> State:
    """The message was not accepted; it is tried again, ever more slowly, for most of a day.

    `after` is the wait that the answer asked for: its recipient gets nothing else before. A hopeless one goes to
    somebody else at once, if anybody can get it.
    """
    wait = min(_FIRST_WAIT * 2 ** (leased.attempts - 1), _LONGEST_WAIT)
    pause = timedelta(0) if after is None else min(after, LONGEST_PAUSE)
    due_at = now + max(wait, pause)
    too_late = due_at > leased.created_at + _PATIENCE
    impatient = hopeless or too_late or leased.attempts >= _ATTEMPTS_BEFORE_FALLBACK
    with _marking(engine, leased) as mark:
        mark.pause(now + pause, now)
        if (impatient and mark.hand_over(now)) or leased.attempts >= _MOST_ATTEMPTS:
            mark.end("failed", answer, now)
        else:
            mark.wait("unknown" if leased.was_unknown else "waiting", answer, due_at)
    return mark.state


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


def _hand_over(connection: Connection, service_id: int, instead: Sequence[OutboxMessage], now: datetime) -> bool:
    """Put the first of these messages, unless it is there; True if it may still arrive, or has.

    One that is there and failed is passed over, so that every chain ends.
    """
    for message in instead:
        known = select(outbox.c.state).where(outbox.c.dedupe_key == message.dedupe_key)
        if connection.execute(known).scalar() != "failed":
            put(connection, service_id, [message], now)
            return True
    return False


@dataclass(slots=True)
class _Mark:
    """A leased message within the transaction that changes it; one whose lease another has taken over stays."""

    leased: Leased
    connection: Connection
    is_own: bool
    state: State

    def end(self, state: State, answer: str, now: datetime) -> None:
        self._set(state, answer, finished_at=now)

    def wait(self, state: State, answer: str, due_at: datetime) -> None:
        self._set(state, answer, due_at=due_at)

    def hand_over(self, now: datetime) -> bool:
        return self.is_own and _hand_over(self.connection, self.leased.service_id, self.leased.instead, now)

    def pause(self, until: datetime, now: datetime) -> None:
        if self.is_own:
            _pause(self.connection, self.leased.service_id, self.leased.message, until, now)

    def _set(self, state: State, answer: str, **values: Any) -> None:
        if self.is_own:
            values |= {"state": state, "answer": answer.replace("\x00", "\ufffd")}  # PostgreSQL keeps no NUL
            mine = update(outbox).where(outbox.c.id == self.leased.id)
            self.connection.execute(mine.values(lease=None, leased_until=None, **values))
            self.state = state


@contextmanager
def _marking(engine: Engine, leased: Leased) -> Iterator[_Mark]:
    query = select(outbox.c.state, outbox.c.lease).where(outbox.c.id == leased.id).with_for_update()
    with writing(engine) as connection:
        lock_service(connection, leased.service_id)  # what goes instead, or the pause, may be put by another now
        row = connection.execute(query).one()
        yield _Mark(leased, connection, row.lease == leased.lease, row.state)
