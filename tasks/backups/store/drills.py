"""Drills in the history: an error is stored beside the last verdict and never replaces it."""

import json
import os
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from tasks.backups.facts import Contents, Drill, DrillVerdict, PastDrill
from tasks.backups.tables import backup_drills
from tasks.canonical import canonical
from tasks.history.engine import History, HistoryError, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.observation import printable
from tasks.secrets import masked

_MOST_NAME = 300
_MOST_TABLES = 500


def store_drill(
    history: History, service: str, database: str, drill: Drill, verdict: DrillVerdict, reached: str
) -> None:
    """Keep what a drill came to; `reached` is the check that ended it. What is kept already is not kept again.

    Raises HistoryError, also if another drill of the database begun at the same instant is kept.
    """
    backup, contents = drill.backup, drill.contents
    facts: dict[str, object] = {"processors": os.cpu_count() or 0}
    if contents is not None:
        facts |= {"tables": len(contents.tables), "rows": sum(table.rows for table in contents.tables)}
        facts |= _by_table(contents)
    row = {
        "database": database,
        "at": drill.started_at,
        "verdict": verdict.value,
        "backup": "" if backup is None else masked(printable(backup.path.name, _MOST_NAME)),
        "backup_at": None if backup is None else backup.at,
        "bytes": 0 if backup is None else backup.bytes,
        "sha256": drill.sha256,
        "form": "" if drill.form is None else drill.form.value,
        "server_version": drill.server_version,
        "reached": reached,
        "recovery_s": drill.recovery_s,
        "seconds": drill.seconds,
        "facts": canonical(facts),
    }
    with writing(history) as connection:
        _keep(connection, {"service_id": service_id(connection, service), **row})


def _by_table(contents: Contents) -> dict[str, object]:
    """What a later drill's tables are compared with: the largest ones, if there are very many."""
    largest = sorted(contents.tables, key=lambda table: -table.rows)[:_MOST_TABLES]
    newest = {f"{table.name}.{column}": at.isoformat() for table in largest for column, at in table.newest}
    return {"rows_by_table": {table.name: table.rows for table in largest}, "newest_by_column": newest}


def _past(row: Row[Any]) -> PastDrill:
    facts = json.loads(row.facts)
    rows, newest = facts.pop("rows_by_table", {}), facts.pop("newest_by_column", {})
    return PastDrill(
        row.at,
        DrillVerdict(row.verdict),
        row.backup,
        row.backup_at,
        row.bytes,
        row.recovery_s,
        row.server_version,
        row.reached,
        facts,
        rows,
        {column: datetime.fromisoformat(at) for column, at in newest.items()},
    )


def _keep(connection: Connection, row: dict[str, object]) -> None:
    c = backup_drills.c
    try:
        with connection.begin_nested():
            connection.execute(insert(backup_drills).values(**row))
    except IntegrityError:
        same = [c[key] == row[key] for key in ("service_id", "database", "at")]
        found = connection.execute(select(c.verdict, c.backup, c.seconds).where(*same)).one()
        if tuple(found) != (row["verdict"], row["backup"], row["seconds"]):
            raise HistoryError(
                f"another restore drill of {row['database']} started at {row['at']} is stored, with the verdict "
                f"{found.verdict}: run the restore drill again"
            ) from None


def read_drills(history: History, service: str, database: str, most: int) -> tuple[PastDrill, ...]:
    """The newest drills of a database, newest first, and however old they are: the last passed one, the last with
    a verdict, and all errors since then. Raises HistoryError.
    """
    c = backup_drills.c
    mine = (
        select(c.id, c.at, c.verdict)
        .join(services, services.c.id == c.service_id)
        .where(services.c.name == service, c.database == database)
        .cte("mine")
    )
    newest = select(mine.c.id).order_by(mine.c.at.desc()).limit(most)
    last = select(func.max(mine.c.at))
    judged = last.where(mine.c.verdict != DrillVerdict.ERROR.value).scalar_subquery()
    good = last.where(mine.c.verdict == DrillVerdict.PASSED.value).scalar_subquery()
    since = or_(judged.is_(None), mine.c.at >= judged)
    wanted = select(mine.c.id).where(or_(mine.c.id.in_(newest), since, mine.c.at == good))
    query = select(backup_drills).where(c.id.in_(wanted)).order_by(c.at.desc())
    with reading(history) as connection:
        return tuple(_past(row) for row in connection.execute(query))
