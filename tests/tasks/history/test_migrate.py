"""Schema: one head, models as migrated, and databases that are empty, old, newer or somebody else's."""

import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from tasks.history import migrate, tables  # noqa: F401  tables fills metadata
from tasks.history.engine import HistoryError, metadata, open_history, reading, writing
from tasks.history.runs import read_runs

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
INSERT_RUN = (
    "INSERT INTO runs (service_id, flow, period, revision, trigger, verdict, finished_at, sequence, report, digest,"
    " chained)"
    " VALUES (1, 'daily-checklist', '2026-11-23', 1, 'hand', 'Passed', '2026-11-23 00:00:00', 1, '{}', 'd', 'c')"
)


@pytest.fixture
def empty(history_url: str, tmp_path: Path) -> Iterator[Engine]:
    engine = open_history(history_url, tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def old(empty: Engine) -> Engine:
    """A database of the first schema with one run."""
    migrate.upgrade(empty, None, target="0001")
    with writing(empty) as connection:
        connection.execute(text("INSERT INTO services (id, name, sequence, chained) VALUES (1, 'kondate', 1, 'c')"))
        connection.execute(text(INSERT_RUN))
    return empty


def copies(folder: Path) -> list[Path]:
    return sorted(folder.glob("history.db.before-*"))


def test_migrations_have_exactly_one_head() -> None:
    assert migrate._scripts().get_heads() == [migrate.head()]


def test_models_are_what_the_migrations_make(history: Engine) -> None:
    with reading(history) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_an_empty_database_gets_the_schema_at_once(empty: Engine, tmp_path: Path) -> None:
    assert migrate.current(empty) is None
    migrate.require_current(empty)
    assert migrate.current(empty) == migrate.head()
    migrate.require_current(empty)
    assert copies(tmp_path) == []


def test_an_old_schema_is_refused_with_the_command_that_upgrades_it(old: Engine) -> None:
    with pytest.raises(HistoryError, match=r"has schema 0001, this opsrounds needs .*; run: rounds db upgrade$"):
        migrate.require_current(old)
    assert migrate.current(old) == "0001"


def test_an_old_schema_is_upgraded_with_its_data_and_sqlite_keeps_a_copy(old: Engine, tmp_path: Path) -> None:
    copy = migrate.upgrade(old, NOW)
    migrate.require_current(old)
    assert [run.period for run in read_runs(old, "kondate", most=5)] == ["2026-11-23"]
    if old.dialect.name == "postgresql":
        assert copy is None
        return
    assert copy == tmp_path / f"history.db.before-{migrate.head()}-20261124T090000Z"
    assert copies(tmp_path) == [copy]
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
        assert kept.execute("SELECT period FROM runs").fetchall() == [("2026-11-23",)]


def test_a_present_schema_is_left_alone_and_not_copied(history: Engine, tmp_path: Path) -> None:
    assert migrate.upgrade(history, NOW) is None
    assert copies(tmp_path) == []


@pytest.mark.parametrize("history_url", ["sqlite"], indirect=True)  # only SQLite is copied
def test_a_copy_that_cannot_be_made_changes_nothing(old: Engine, tmp_path: Path) -> None:
    (tmp_path / f"history.db.before-{migrate.head()}-20261124T090000Z").mkdir()  # in the way
    with pytest.raises(HistoryError, match=r"no copy could be made .*nothing was changed; make room"):
        migrate.upgrade(old, NOW)
    assert migrate.current(old) == "0001"
    assert sorted(path.name for path in tmp_path.glob("*history.db.*")) == [
        f"history.db.before-{migrate.head()}-20261124T090000Z"
    ]


@pytest.mark.parametrize("history_url", ["sqlite"], indirect=True)
def test_the_copy_has_the_mode_of_the_file_and_half_a_copy_is_replaced(old: Engine, tmp_path: Path) -> None:
    (tmp_path / "history.db").chmod(0o640)
    half = tmp_path / f"history.db.before-{migrate.head()}-20261124T090000Z.partial"
    half.write_text("half")
    copy = migrate.upgrade(old, NOW)
    assert copies(tmp_path) == [copy] and copy is not None and copy.stat().st_mode & 0o777 == 0o640
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]


@pytest.mark.parametrize("open_it", [migrate.require_current, lambda engine: migrate.upgrade(engine, NOW)])
def test_a_schema_of_a_newer_version_is_refused(
    history: Engine, open_it: Callable[[Engine], object], tmp_path: Path
) -> None:
    with writing(history) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(HistoryError, match=r"schema 9999.*upgrade opsrounds$"):
        open_it(history)
    assert migrate.current(history) == "9999"
    assert copies(tmp_path) == []


@pytest.mark.parametrize("open_it", [migrate.require_current, lambda engine: migrate.upgrade(engine, NOW)])
def test_a_database_of_somebody_else_is_refused_and_left_alone(
    empty: Engine, open_it: Callable[[Engine], object], tmp_path: Path
) -> None:
    with writing(empty) as connection:
        connection.execute(text("CREATE TABLE recipes (id INTEGER)"))
    with pytest.raises(HistoryError, match="holds tables that are not opsrounds'; name another one"):
        open_it(empty)
    with reading(empty) as connection:
        assert not connection.dialect.has_table(connection, "runs")
    assert copies(tmp_path) == []


def test_a_migration_that_fails_leaves_the_old_schema(old: Engine) -> None:
    with writing(old) as connection:
        connection.execute(text("CREATE TABLE outbox (id INTEGER)"))  # what 0002 creates
    with pytest.raises(HistoryError, match="already exists"):
        migrate.upgrade(old, NOW)
    assert migrate.current(old) == "0001"


@pytest.mark.deep
def test_processes_that_create_one_empty_database_at_once_all_succeed(
    empty: Engine, history_url: str, start: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    addresses = [history_url]
    if empty.dialect.name == "sqlite":
        addresses = [f"sqlite:///{tmp_path / f'{number}.db'}" for number in range(12)]
    started = [start("open", "-") for _ in range(3)]
    for address in ("sqlite:///" + str(tmp_path / "warm.db"), *addresses):
        for process in started:
            assert process.stdin is not None
            process.stdin.write(address + "\n")
            process.stdin.flush()
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == address, process.communicate()[1]
    for address in addresses:
        assert migrate.current(open_history(address, tmp_path)) == migrate.head()


def test_an_address_is_shown_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://ops:hunter22@127.0.0.1:1/history?password=hunter22&connect_timeout=2"
    with pytest.raises(HistoryError) as refused:
        migrate.current(open_history(url, tmp_path))
    assert re.search(r"postgresql\+psycopg://ops:\*\*\*@127.0.0.1:1/history: .*refused", str(refused.value))
    assert "hunter22" not in str(refused.value)
