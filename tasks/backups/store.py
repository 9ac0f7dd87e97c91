"""Drills in the history: an error is kept beside the last verdict and never in its place."""

import json
import os

from sqlalchemy import insert, select

from tasks.backups.facts import Drill, DrillVerdict, PastDrill
from tasks.backups.tables import backup_drills
from tasks.canonical import canonical
from tasks.history.engine import History, reading, writing
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.observation import shown
from tasks.secrets import masked

_MOST_NAME = 300


def store_drill(
    history: History, service: str, database: str, drill: Drill, verdict: DrillVerdict, reached: str
) -> None:
    """Keep what a drill came to; `reached` is the check that ended it. Raises HistoryError."""
    backup, contents = drill.backup, drill.contents
    facts: dict[str, object] = {"processors": os.cpu_count() or 0}
    if contents is not None:
        facts |= {"tables": len(contents.tables), "rows": sum(table.rows for table in contents.tables)}
    row = {
        "database": database,
        "at": drill.started_at,
        "verdict": verdict.value,
        "backup": "" if backup is None else masked(shown(backup.path.name, _MOST_NAME)),
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
        connection.execute(insert(backup_drills).values(service_id=service_id(connection, service), **row))


def read_drills(history: History, service: str, database: str, most: int) -> tuple[PastDrill, ...]:
    """The drills of a database, newest first; raises HistoryError."""
    c = backup_drills.c
    query = (
        select(backup_drills)
        .join(services, services.c.id == c.service_id)
        .where(services.c.name == service, c.database == database)
        .order_by(c.at.desc(), c.id.desc())
        .limit(most)
    )
    with reading(history) as connection:
        return tuple(
            PastDrill(
                row.at,
                DrillVerdict(row.verdict),
                row.backup,
                row.backup_at,
                row.bytes,
                row.recovery_s,
                row.server_version,
                row.reached,
                json.loads(row.facts),
            )
            for row in connection.execute(query)
        )
