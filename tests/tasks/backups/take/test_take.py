"""Backups are taken complete with their manifest or not at all, and pass a restore drill."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tasks.backups.drill.ladder import drill
from tasks.backups.errors import BackupRefused
from tasks.backups.facts import Backup, Form, Manifest
from tasks.backups.files.as_written import compared
from tasks.backups.files.find import find_backups
from tasks.backups.files.manifest import hashed_files, manifest_path, read_manifest
from tasks.backups.formats.archive import CUSTOM
from tasks.backups.formats.interface import Order, Tools
from tasks.backups.judge.ladder import judge_ladder
from tasks.backups.settings import HISTORY, BackedUp, Database
from tasks.backups.take.destination import destination
from tasks.backups.take.take import take
from tasks.backups.targets import Target
from tasks.check_result import Status
from tasks.deadline import Deadline
from tasks.history.engine import open_history
from tasks.history.migrate import require_current
from tasks.observation import ObservationError
from tasks.postgres.installation import Installation, postgres_binaries
from tasks.postgres.server import PostgresServer
from tests.deep import rows
from tests.shop_backups import ANYWHERE
from tests.shop_database import make_shop

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
STAMP = "20261124T123000Z"
DAY = timedelta(days=1)
PATIENT_S = 120.0
ROOT = Path(__file__).parents[4]
SECRET = "s3cr:t p@ss/w%rd"
Make = Callable[..., Target]


@dataclass(frozen=True)
class Shop:
    """A database that a test may change."""

    name: str
    dsn: str

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, table: str) -> int:
        with psycopg.connect(self.dsn) as connection:
            [row] = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
            return int(row[0])


@contextmanager
def made_shop(postgres: PostgresServer, rows: int) -> Iterator[Shop]:
    name = f"shop_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        shop = Shop(name, f"postgresql://postgres@{postgres.host}:{postgres.port}/{name}")
        with psycopg.connect(shop.dsn, autocommit=True) as connection:
            make_shop(connection, NOW - timedelta(minutes=1), rows)
        yield shop
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def still(postgres: PostgresServer) -> Iterator[Shop]:
    """A shop that no test changes."""
    with made_shop(postgres, 2000) as shop:
        yield shop


@pytest.fixture
def shop(postgres: PostgresServer) -> Iterator[Shop]:
    with made_shop(postgres, 500) as shop:
        yield shop


def target(folder: Path, live: str | None, pattern: str = "backups/shop-*", **more: Any) -> Target:
    return Target("shop", Database(name="shop", pattern=pattern, **more), folder, live)


def taken(one: Target, now: datetime = NOW) -> Path:
    return take(one, now, (), PATIENT_S)


def drilled(one: Target, backup: Backup) -> dict[str, Status]:
    """The result of each step of a restore drill."""
    found = drill(one, backup, ANYWHERE, NOW, PATIENT_S)
    results = judge_ladder(one.subject, found, one.backups, (), ANYWHERE.limits, NOW)
    return {result.check.removeprefix("backups."): result.status for result in results}


def not_passed(verdicts: dict[str, Status]) -> dict[str, Status]:
    return {step: status for step, status in verdicts.items() if status is not Status.PASS and step != "smoke"}


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises((ObservationError, BackupRefused)) as refused:
        work()
    return str(refused.value)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestPostgres:
    @pytest.mark.parametrize(
        ("ending", "form"),
        [
            (".dump", Form.CUSTOM),
            pytest.param(".dir", Form.DIRECTORY, marks=pytest.mark.deep),
            pytest.param(".sql", Form.SQL, marks=pytest.mark.deep),
            pytest.param(".sql.gz", Form.SQL_GZ, marks=pytest.mark.deep),
            pytest.param("", Form.CUSTOM, marks=pytest.mark.deep),
        ],
    )
    def test_every_form_passes_a_drill(self, still: Shop, tmp_path: Path, ending: str, form: Form) -> None:
        one = target(tmp_path, still.dsn, f"backups/shop-*{ending}", content="whole")
        path = taken(one)
        name = f"shop-{STAMP}{ending or '.dump'}"
        assert path == tmp_path / "backups" / name
        assert names(path.parent) == [name, f"{name}.manifest.json"]
        assert [item.stat().st_mode & 0o777 for item in (path.parent, path, manifest_path(path))] == [
            0o700,
            0o700 if form is Form.DIRECTORY else 0o600,
            0o600,
        ]
        [backup] = find_backups(tmp_path, one.pattern)
        assert (backup.path, backup.at, backup.known_start) == (path, NOW, True)
        assert not_passed(drilled(one, backup)) == {}
        manifest = read_manifest(path)
        assert manifest is not None and manifest.contents is not None
        assert (manifest.database, manifest.exact, manifest.started_at) == ("shop", True, NOW)
        assert NOW < manifest.finished_at < NOW + timedelta(seconds=PATIENT_S)
        assert manifest.tool.startswith("pg_dump 18.")
        assert manifest.contents.database == still.name and "postgres" in manifest.contents.roles
        assert {table.name: table.rows for table in manifest.contents.tables}["public.orders"] == still.rows("orders")

    @pytest.mark.parametrize(
        ("content", "rule"), [("whole", "whole"), ("sampled", "1/16, small tables whole"), ("off", "")]
    )
    def test_the_rows_hashed_are_those_of_the_setting(
        self, still: Shop, tmp_path: Path, content: str, rule: str
    ) -> None:
        manifest = read_manifest(taken(target(tmp_path, still.dsn, content=content)))
        assert manifest is not None and manifest.contents is not None
        assert manifest.contents.content_rule == rule
        assert all(bool(table.content) == bool(rule) for table in manifest.contents.tables)

    def test_what_is_written_meanwhile_is_in_neither(self, shop: Shop, tmp_path: Path) -> None:
        one = target(tmp_path, shop.dsn, "backups/shop-*.dir", content="whole")
        with writing(shop) as written:
            while written[0] < 20:
                time.sleep(0.01)
            begun = written[0]
            taken(one)
            assert written[0] > begun + 5, "nobody wrote meanwhile"
        [backup] = find_backups(tmp_path, one.pattern)
        manifest = read_manifest(backup.path)
        assert manifest is not None and manifest.contents is not None
        audit = manifest.contents.table("public.audit")
        assert audit is not None and audit.rows < shop.rows("audit")
        verdicts = drilled(one, backup)
        verdicts.pop("invariants")  # a sequence goes on outside of every snapshot, and is only ever ahead
        # The live database has moved on meanwhile, which counts report as a warning if it is much.
        assert not_passed(verdicts) in ({}, {"counts": Status.WARN})

    def test_a_secret_stands_on_no_command_line_and_in_no_file(
        self, postgres: PostgresServer, shop: Shop, tmp_path: Path
    ) -> None:
        with guarded(postgres, shop) as live, psycopg.connect(shop.dsn) as holder:
            holder.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")  # pg_dump waits, and can be inspected
            one = target(tmp_path, live, "backups/shop-*.sql")
            done: list[Path] = []
            taking = threading.Thread(target=lambda: done.append(taken(one)))
            taking.start()
            try:
                seen = command_line_of_pg_dump(shop.name)
            finally:
                holder.rollback()
                taking.join()
        assert f"dbname={shop.name}" in seen and "user=guarded" in seen and "--no-password" in seen
        parts = (SECRET, "s3cr", "p@ss", "w%rd", "w%25rd")
        assert [part for part in parts if part in seen] == []
        text = manifest_path(done[0]).read_text() + done[0].read_text()
        assert [part for part in parts if part in text] == []

    def test_a_wrong_password_is_reported_without_repeating_it(
        self, postgres: PostgresServer, shop: Shop, tmp_path: Path
    ) -> None:
        with guarded(postgres, shop) as live:
            reason = refusal(lambda: taken(target(tmp_path, live.replace("s3cr", "gu355"))))
        assert reason.startswith("The database refused the password") and "gu355" not in reason
        assert names(tmp_path / "backups") == []

    def test_a_secret_that_could_only_be_passed_on_a_command_line_is_refused(self, still: Shop, tmp_path: Path) -> None:
        reason = refusal(lambda: taken(target(tmp_path, f"{still.dsn}?sslpassword=hush-hush")))
        assert reason.startswith("live holds sslpassword, which pg_dump accepts only") and "hush" not in reason

    def test_an_address_that_is_none_is_not_repeated(self, tmp_path: Path) -> None:
        reason = refusal(lambda: taken(target(tmp_path, "postgresql://u:hush-hush@h/x?nonsense=1")))
        assert reason == "live is not a PostgreSQL address: correct it"

    def test_for_a_role_that_may_not_read_the_grant_is_named(self, shop: Shop, tmp_path: Path) -> None:
        with role(shop, "reader") as live:
            reason = refusal(lambda: taken(target(tmp_path, live)))
            assert reason.startswith("The role may not read ") and "GRANT pg_read_all_data" in reason
            shop.execute("GRANT pg_read_all_data TO reader")
            assert taken(target(tmp_path, live)).exists()
            shop.execute("ALTER TABLE customers ENABLE ROW LEVEL SECURITY")
            reason = refusal(lambda: taken(target(tmp_path, live, "other/shop-*")))
            assert reason.startswith("Row-level security hides rows of ") and "BYPASSRLS" in reason
            assert names(tmp_path / "other") == []
            shop.execute("ALTER ROLE reader BYPASSRLS")
            assert taken(target(tmp_path, live, "other/shop-*")).exists()

    def test_what_only_pg_dump_may_not_read(self, shop: Shop, tmp_path: Path) -> None:
        shop.execute("SELECT lo_from_bytea(4711, 'a scan of a passport')", "GRANT pg_read_all_data TO postgres")
        shop.execute("CREATE SCHEMA hidden", "CREATE FUNCTION hidden.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        with role(shop, "reader") as live:
            for table in ("customers", "suppliers", "products", "orders", "order_lines", "payments", "stock"):
                shop.execute(f"GRANT SELECT ON {table} TO reader")
            shop.execute("GRANT SELECT ON audit, documents TO reader")
            shop.execute("GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader")
            reason = refusal(lambda: taken(target(tmp_path, live)))
        assert "may not read 1 of the large objects" in reason and "GRANT SELECT ON LARGE OBJECT" in reason
        assert names(tmp_path / "backups") == []

    def test_programs_that_are_too_old_are_named_with_the_server(self, still: Shop, tmp_path: Path) -> None:
        order = Order("shop", still.dsn, tmp_path / "shop.dump", NOW)
        old = Installation(postgres_binaries(), "15.2", 15)
        reason = refusal(lambda: CUSTOM.take(order, Tools(lambda: (old,), Deadline.after(PATIENT_S))))
        assert reason.startswith(
            "The database runs PostgreSQL 18, but this machine has pg_dump 15.2: install pg_dump 18"
        )
        no_program = Installation(tmp_path, "19.1", 19)
        assert "has pg_dump —" in refusal(
            lambda: CUSTOM.take(order, Tools(lambda: (no_program,), Deadline.after(PATIENT_S)))
        )
        assert names(tmp_path) == []

    def test_a_time_that_is_too_short_ends_it_and_leaves_nothing(self, shop: Shop, tmp_path: Path) -> None:
        with psycopg.connect(shop.dsn) as holder:
            holder.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
            reason = refusal(lambda: take(target(tmp_path, shop.dsn), NOW, (), 1.0))
        assert reason == "The backup was not finished in time: raise [backups] deadline_min"
        assert names(tmp_path / "backups") == []
        assert sessions_after_a_while(shop) == 0

    def test_a_database_that_goes_away_meanwhile(self, shop: Shop, tmp_path: Path) -> None:
        with psycopg.connect(shop.dsn) as holder:
            holder.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
            errors: list[str] = []
            taking = threading.Thread(target=lambda: errors.append(refusal(lambda: taken(target(tmp_path, shop.dsn)))))
            taking.start()
            command_line_of_pg_dump(shop.name)
            others = f"datname = '{shop.name}' AND pid NOT IN (pg_backend_pid(), {holder.info.backend_pid})"
            shop.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            taking.join()
        assert "was lost" in errors[0] or "pg_dump failed" in errors[0] or "refused the query" in errors[0]
        assert names(tmp_path / "backups") == []


class TestKilled:
    @pytest.mark.deep
    def test_at_any_point_nothing_is_there_by_half(self, still: Shop, tmp_path: Path) -> None:
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path), still.dsn],
            cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert killed.returncode == 0, killed.stderr
        folder = tmp_path / "backups"
        whole = find_backups(tmp_path, "backups/shop-*")
        partial = [name for name in names(folder) if name.endswith(".partial")]
        assert whole and partial, names(folder)
        for backup in whole:
            manifest = read_manifest(backup.path)
            assert isinstance(manifest, Manifest) and manifest.exact and backup.known_start
            compared(hashed_files(backup.path), manifest)
        allowed = {backup.path.name for backup in whole} | {manifest_path(backup.path).name for backup in whole}
        allowed |= set(partial) | {name.replace(".partial", ".manifest.json") for name in partial}
        assert set(names(folder)) <= allowed
        assert sessions_after_a_while(still) == 0

        later = datetime.now(UTC) + 2 * DAY
        newest = taken(target(tmp_path, still.dsn), later)
        kept = [backup.path for backup in whole] + [newest]
        assert names(folder) == sorted(name for path in kept for name in (path.name, manifest_path(path).name))

    @pytest.mark.deep
    def test_before_each_step_that_gives_a_name_it_is_whole_or_not_there(self, tmp_path: Path) -> None:
        live = sqlite_shop(tmp_path / "live.db")
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_AT_EACH_STEP, str(tmp_path), f"sqlite:///{live}"],
            cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert killed.returncode == 0, killed.stderr
        states = []
        for number in range(1, int(killed.stdout) + 1):
            folder = tmp_path / str(number)
            backups = find_backups(folder, "backups/shop-*")
            there = bool([name for name in names(folder / "backups") if name.endswith(".manifest.json")])
            states.append((there, bool(backups)))
            for backup in backups:
                manifest = read_manifest(backup.path)
                assert isinstance(manifest, Manifest)
                compared(hashed_files(backup.path), manifest)
        assert states == sorted(states) and set(states) == {(False, False), (True, False), (True, True)}

    def test_all_of_it_is_on_the_disk_before_it_has_its_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, bring = target(tmp_path, f"sqlite:///{sqlite_shop(tmp_path / 'live.db')}"), os.fsync
        path, synced = destination(one, NOW).path, []

        def seen(handle: int) -> None:
            synced.append((os.fstat(handle).st_ino, manifest_path(path).exists(), path.exists()))
            bring(handle)

        monkeypatch.setattr(os, "fsync", seen)
        assert taken(one) == path
        before = {inode for inode, manifest, backup in synced if not manifest and not backup}
        assert {path.stat().st_ino, manifest_path(path).stat().st_ino} <= before
        folder = path.parent.stat().st_ino
        assert synced[-2:] == [(folder, True, False), (folder, True, True)]

    def test_between_its_two_names_it_is_no_backup_and_is_cleared_a_day_later(
        self, still: Shop, tmp_path: Path
    ) -> None:
        one, now = target(tmp_path, still.dsn), datetime.now(UTC).replace(microsecond=0)
        path = taken(one, now - timedelta(hours=1))
        partial = path.with_name(f"{path.name}.partial")
        partial.mkdir()
        path.rename(partial / path.name)
        others = ("shop-of-may.dump.partial", "shop-x.dump.partial", f"other-{STAMP}.dump.partial", "notes.partial")
        for name in others:
            (path.parent / name).mkdir()
        assert find_backups(tmp_path, one.pattern) == ()
        taken(one, now)
        assert partial.exists() and manifest_path(path).exists()
        taken(one, now + timedelta(hours=23))
        assert partial.exists() and manifest_path(path).exists()
        taken(one, now + timedelta(hours=25))
        assert not partial.exists() and not manifest_path(path).exists()
        assert set(others) <= set(names(path.parent))

    def test_a_second_one_of_the_same_second_is_refused(self, still: Shop, tmp_path: Path) -> None:
        one = target(tmp_path, still.dsn)
        path = taken(one)
        before = path.read_bytes(), manifest_path(path).read_bytes()
        assert refusal(lambda: taken(one)) == f"{path} already exists and is not overwritten"
        assert (path.read_bytes(), manifest_path(path).read_bytes()) == before
        path.unlink()
        path.symlink_to("nothing")
        assert refusal(lambda: taken(one)) == f"{path} already exists and is not overwritten"
        path.unlink()
        path.with_name(f"{path.name}.partial").mkdir()
        assert refusal(lambda: taken(one)) == f"{path} is being written by another process"


class TestFolder:
    @pytest.mark.deep
    def test_a_full_disk(self, still: Shop, tmp_path: Path) -> None:
        reason = in_a_mount_namespace(tmp_path, still.dsn, f"mount -t tmpfs -o size=64k none {tmp_path}")
        assert reason.splitlines() == [
            "The disk became full before the backup was complete: free some space, or change pattern",
            "[]",
        ]

    @pytest.mark.deep
    def test_a_full_disk_and_an_sqlite_file(self, tmp_path: Path) -> None:
        live, small = sqlite_shop(tmp_path / "live.db"), tmp_path / "small"
        small.mkdir()
        reason = in_a_mount_namespace(small, f"sqlite:///{live}", f"mount -t tmpfs -o size=64k none {small}")
        assert "the disk is full" in reason and reason.endswith("[]\n")

    @pytest.mark.deep
    def test_one_that_may_not_be_written(self, still: Shop, tmp_path: Path) -> None:
        (tmp_path / "backups").mkdir()
        reason = in_a_mount_namespace(
            tmp_path, still.dsn, f"mount --bind {tmp_path} {tmp_path}", f"mount -o remount,bind,ro {tmp_path}"
        )
        assert reason.startswith(f"{tmp_path}/backups/shop-{STAMP}.sql cannot be written: Read-only file system\n")

    def test_one_that_is_a_file(self, still: Shop, tmp_path: Path) -> None:
        (tmp_path / "backups").write_text("is not a folder")
        reason = refusal(lambda: taken(target(tmp_path, still.dsn)))
        assert reason == f"{tmp_path}/backups/shop-{STAMP}.dump cannot be written: File exists"

    @pytest.mark.parametrize("ending", rows({ending: ending for ending in (".dump", ".dir", ".sql.gz")}, (".dump",)))
    def test_odd_names(self, still: Shop, tmp_path: Path, ending: str) -> None:
        pattern = f"--of the\nshop %s 注文/--format=x 'y' \n$(z)-*{ending}"
        one = target(tmp_path, still.dsn, pattern)
        path = taken(one)
        assert path == tmp_path / pattern.replace("*", STAMP)
        [backup] = find_backups(tmp_path, pattern)
        assert backup.path == path
        assert not_passed(drilled(one, backup)) == {}

    def test_an_absolute_pattern(self, still: Shop, tmp_path: Path) -> None:
        path = taken(target(Path("/nowhere"), still.dsn, f"{tmp_path}/a/b/shop-*.dump"))
        assert path == tmp_path / "a" / "b" / f"shop-{STAMP}.dump" and path.exists()


class TestRefused:
    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("backups/shop.dump", "its file name must have exactly one *"),
            ("backups/*-*.dump", "its file name must have exactly one *"),
            ("backups/shop-**", "its file name must have exactly one *"),
            ("backups/shop-?.dump", "its file name must have exactly one *"),
            ("backups/shop-[0-9]*.dump", "its file name must have exactly one *"),
            ("backups/.shop-*.dump", "no leading dot"),
            ("*/shop-*.dump", "its folder must not contain"),
            ("backups/shop-*.bak", "must end with .dump, .dir, .sql, .sql.gz or with the * itself"),
            ("backups/shop-*.sqlite", "PostgreSQL backups must end with"),
            ("backups/shop-*.manifest.json", "PostgreSQL backups must end with"),
        ],
    )
    def test_a_pattern_without_a_destination_is_refused(self, tmp_path: Path, pattern: str, expected: str) -> None:
        reason = refusal(lambda: taken(target(tmp_path, "postgresql://nobody@127.0.0.1:1/shop", pattern)))
        assert reason.startswith(f"shop: pattern {pattern!r}: ") and expected in reason
        assert reason.endswith(", such as backups/shop-*.dump")
        assert names(tmp_path) == []

    def test_what_cannot_be_backed_up_here(self, tmp_path: Path) -> None:
        def refusal_of(one: Target) -> str:
            return refusal(lambda: destination(one, NOW))

        managed = Target("shop", Database(name="shop", copy_command=("copy",)), tmp_path, "postgresql://x@y/z")
        assert refusal_of(managed) == "shop: it has no pattern: the snapshots of a managed database are taken elsewhere"
        assert (
            refusal_of(target(tmp_path, None)) == "shop: live is not set: give the address of the database to back up"
        )
        assert "rounds backup manifest" in refusal_of(target(tmp_path, "postgresql://x@y/z", encrypted=True))

    def test_the_time_is_of_utc(self, tmp_path: Path) -> None:
        there = NOW.astimezone(datetime.strptime("+0900", "%z").tzinfo)
        assert destination(target(tmp_path, "postgresql://x@y/z"), there).path.name == f"shop-{STAMP}.dump"


class TestSqlite:
    @pytest.mark.parametrize("ending", ["", ".sqlite", ".sqlite3", ".db"])
    def test_it_passes_a_drill(self, tmp_path: Path, ending: str) -> None:
        live = sqlite_shop(tmp_path / "live.db")
        one = target(tmp_path, f"sqlite:///{live.name}", f"backups/shop-*{ending}", content="whole")
        path = taken(one)
        assert path.name == f"shop-{STAMP}{ending or '.sqlite'}"
        assert names(path.parent) == [path.name, f"{path.name}.manifest.json"]
        assert path.stat().st_mode & 0o777 == 0o600
        [backup] = find_backups(tmp_path, one.pattern)
        assert not_passed(drilled(one, backup)) == {}
        manifest = read_manifest(path)
        assert manifest is not None and manifest.exact and manifest.tool == f"SQLite {sqlite3.sqlite_version}"

    def test_the_history_while_it_is_written(self, tmp_path: Path) -> None:
        engine = open_history("sqlite:///opsrounds.db", tmp_path)
        require_current(engine)
        engine.dispose()
        live = tmp_path / "opsrounds.db"
        backups = BackedUp(pattern="backups/shop-history-*", content="whole")
        one = Target(HISTORY, backups, tmp_path, "sqlite:///opsrounds.db")
        with closing(sqlite3.connect(live)) as connection:
            connection.execute("CREATE TABLE extra (id INTEGER PRIMARY KEY, x, at TIMESTAMP)")
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(live)], stdout=subprocess.PIPE, text=True)
        try:
            assert writer.stdout is not None and writer.stdout.readline()
            path = taken(one)
            assert writer.poll() is None
        finally:
            writer.kill()
            writer.communicate()
        manifest = read_manifest(path)
        assert manifest is not None and manifest.contents is not None
        extra = manifest.contents.table("extra")
        with closing(sqlite3.connect(live)) as connection:
            [now] = connection.execute("SELECT count(*) FROM extra").fetchone()
        assert extra is not None and 0 < extra.rows < now
        [backup] = find_backups(tmp_path, one.pattern)
        verdicts = drilled(one, backup)
        assert not_passed(verdicts) in ({}, {"counts": Status.WARN})

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        reason = refusal(lambda: taken(target(tmp_path, "sqlite:///gone.db")))
        assert reason == f"{tmp_path}/gone.db cannot be read: No such file or directory"
        assert names(tmp_path / "backups") == []

    def test_one_that_is_damaged(self, tmp_path: Path) -> None:
        live = sqlite_shop(tmp_path / "live.db")
        with live.open("r+b") as file:
            file.write(b"\0" * 100)
        reason = refusal(lambda: taken(target(tmp_path, "sqlite:///live.db")))
        assert reason == f"{live} is not an SQLite database"
        assert names(tmp_path / "backups") == []

    def test_a_pattern_of_another_kind(self, tmp_path: Path) -> None:
        reason = refusal(lambda: taken(target(tmp_path, "sqlite:///live.db", "backups/shop-*.dump")))
        assert "SQLite backups must end with .sqlite, .sqlite3, .db or with the * itself" in reason


def sqlite_shop(file: Path) -> Path:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, placed_at TIMESTAMP, note TEXT);"
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000)"
            " INSERT INTO orders SELECT i, '2026-11-24 12:00:00', 'note ' || i || hex(randomblob(20)) FROM n;"
        )
    return file


@contextmanager
def writing(shop: Shop) -> Iterator[list[int]]:
    """A session that changes rows, and counts how often."""
    stop, written = threading.Event(), [0]

    def work() -> None:
        with psycopg.connect(shop.dsn, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute("INSERT INTO audit (what, at) VALUES ('now', now())")
                connection.execute("UPDATE stock SET pieces = pieces + 1 WHERE product_id = 1")
                connection.execute("DELETE FROM documents WHERE id = (SELECT max(id) FROM documents)")
                connection.execute("INSERT INTO documents (body) VALUES ('x')")
                written[0] += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()


@contextmanager
def role(shop: Shop, name: str) -> Iterator[str]:
    """The address of a role that may only connect."""
    shop.execute(f"CREATE ROLE {name} LOGIN", f"GRANT USAGE ON SCHEMA public TO {name}")
    try:
        yield shop.dsn.replace("postgres@", f"{name}@")
    finally:
        shop.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@contextmanager
def guarded(postgres: PostgresServer, shop: Shop) -> Iterator[str]:
    """The address of a role that needs its password."""
    rules = postgres.data / "pg_hba.conf"
    trusting = rules.read_text()
    shop.execute(f"CREATE ROLE guarded LOGIN SUPERUSER PASSWORD '{SECRET}'")
    try:
        rules.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + trusting)
        shop.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)
        yield shop.dsn.replace("postgres@", "guarded:s3cr%3At%20p%40ss%2Fw%25rd@")
    finally:
        rules.write_text(trusting)
        shop.execute("SELECT pg_reload_conf()", "DROP ROLE guarded")


def command_line_of_pg_dump(database: str) -> str:
    """What everybody on this machine sees of the pg_dump of a database."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if arguments[0].endswith(b"/pg_dump") and any(database.encode() in word for word in arguments):
                return " ".join(word.decode() for word in arguments)
        time.sleep(0.02)
    raise AssertionError("no pg_dump was seen")


