"""Load tests in the history: each whole, with its verdict."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Select, insert, select

from tasks.canonical import canonical
from tasks.history.engine import History, HistoryError, reading, writing
from tasks.history.services import locked_service
from tasks.history.tables import services
from tasks.load.facts import JudgedRun, LoadRun, LoadVerdict
from tasks.load.tables import load_runs
from tasks.secrets import masked

_RUN = TypeAdapter(LoadRun)
_OURS = frozenset({"at", "finished_at", "started_at", "ended", "script"})
"""Keys whose values are never text from outside."""


class UnreadableLoadRun(HistoryError):
    """A stored load test is not one that this program can read."""


def store_run(history: History, service: str, judged: JudgedRun) -> bool:
    """Keep a load test; gives False for one of this service that began at the same instant and is kept already.

    Raises HistoryError: then nothing is kept.
    """
    with writing(history) as connection:
        key = locked_service(connection, service)
        mine = (load_runs.c.service_id == key, load_runs.c.at == judged.run.at)
        if connection.execute(select(load_runs.c.id).where(*mine)).first() is not None:
            return False
        connection.execute(insert(load_runs).values(service_id=key, **_row(judged)))
        return True


def read_runs(
    history: History, service: str, until: datetime, *, most: int = 50, like: LoadRun | None = None
) -> tuple[JudgedRun, ...]:
    """The newest load tests that began up to an instant, newest first, invalid ones too.

    With `like`, valid ones alone that had its script, environment, profile and data set, itself left out. Raises
    HistoryError, and UnreadableLoadRun for one that is damaged.
    """
    return tuple(_judged(row) for row in _rows(history, _query(service, until, _alike(like)).limit(most)))


def last_run(history: History, service: str, until: datetime, *, valid: bool = False) -> JudgedRun | None:
    """The newest load test that began up to an instant; None without any. Raises as `read_runs`.

    With `valid` the newest that says something: pass or fail.
    """
    rows = _rows(history, _query(service, until, _valid() if valid else ()).limit(1))
    return _judged(rows[0]) if rows else None


def last_capacity(history: History, service: str, until: datetime) -> JudgedRun | None:
    """The newest valid load test up to an instant that found a load which met the SLO; raises as `read_runs`."""
    known = load_runs.c.capacity_per_second.is_not(None)
    rows = _rows(history, _query(service, until, (*_valid(), known)).limit(1))
    return _judged(rows[0]) if rows else None


def _query(service: str, until: datetime, more: Sequence[ColumnElement[bool]]) -> Select[Any]:
    query = select(load_runs).join(services, services.c.id == load_runs.c.service_id)
    return query.where(services.c.name == service, load_runs.c.at <= until, *more).order_by(load_runs.c.at.desc())


def _valid() -> tuple[ColumnElement[bool], ...]:
    return (load_runs.c.verdict.in_([LoadVerdict.PASS.value, LoadVerdict.FAIL.value]),)


def _alike(run: LoadRun | None) -> tuple[ColumnElement[bool], ...]:
    if run is None:
        return ()
    same = [load_runs.c[name] == getattr(run, name) for name in ("script", "environment", "profile", "data_set")]
    return (*same, load_runs.c.at != run.at, *_valid())


def _rows(history: History, query: Select[Any]) -> Sequence[Any]:
    with reading(history) as connection:
        return connection.execute(query).all()


def _row(judged: JudgedRun) -> dict[str, object]:
    run = judged.run
    facts = masked(_RUN.dump_python(run, mode="json"), own=_OURS)
    return {
        "at": run.at,
        "profile": run.profile,
        "environment": run.environment,
        "script": run.script,
        "data_set": run.data_set,
        "verdict": judged.verdict.value,
        "capacity_per_second": judged.capacity_per_second,
        "synthetic": run.synthetic,
        # PostgreSQL keeps no NUL in a text; JSON spells it out.
        "facts": canonical(facts),
    }


def _judged(row: Any) -> JudgedRun:
    try:
        run = _RUN.validate_python(json.loads(row.facts))
        return JudgedRun(run, LoadVerdict(row.verdict), row.capacity_per_second)
    except (ValueError, ValidationError):
        raise UnreadableLoadRun(
            f"load test of {row.at:%Y-%m-%d %H:%M} UTC: what is stored of it cannot be read; "
            "restore the history from a backup, or delete this row of load_runs"
        ) from None
