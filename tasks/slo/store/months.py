"""Frozen months in the history: their figures, and every correction as a revision of its own."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, select

from tasks.canonical import canonical
from tasks.history.chain import sha256
from tasks.history.engine import History, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import check_results, evidence, runs, services
from tasks.slo.checks import CLOSED_MONTH
from tasks.slo.judge.months import DIGEST, MONTH, REVISION, FrozenMonth, differences, is_less
from tasks.slo.tables import slo_months


def freeze_month(history: History, service: str, period: str, figures: Mapping[str, Any], now: datetime) -> FrozenMonth:
    """Keep a past month's figures: the first time as revision 1, then only where they differ.

    Figures that rest on less than was measured before replace nothing: what was pruned is no correction.
    Raises HistoryError if the database fails.
    """
    text = canonical(figures)
    with writing(history) as connection:
        key = service_id(connection, service)
        connection.execute(select(services.c.id).where(services.c.id == key).with_for_update(key_share=True))
        mine = select(slo_months).where(slo_months.c.service_id == key, slo_months.c.period == period)
        last = connection.execute(mine.order_by(slo_months.c.revision.desc()).limit(1)).first()
        if last is not None and last.figures == text:
            return FrozenMonth(last.revision, last.digest, last.frozen_at)
        changed: tuple[tuple[str, Any, Any], ...] = ()
        if last is not None:
            before = json.loads(last.figures)
            changed = differences(before, figures)
            if is_less(before, figures):
                return FrozenMonth(last.revision, last.digest, last.frozen_at, changed, less=True)
        revision = 1 if last is None else last.revision + 1
        values = {"service_id": key, "period": period, "revision": revision, "figures": text, "digest": sha256(text)}
        connection.execute(insert(slo_months).values(**values, frozen_at=now))
        return FrozenMonth(revision, sha256(text), now, changed)


def read_frozen(history: History, service: str, period: str) -> FrozenMonth | None:
    """The newest revision of a month whose figures cannot be counted again; None if it was never frozen."""
    query = select(slo_months).join(services, services.c.id == slo_months.c.service_id)
    mine = query.where(services.c.name == service, slo_months.c.period == period)
    with reading(history) as connection:
        row = connection.execute(mine.order_by(slo_months.c.revision.desc()).limit(1)).first()
    return None if row is None else FrozenMonth(row.revision, row.digest, row.frozen_at, less=True)


def frozen_months(history: History, service: str) -> frozenset[str]:
    """The months of a service that were frozen."""
    query = select(slo_months.c.period).join(services, services.c.id == slo_months.c.service_id)
    with reading(history) as connection:
        return frozenset(connection.execute(query.where(services.c.name == service)).scalars())


def month_problems(connection: Connection) -> dict[str, list[str]]:
    """What is wrong with the frozen months of every service: a changed text, a revision that is missing or another.

    Which there must be, the reports of the chain tell.
    """
    found: dict[str, list[str]] = {}
    there: set[tuple[str, str, int, str]] = set()
    query = select(services.c.name, slo_months).join(slo_months, slo_months.c.service_id == services.c.id)
    expected: dict[tuple[str, str], int] = {}
    ordered = query.order_by(services.c.name, slo_months.c.period, slo_months.c.revision)
    for row in connection.execute(ordered):
        name = f"frozen month {row.period} r{row.revision}"
        wanted = expected.get((row.name, row.period), 0) + 1
        if row.revision != wanted:
            found.setdefault(row.name, []).append(f"{name}: revision {wanted} is missing")
        if sha256(row.figures) != row.digest:
            found.setdefault(row.name, []).append(f"{name}: its figures were changed")
        expected[row.name, row.period] = row.revision
        there.add((row.name, row.period, row.revision, row.digest))
    for service, period, revision, _ in sorted(_reported(connection) - there):
        found.setdefault(service, []).append(f"frozen month {period} r{revision}: is not the one that was reported")
    return found


def _reported(connection: Connection) -> set[tuple[str, str, int, str]]:
    """Service, month, revision and hash of every frozen month that a stored report shows."""
    query = (
        select(services.c.name, evidence.c.content)
        .join(runs, runs.c.service_id == services.c.id)
        .join(check_results, check_results.c.run_id == runs.c.id)
        .join(
            evidence,
            and_(evidence.c.run_id == check_results.c.run_id, evidence.c.position == check_results.c.position),
        )
        .where(check_results.c.check_id == CLOSED_MONTH.id, evidence.c.item == 0)
    )
    found = set()
    for name, content in connection.execute(query):
        with suppress(ValueError, KeyError, TypeError):  # the chain's verification tells of what was changed there
            figures = {row[0]["text"]: row[1] for row in json.loads(content)["rows"]}
            found.add((name, figures[MONTH.text], figures[REVISION.text], figures[DIGEST.text]))
    return found