def sessions_after_a_while(shop: Shop) -> int:
    """How many others are connected, once the server has seen that clients are gone: who waits for a lock sees it last.

    One connection asks, as the server shows a connection for a moment after its client has closed it.
    """
    others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    until = time.monotonic() + 20
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        while True:
            [[count]] = connection.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {others}").fetchall()
            if not count or time.monotonic() > until:
                return int(count)
            time.sleep(0.1)


def in_a_mount_namespace(folder: Path, live: str, *mounts: str) -> str:
    """The error of a process that takes a backup into `folder` with mounts of its own, and what is left then."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare")
    own = [unshare, "--mount"] if os.geteuid() == 0 else [unshare, "--mount", "--map-root-user"]
    script = " && ".join((*mounts, "echo mounted", 'exec "$0" -c "$1" "$2" "$3"'))
    argv = [*own, "sh", "-c", script, sys.executable, TAKE, str(folder), live]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if not done.stdout.startswith("mounted\n"):
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    assert done.stderr == ""
    return done.stdout.removeprefix("mounted\n")


_PREPARED = """
import os, signal, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tasks.backups.settings import Database
from tasks.backups.take.take import take
from tasks.backups.targets import Target
from tasks.observation import ObservationError
folder, live = Path(sys.argv[1]), sys.argv[2]
ending = "" if live.startswith("sqlite") else ".sql"
"""
TAKE = (
    _PREPARED
    + """
