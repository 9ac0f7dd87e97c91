"""The hash chain of a service's runs: how it grows, and how it is verified."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

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
        problems = tuple(_problems(connection, service, hashes))
        anchored = anchored or anchor in hashes
        verdicts.append(ChainVerdict(service.name, service.sequence, service.chained, problems))
    if not anchored:
        text = f"the hash {anchor} stands in no chain: its run was removed, or it is of another database"
        verdicts.append(ChainVerdict("(anchor)", 0, START, (text,)))
    return tuple(verdicts)


def _problems(connection: Connection, service: Row[Any], hashes: list[str]) -> Iterator[str]:
    previous, expected = START, 1
    rows = connection.execution_options(yield_per=100).execute(
        select(runs).where(runs.c.service_id == service.id).order_by(runs.c.sequence)
    )
    for run in rows:
        name = f"run {run.sequence} ({run.flow} {run.period} r{run.revision})"
        if run.sequence != expected:
            yield f"runs {expected} to {run.sequence - 1} are missing"
        if sha256(run.report) != run.digest:
            yield f"{name}: the stored report was changed"
        if link(previous, run.digest) != run.chained:
            yield f"{name}: does not follow the run before it"
        if not _same_key(run):
            yield f"{name}: flow, period, revision, trigger or verdict differ from its report"
        if _stored_results(connection, run.id) != _reported_results(run.report):
            yield f"{name}: its results or evidence differ from its report"
        hashes.append(run.chained)
        previous, expected = run.chained, run.sequence + 1
    if (service.sequence, service.chained) != (expected - 1, previous):
        yield f"the chain's head says {service.sequence} runs, {expected - 1} are there"


def _same_key(run: Row[Any]) -> bool:
    try:
        report = json.loads(run.report)
        return all(report[key] == getattr(run, key) for key in ("flow", "period", "revision", "trigger", "verdict"))
    except (ValueError, KeyError, TypeError):
        return False


def _stored_results(connection: Connection, run_id: int) -> list[tuple[object, ...]]:
    proofs: dict[int, list[object]] = {}
    for row in connection.execute(
        select(evidence).where(evidence.c.run_id == run_id).order_by(evidence.c.position, evidence.c.item)
    ):
        proofs.setdefault(row.position, []).append(json.loads(row.content))
    rows = connection.execute(
        select(check_results).where(check_results.c.run_id == run_id).order_by(check_results.c.position)
    )
    return [
        (
            row.check_id,
            row.subject,
            row.status,
            row.severity,
            {**json.loads(row.result), "evidence": proofs.get(row.position, [])},
        )
        for row in rows
    ]


def _reported_results(report: str) -> list[tuple[object, ...]]:
    try:
        results = json.loads(report)["results"]
        return [(r["check"], r["subject"], r["status"], r["severity"], r) for r in results]
    except (ValueError, KeyError, TypeError):
        return [("unreadable report",)]
