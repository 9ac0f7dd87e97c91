"""Findings in the history: every change is an event that is only added, beside how the finding stands now."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert, select, update

from tasks.canonical import canonical
from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.secrets import masked
from tasks.security.facts.scans import Change, Event, Finding, Kind, Known, Scan
from tasks.security.findings.match import Outcome, match
from tasks.security.tables import security_events, security_findings

_FINDING = TypeAdapter(Finding)
_CLOSED = (Change.FIXED, Change.MERGED)


def read_findings(history: History, service: str) -> tuple[Known, ...]:
    """Every finding of a service, open or not, those first that were seen first. Raises HistoryError."""
    c = security_findings.c
    query = select(security_findings).join(services, services.c.id == c.service_id).where(services.c.name == service)
    with reading(history) as connection:
        return tuple(_known(row) for row in connection.execute(query.order_by(c.first_seen, c.id)))


def read_events(history: History, service: str, since: datetime, until: datetime) -> tuple[Event, ...]:
    """What happened to findings from `since` to before `until`, in its order. Raises HistoryError."""
    f, e = security_findings.c, security_events.c
    query = (
        select(f.fingerprint, e.change, e.at, e.detail)
        .join(security_findings, f.id == e.finding_id)
        .join(services, services.c.id == f.service_id)
        .where(services.c.name == service, e.at >= since, e.at < until)
        .order_by(e.at, e.id)
    )
    with reading(history) as connection:
        return tuple(
            Event(row.fingerprint, Change(row.change), row.at, row.detail) for row in connection.execute(query)
        )


def apply_scans(connection: Connection, service: int, kind: Kind, scans: Sequence[Scan], at: datetime) -> None:
    """Bring the findings of a kind up to a round's scans, within the caller's transaction."""
    if all(scan.reused for scan in scans):
        return
    c = security_findings.c
    mine = select(security_findings).where(c.service_id == service, c.kind == kind.value)
    rows = list(connection.execute(mine.order_by(c.first_seen, c.id)))
    ids = {row.fingerprint: row.id for row in rows}
    outcomes = match([_known(row) for row in rows], scans)
    # A key that one finding leaves may be the one that another takes.
    for outcome in sorted(outcomes, key=lambda outcome: outcome.known is None):
        if outcome.known is None:
            row_id = _insert(connection, service, outcome, at)
        else:
            row_id = ids[outcome.known.fingerprint]
            _update(connection, row_id, outcome, outcome.known, at)
        if outcome.change is not None:
            event = {"finding_id": row_id, "at": at, "change": outcome.change.value, "detail": outcome.detail}
            connection.execute(insert(security_events).values(event))


def _insert(connection: Connection, service: int, outcome: Outcome, at: datetime) -> int:
    assert outcome.finding is not None and outcome.target is not None  # a new finding was seen
    fingerprint = outcome.finding.key
    same = security_findings.c.service_id == service
    while connection.execute(
        select(security_findings.c.id).where(same, security_findings.c.fingerprint == fingerprint)
    ).scalar():
        # Another one was first seen in this place, and has moved away.
        fingerprint = hashlib.sha256(fingerprint.encode()).hexdigest()
    row = {
        "service_id": service,
        "fingerprint": fingerprint,
        "kind": outcome.finding.kind.value,
        "first_seen": at,
        "reopened": 0,
    }
    inserted = insert(security_findings).values(**row, **_seen(outcome, at)).returning(security_findings.c.id)
    return int(connection.execute(inserted).scalar_one())


def _update(connection: Connection, row_id: int, outcome: Outcome, known: Known, at: datetime) -> None:
    values: dict[str, object] = {"open": False} if outcome.change in _CLOSED else _seen(outcome, at)
    if outcome.change is Change.REOPENED:
        values["reopened"] = known.reopened + 1
    connection.execute(update(security_findings).where(security_findings.c.id == row_id).values(**values))


def _seen(outcome: Outcome, at: datetime) -> dict[str, object]:
    assert outcome.finding is not None and outcome.target is not None  # only what was not seen is closed
    facts = _FINDING.dump_python(outcome.finding, mode="json")
    return {
        "key": outcome.finding.key,
        "scanner": outcome.target.scanner,
        "target": outcome.target.name,
        "open": True,
        "last_seen": at,
        "facts": canonical(masked(facts)),
    }


def _known(row: Any) -> Known:
    finding = _FINDING.validate_python(json.loads(row.facts))
    return Known(
        row.fingerprint, finding, row.scanner, row.target, row.open, row.first_seen, row.last_seen, row.reopened
    )
