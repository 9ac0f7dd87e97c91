"""The hash chain of a service's runs: how it grows, and how it is verified."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from tasks.history.rows import evidence_rows, result_rows
from tasks.history.tables import check_results, evidence, runs, services

START = "0" * 64


def sha256(text: str) -> str:
    """The SHA-256 of a text's UTF-8 bytes, as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def link(previous: str, digest: str) -> str:
    """The chained hash of a run that follows `previous`."""
    return sha256(previous + digest)


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """A service's chain after verification; `problems` is empty when it is whole."""

    service: str
    length: int
    chained: str
    problems: tuple[str, ...]


def verify_chains(connection: Connection, anchor: str | None = None) -> tuple[ChainVerdict, ...]:
    """Recompute every chain; an `anchor` (a hash printed in some mail) must stand in one of them."""
    verdicts = []
    anchored = anchor is None
    for service in connection.execute(select(services).order_by(services.c.name)):
        hashes: list[str] = []
        problems = tuple(_readable_problems(connection, service, hashes))
        anchored = anchored or anchor in hashes
        verdicts.append(ChainVerdict(service.name, service.sequence, service.chained, problems))
    if not anchored:
        text = f"the hash {anchor} stands in no chain: its run was removed, or it is of another database"
        verdicts.append(ChainVerdict("(anchor)", 0, START, (text,)))
    return tuple(verdicts)


def _readable_problems(connection: Connection, service: Row[Any], hashes: list[str]) -> Iterator[str]:
    try:
        yield from _problems(connection, service, hashes)
    except (ValueError, TypeError) as error:  # SQLite keeps a text in a column of times or numbers
        yield f"run {len(hashes) + 1}: a row was changed to what cannot be read: {error}"


def _problems(connection: Connection, service: Row[Any], hashes: list[str]) -> Iterator[str]:
    previous, expected = START, 1
    query = select(runs).where(runs.c.service_id == service.id).order_by(runs.c.sequence)
    for run in connection.execute(query.execution_options(yield_per=100)):
        name = f"run {run.sequence} ({run.flow} {run.period} r{run.revision})"
        if run.sequence != expected:
            yield f"runs {expected} to {run.sequence - 1} are missing"
        if sha256(run.report) != run.digest:
            yield f"{name}: the stored report was changed"
        if link(previous, run.digest) != run.chained:
            yield f"{name}: does not follow the run before it"
        if not _same_key(run):
            yield f"{name}: flow, period, revision, trigger, verdict or time differ from its report"
        if not _same_results(connection, run):
            yield f"{name}: its results or evidence differ from its report"
        hashes.append(run.chained)
        previous, expected = run.chained, run.sequence + 1
    if (service.sequence, service.chained) != (expected - 1, previous):
        yield f"the chain's head counts {service.sequence} runs, {expected - 1} are stored"


def _same_key(run: Row[Any]) -> bool:
    try:
        report = json.loads(run.report)
        same = all(report[key] == getattr(run, key) for key in ("flow", "period", "revision", "trigger", "verdict"))
        return same and datetime.fromisoformat(report["finished_at"]) == run.finished_at
    except (ValueError, KeyError, TypeError):
        return False


def _same_results(connection: Connection, run: Row[Any]) -> bool:
    try:
        results = json.loads(run.report)["results"]
        expected = result_rows(results), evidence_rows(results)
    except (ValueError, KeyError, TypeError):
        return False
    return expected == (_stored(connection, check_results, run.id), _stored(connection, evidence, run.id))


def _stored(connection: Connection, table: Table, run_id: int) -> list[dict[str, Any]]:
    columns = [column for column in table.columns if column is not table.c.run_id]
    query = select(*columns).where(table.c.run_id == run_id).order_by(*table.primary_key)
    return [dict(row) for row in connection.execute(query).mappings()]