one = Target("shop", Database(name="shop", pattern=f"backups/shop-*{ending}"), folder, live)
try:
    print(take(one, datetime(2026, 11, 24, 12, 30, tzinfo=UTC), (), 60.0))
except ObservationError as error:
    print(error)
print(sorted(path.name for path in (folder / "backups").iterdir()))
"""
)
# Each take is a process of its own, killed after a time between nothing and longer than one takes.
KILLED = (
    _PREPARED
    + """
one = Target("shop", Database(name="shop", pattern="backups/shop-*"), folder, live)
begun = datetime.now(UTC) - timedelta(hours=1)
def trial(number, delay_s):
    child = os.fork()
    if not child:
        try:
            take(one, begun + timedelta(seconds=number), (), 60.0)
        finally:
            os._exit(0)
    until = time.monotonic() + delay_s
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
began = time.monotonic()
trial(0, 60)
whole_s = time.monotonic() - began
for number in range(1, 25):
    trial(number, whole_s * number / 20)
"""
)
# Python reports each call that makes, renames or removes: the n-th child dies just before its n-th.
KILLED_AT_EACH_STEP = (
    _PREPARED
    + """
from itertools import count
STEPS = ("os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "shutil.rmtree")
for n in count(1):
    (folder / str(n) / "backups").mkdir(parents=True)
    child = os.fork()
    if not child:
        left = n
        def die(event, _):
            global left
            left -= event in STEPS
            if left == 0:
                left = -1  # killing is reported too
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(die)
        take(Target("shop", Database(name="shop", pattern="backups/shop-*"), folder / str(n), live),
             datetime.now(UTC), (), 60.0)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
print(n)
"""
)
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
number = 0
while True:
    number += 1
    connection.execute("INSERT INTO extra (x, at) VALUES (randomblob(300), '2026-11-24 12:00:00')")
    print(number, flush=True)
"""
