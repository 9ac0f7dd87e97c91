"""Scans in the history, and what they change of the findings: one transaction for a round."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import CTE, Column, ColumnElement, Connection, and_, func, insert, select

from tasks.canonical import canonical
from tasks.check_result import Message, moment, msg
from tasks.history.engine import History, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.secrets import masked
from tasks.security.facts.scans import Completeness, Coverage, Feed, Kind, Scan, Target
from tasks.security.store.findings import apply_scans
from tasks.security.tables import security_scans

_REASON, _COVERAGE, _FEED = TypeAdapter(Message), TypeAdapter(Coverage), TypeAdapter(Feed | None)
_MOST_LEFT_OUT = 200
_TICK = timedelta(microseconds=1)


def store_scans(history: History, service: str, scans: Sequence[Scan], at: datetime) -> tuple[Scan, ...]:
    """Keep the scans of a round begun at an instant, those that it reuses too, and bring the findings up to them.

    Gives the scans as they are kept: one of a target that a round begun later has told of changes no finding, and has
    failed. Raises HistoryError: then nothing of the round is kept.
    """
    with writing(history) as connection:
        key = service_id(connection, service)
        # On PostgreSQL, two rounds at once would both find a finding new; on SQLite every writer is alone.
        connection.execute(select(services.c.id).where(services.c.id == key).with_for_update(key_share=True))
        later = _later(connection, key, at)
        kept = tuple(_unless_overtaken(scan, later) for scan in scans)
        if kept:
            connection.execute(insert(security_scans), [_row(scan, at) | {"service_id": key} for scan in kept])
        for kind in Kind:
            mine = [_closing_nothing(scan, later) for scan in kept if scan.target.kind is kind]
            apply_scans(connection, key, kind, mine, at)
    return kept


def read_scans(history: History, service: str, until: datetime) -> tuple[Scan, ...]:
    """The scans of the newest round of each kind up to an instant; without findings. Raises HistoryError."""
    c = security_scans.c
    newest = _newest(service, until, c.kind)
    same = [c[name] == newest.c[name] for name in ("service_id", "kind", "at")]
    query = select(security_scans).join(newest, and_(*same)).order_by(c.scanner, c.target)
    with reading(history) as connection:
        return tuple(_scan(row) for row in connection.execute(query))


def read_complete(history: History, service: str, until: datetime) -> tuple[Scan, ...]:
    """The newest complete scan of every target up to an instant; without findings. Raises HistoryError."""
    return _newest_of_targets(history, service, until, (Completeness.COMPLETE,))


def read_usable(history: History, service: str, until: datetime) -> tuple[Scan, ...]:
    """The newest scan of every target that did not fail, which the open findings rest on; without findings.

    Raises HistoryError.
    """
    return _newest_of_targets(history, service, until, (Completeness.COMPLETE, Completeness.PARTIAL))


def _newest_of_targets(
    history: History, service: str, until: datetime, completeness: Sequence[Completeness]
) -> tuple[Scan, ...]:
    c = security_scans.c
    newest = _newest(service, until, c.scanner, c.target, where=c.completeness.in_(completeness))
    same = [c[name] == newest.c[name] for name in ("service_id", "scanner", "target", "at")]
    query = select(security_scans).join(newest, and_(*same)).order_by(c.scanner, c.target)
    with reading(history) as connection:
        return tuple(_scan(row) for row in connection.execute(query))


def read_suppressed(history: History, service: str, before: datetime) -> dict[str, int]:
    """By subject, how many findings the newest complete scan before an instant counted as suppressed.

    Raises HistoryError.
    """
    return {scan.target.subject: scan.suppressed for scan in read_complete(history, service, before - _TICK)}


def read_first_scan(history: History, service: str) -> datetime | None:
    """When the first scan was made; None when there is none. Raises HistoryError."""
    c = security_scans.c
    query = select(func.min(c.at)).join(services, services.c.id == c.service_id).where(services.c.name == service)
    with reading(history) as connection:
        at: datetime | None = connection.execute(query).scalar()
    return at


def _newest(service: str, until: datetime, *by: Column[str], where: ColumnElement[bool] | None = None) -> CTE:
    c = security_scans.c
    wanted = [services.c.name == service, c.at <= until, *(() if where is None else (where,))]
    query = select(c.service_id, *by, func.max(c.at).label("at")).join(services, services.c.id == c.service_id)
    return query.where(*wanted).group_by(c.service_id, *by).cte("newest")


def _later(connection: Connection, service: int, at: datetime) -> Mapping[Target, datetime]:
    """The targets that a round begun after an instant has told of, and when the newest of these rounds began."""
    c = security_scans.c
    later = (
        select(c.scanner, c.target, c.kind, func.max(c.at).label("at"))
        .where(c.service_id == service, c.at > at, c.completeness != Completeness.FAILED.value)
        .group_by(c.scanner, c.target, c.kind)
    )
    return {Target(row.scanner, row.target, Kind(row.kind)): row.at for row in connection.execute(later)}


def _unless_overtaken(scan: Scan, later: Mapping[Target, datetime]) -> Scan:
    """The scan; a new one of a target that is told of already has failed: its findings are kept nowhere."""
    if scan.reused or scan.completeness is Completeness.FAILED or scan.target not in later:
        return scan
    reason = msg(
        "A scan that began later, at {at}, is stored already: this one changes no finding. If that time is in the "
        "future, the clock was wrong then",
        at=moment(later[scan.target]),
    )
    return replace(scan, completeness=Completeness.FAILED, reason=reason, findings=())


def _closing_nothing(scan: Scan, later: Mapping[Target, datetime]) -> Scan:
    """The scan; one of a target that is told of already is no reason to close what stood in targets that are gone."""
    return replace(scan, completeness=Completeness.PARTIAL) if scan.reused and scan.target in later else scan


def _row(scan: Scan, at: datetime) -> dict[str, object]:
    coverage = scan.coverage
    left_out = coverage.left_out[:_MOST_LEFT_OUT]
    shown = replace(coverage, left_out=left_out)
    facts = {
        "reason": _REASON.dump_python(scan.reason, mode="json"),
        "coverage": _COVERAGE.dump_python(shown, mode="json"),
        "feed": _FEED.dump_python(scan.feed, mode="json"),
        "suppressed": scan.suppressed,
        "findings": len(scan.findings),
        "source": scan.source,
    }
    return {
        "scanner": scan.target.scanner,
        "target": scan.target.name,
        "kind": scan.target.kind.value,
        "at": at,
        "scanned_at": scan.at,
        "version": scan.version,
        "seconds": scan.seconds,
        "completeness": scan.completeness.value,
        "digest": scan.digest,
        "facts": canonical(masked(facts)),
    }


def _scan(row: Any) -> Scan:
    facts = json.loads(row.facts)
    return Scan(
        Target(row.scanner, row.target, Kind(row.kind)),
        row.version,
        row.scanned_at,
        row.seconds,
        Completeness(row.completeness),
        _REASON.validate_python(facts["reason"]),
        _COVERAGE.validate_python(facts["coverage"]),
        row.digest,
        suppressed=facts["suppressed"],
        feed=_FEED.validate_python(facts["feed"]),
        reused=True,
        checked_at=row.at,
        source=facts.get("source", ""),
    )
