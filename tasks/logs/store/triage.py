"""What people decide about errors: resolved, ignored, assigned; every decision is kept."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from tasks.errors import UsageError
from tasks.history.engine import History, reading, writing
from tasks.history.tables import services
from tasks.logs.count.batch import Exemplar
from tasks.logs.tables import error_decisions, error_groups
from tasks.observation import printable

_MOST_CHARS = 80
_MOST_NOTE = 500


class NoSuchError(UsageError):
    """No error, or more than one, is named so."""


class Action(StrEnum):
    """What can be decided about an error."""

    RESOLVE = "resolve"
    IGNORE = "ignore"
    ASSIGN = "assign"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what; `release` holds the fix of a resolved error, `assignee` who takes care of it."""

    action: Action
    by: str
    release: str = ""
    assignee: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it was recorded."""

    at: datetime
    by: str
    action: str
    detail: str


@dataclass(frozen=True, slots=True)
class KnownError:
    """An error with all that is known of it, and what was decided, oldest first."""

    fingerprint: str
    module: str
    name: str
    message: str
    frame: str
    exemplar: Exemplar
    first_seen: datetime | None
    last_seen: datetime | None
    first_release: str
    last_release: str
    state: str
    resolved_release: str
    assignee: str
    decisions: tuple[Decided, ...]


def decide(history: History, service: str, fingerprint: str, decision: Decision, now: datetime) -> KnownError:
    """Record a decision; `fingerprint` may be cut as long as it names one error.

    Raises NoSuchError, UsageError for an assignment to nobody, HistoryError if the database fails.
    """
    if decision.action is Action.ASSIGN and not decision.assignee.strip():
        raise UsageError("an error is assigned to somebody: name an assignee")
    with writing(history) as connection:
        row = _find(connection, service, fingerprint)
        mine = error_groups.c.id == row.id
        connection.execute(update(error_groups).where(mine).values(_changes(decision, now)))
        detail = [decision.release, decision.assignee, decision.note]
        connection.execute(
            insert(error_decisions).values(
                group_id=row.id,
                decided_at=now,
                decided_by=printable(decision.by, _MOST_CHARS)[:_MOST_CHARS],
                action=decision.action.value,
                detail=printable("; ".join(part for part in detail if part), _MOST_NOTE)[:_MOST_NOTE],
            )
        )
        return _known(connection, connection.execute(select(error_groups).where(mine)).one())


def read_error(history: History, service: str, fingerprint: str) -> KnownError:
    """One error; raises NoSuchError."""
    with reading(history) as connection:
        return _known(connection, _find(connection, service, fingerprint))


def _changes(decision: Decision, now: datetime) -> dict[str, Any]:
    match decision.action:
        case Action.RESOLVE:
            release = printable(decision.release.strip(), _MOST_CHARS)[:_MOST_CHARS]
            return {"state": "resolved", "resolved_at": now, "resolved_release": release}
        case Action.IGNORE:
            return {"state": "ignored"}
        case Action.REOPEN:
            return {"state": "open", "resolved_at": None, "resolved_release": ""}
        case Action.ASSIGN:
            return {"assignee": printable(decision.assignee.strip(), _MOST_CHARS)[:_MOST_CHARS]}


def _find(connection: Connection, service: str, fingerprint: str) -> Any:
    name = fingerprint.strip().lower()
    if len(name) < 4 or not set(name) <= set("0123456789abcdef"):
        raise NoSuchError(f"{printable(fingerprint, 40)!r} is no fingerprint: take one of `rounds errors list`")
    query = (
        select(error_groups)
        .join(services, services.c.id == error_groups.c.service_id)
        .where(services.c.name == service, error_groups.c.fingerprint.startswith(name))
        .limit(2)
    )
    rows = connection.execute(query).all()
    if len(rows) != 1:
        raise NoSuchError(
            f"no error of {service} has the fingerprint {name}: see `rounds errors list`"
            if not rows
            else f"several errors of {service} begin with {name}: give more of the fingerprint"
        )
    return rows[0]


def _known(connection: Connection, row: Any) -> KnownError:
    decisions = select(error_decisions).where(error_decisions.c.group_id == row.id).order_by(error_decisions.c.id)
    same = ("fingerprint", "module", "name", "message", "frame", "first_seen", "last_seen", "first_release")
    more = ("last_release", "state", "resolved_release", "assignee")
    return KnownError(
        **{name: getattr(row, name) for name in (*same, *more)},
        exemplar=Exemplar(**json.loads(row.exemplar)),
        decisions=tuple(Decided(d.decided_at, d.decided_by, d.action, d.detail) for d in connection.execute(decisions)),
    )
