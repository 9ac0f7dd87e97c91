"""Scans in the history, and what they change of the findings: one transaction for a round."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import and_, func, insert, select

from tasks.canonical import canonical
from tasks.check_result import Message
from tasks.history.engine import History, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.secrets import masked
from tasks.security.facts import Completeness, Coverage, Feed, Kind, Scan, Target
from tasks.security.store.findings import apply_scans
from tasks.security.tables import security_scans

_REASON, _COVERAGE, _FEED = TypeAdapter(Message), TypeAdapter(Coverage), TypeAdapter(Feed | None)
_MOST_LEFT_OUT = 200


def store_scans(history: History, service: str, scans: Sequence[Scan]) -> None:
    """Keep a round's scans, and bring the findings up to them; what is reused is kept already.

    Raises HistoryError: then nothing of the round is kept.
    """
    with writing(history) as connection:
        key = service_id(connection, service)
        # On PostgreSQL, two rounds at once would both find a finding new; on SQLite every writer is alone.
        connection.execute(select(services.c.id).where(services.c.id == key).with_for_update(key_share=True))
        rows = [_row(scan) | {"service_id": key} for scan in scans if not scan.reused]
        if rows:
            connection.execute(insert(security_scans), rows)
        for kind in Kind:
            apply_scans(connection, key, kind, [scan for scan in scans if scan.target.kind is kind])


def read_scans(history: History, service: str, *, complete: bool = False) -> tuple[Scan, ...]:
    """The newest scan of every target, or its newest complete one; without findings. Raises HistoryError."""
    c = security_scans.c
    mine = [services.c.name == service]
    if complete:
        mine.append(c.completeness == Completeness.COMPLETE.value)
    newest = (
        select(c.service_id, c.scanner, c.target, func.max(c.at).label("at"))
        .join(services, services.c.id == c.service_id)
        .where(*mine)
        .group_by(c.service_id, c.scanner, c.target)
        .cte("newest")
    )
    same = [c[name] == newest.c[name] for name in ("service_id", "scanner", "target", "at")]
    query = select(security_scans).join(newest, and_(*same)).order_by(c.scanner, c.target)
    with reading(history) as connection:
        return tuple(_scan(row) for row in connection.execute(query))


def read_suppressed(history: History, service: str, scanner: str, target: str, before: datetime) -> int | None:
    """What the newest complete scan before an instant counted as suppressed; None without one. Raises HistoryError."""
    c = security_scans.c
    with reading(history) as connection:
        facts = connection.execute(_of_target(service, scanner, target).where(c.at < before).limit(1)).scalar()
    return None if facts is None else int(json.loads(facts)["suppressed"])


def _of_target(service: str, scanner: str, target: str) -> Any:
    c = security_scans.c
    mine = (services.c.name == service, c.scanner == scanner, c.target == target)
    query = select(c.facts).join(services, services.c.id == c.service_id)
    return query.where(*mine, c.completeness == Completeness.COMPLETE.value).order_by(c.at.desc())


def _row(scan: Scan) -> dict[str, object]:
    coverage = scan.coverage
    left_out = coverage.left_out[:_MOST_LEFT_OUT]
    shown = Coverage(coverage.asked, coverage.scanned, coverage.lines, left_out)
    facts = {
        "reason": _REASON.dump_python(scan.reason, mode="json"),
        "coverage": _COVERAGE.dump_python(shown, mode="json"),
        "feed": _FEED.dump_python(scan.feed, mode="json"),
        "suppressed": scan.suppressed,
        "findings": len(scan.findings),
    }
    return {
        "scanner": scan.target.scanner,
        "target": scan.target.name,
        "kind": scan.target.kind.value,
        "at": scan.at,
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
        row.at,
        row.seconds,
        Completeness(row.completeness),
        _REASON.validate_python(facts["reason"]),
        _COVERAGE.validate_python(facts["coverage"]),
        row.digest,
        suppressed=facts["suppressed"],
        feed=_FEED.validate_python(facts["feed"]),
        reused=True,
    )
