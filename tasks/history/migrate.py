"""Brings the history database to this program's schema, and says where it stands."""

import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect

from tasks.discovery import folders
from tasks.files import new_file
from tasks.history.engine import HistoryError, reading, shown_url, writing


@cache
def head() -> str:
    """The schema revision that this program works with; asked each time a history is opened, and read once."""
    revision = _scripts().get_current_head()
    assert revision is not None
    return revision


def current(engine: Engine) -> str | None:
    """The schema revision of a database; None when it is empty."""
    with reading(engine) as connection:
        return _current(connection)


def require_current(engine: Engine) -> None:
    """Raise HistoryError unless the schema is this program's; an empty database gets it at once."""
    at = current(engine)
    if at == head():
        return
    if at is None:
        upgrade(engine, None)
        return
    place = f"history database {shown_url(engine)} has schema {at}, this opsrounds needs {head()}"
    if at in {script.revision for script in _scripts().walk_revisions()}:
        raise HistoryError(f"{place}; run: rounds db upgrade")
    raise HistoryError(f"{place} and does not know it: the database was made by a newer opsrounds; upgrade opsrounds")


def upgrade(engine: Engine, now: datetime | None, target: str = "head") -> Path | None:
    """Migrate in one transaction; an SQLite file is copied first when `now` is given, and the copy returned."""
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":  # two first starts at once
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('opsrounds schema'))")
        if (at := _current(connection)) is not None and at not in {s.revision for s in _scripts().walk_revisions()}:
            raise HistoryError(f"history database {shown_url(engine)} has the unknown schema {at}: upgrade opsrounds")
        copy = None if now is None or at in (None, head()) else _copy(engine, now)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, target)
    return copy


def _copy(engine: Engine, now: datetime) -> Path | None:
    """Copies an SQLite file as it was committed last; the caller holds its write lock."""
    if engine.dialect.name != "sqlite" or engine.url.database is None:
        return None
    source = Path(engine.url.database)
    target = source.with_name(f"{source.name}.before-{head()}-{now:%Y%m%dT%H%M%SZ}")
    partial = target.with_suffix(target.suffix + ".partial")
    try:
        partial.unlink(missing_ok=True)  # left by an upgrade of the same second that was killed
        with new_file(target, mode=0o600, at=partial):
            with closing(sqlite3.connect(source)) as origin, closing(sqlite3.connect(partial)) as destination:
                origin.backup(destination)
            shutil.copymode(source, partial)
        return target
    except (OSError, sqlite3.Error) as error:
        text = f"history database {shown_url(engine)}: no copy could be made beside it ({error}), nothing was changed"
        raise HistoryError(f"{text}; make room there and run: rounds db upgrade") from None


def _current(connection: Connection) -> str | None:
    if not inspect(connection).get_table_names():
        return None
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        raise HistoryError(
            f"history database {shown_url(connection.engine)} holds tables that are not opsrounds'; name another one"
        )
    return revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", _escaped(Path(__file__).parent / "alembic"))
    config.set_main_option("path_separator", "newline")
    # Each system keeps its tables and their migrations in its own folder; together they are one line of revisions.
    config.set_main_option("version_locations", "\n".join(_escaped(folder) for folder in folders("migrations")))
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
