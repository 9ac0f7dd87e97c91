"""Manifests for backups that a team made itself."""

import gzip
import os
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tasks.backups.drill.ladder import drill
from tasks.backups.errors import BackupRefused
from tasks.backups.facts import DrillStep, Manifest, StepOutcome
from tasks.backups.files.as_written import compared
from tasks.backups.files.find import find_backups
from tasks.backups.files.manifest import hashed_files, manifest_path, read_manifest
from tasks.backups.judge.ladder import judge_ladder
from tasks.backups.settings import Database
from tasks.backups.take.describe import describe
from tasks.backups.targets import Target
from tasks.check_result import Status
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.postgres.installation import postgres_binaries
from tasks.postgres.server import PostgresServer
from tasks.processes import run
from tasks.progress import progress
from tests.deep import rows
from tests.shop_backups import ANYWHERE
from tests.shop_database import make_shop

NOW = datetime.now(UTC).replace(microsecond=0)
PATIENT_S = 120.0
FORMS = {"shop.dump": ("-Fc",), "shop.dir": ("-Fd",), "shop.sql": ("-Fp",), "shop.sql.gz": ("-Fp", "-Z6")}


@pytest.fixture(scope="module")
def live(postgres: PostgresServer) -> Iterator[str]:
    """The address of a shop that nobody changes."""
    name = f"shop_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        dsn = f"postgresql://postgres@{postgres.host}:{postgres.port}/{name}"
        with psycopg.connect(dsn, autocommit=True) as connection:
            make_shop(connection, NOW - timedelta(minutes=5), 500)
        yield dsn
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def target(folder: Path, live: str | None, pattern: str = "shop.*") -> Target:
    return Target("shop", Database(name="shop", pattern=pattern), folder, live)


def dumped(live: str, file: Path) -> Path:
    """A dump as a team makes it."""
    argv = [str(postgres_binaries() / "pg_dump"), *FORMS[file.name], f"--file={file}", f"--dbname={live}"]
    assert run(argv, deadline_s=60).returncode == 0
    return file


def described(one: Target, file: Path, started_at: datetime | None = None, **more: Any) -> Manifest:
    options = {"exact_rows": 1000, "replace": False, **more}
    path = describe(one, file, started_at, NOW, Deadline.after(PATIENT_S), **options)
    assert path == manifest_path(file)
    manifest = read_manifest(file)
    assert manifest is not None
    return manifest


def refusal(work: Callable[[], object], kind: type[Exception] = BackupRefused) -> str:
    with pytest.raises(kind) as refused:
        work()
    return str(refused.value)


@pytest.mark.parametrize("name", rows({form: form for form in FORMS}, list(FORMS)[:1]))
def test_every_form_is_hashed_and_counted_and_a_drill_takes_it(live: str, tmp_path: Path, name: str) -> None:
    file, one = dumped(live, tmp_path / name), target(tmp_path, live, name)
    manifest = described(one, file, NOW - timedelta(minutes=1))
    assert (manifest.database, manifest.exact, manifest.finished_at) == ("shop", False, NOW)
    assert manifest.started_at == NOW - timedelta(minutes=1)
    assert manifest.contents is not None and manifest.contents.content_rule == ""
    assert len(manifest.contents.tables) == 9
    compared(hashed_files(file), manifest)
    [backup] = find_backups(tmp_path, name)
    assert (backup.at, backup.known_start) == (NOW - timedelta(minutes=1), True)
    found = drill(one, backup, ANYWHERE, NOW, PATIENT_S)
    assert {step.step: step.outcome for step in found.steps} == dict.fromkeys(DrillStep, StepOutcome.PASSED)
    results = judge_ladder(one.subject, found, one.backups, (), ANYWHERE.limits, NOW)
    verdicts = {result.check: result.status for result in results}
    # Counts of another time prove no row: content is UNKNOWN, and the rest passes.
    assert verdicts.pop("backups.content") is Status.UNKNOWN
    assert set(verdicts.values()) <= {Status.PASS, Status.SKIPPED}


def test_without_a_start_it_began_when_it_was_last_written(live: str, tmp_path: Path) -> None:
    folder = dumped(live, tmp_path / "shop.dir")
    for hours, file in enumerate(sorted(folder.iterdir()), start=3):
        at_s = (NOW - timedelta(hours=hours)).timestamp()
        os.utime(file, (at_s, at_s))
    assert described(target(tmp_path, live), folder).started_at == NOW - timedelta(hours=3)


def test_without_counts_no_database_is_asked(tmp_path: Path, live: str) -> None:
    file, gone = dumped(live, tmp_path / "shop.dump"), "postgresql://nobody@127.0.0.1:1/shop"
    assert described(target(tmp_path, gone), file, exact_rows=None).contents is None
    assert described(target(tmp_path, None), file, replace=True).contents is None
    manifest_path(file).unlink()
    reason = refusal(lambda: described(target(tmp_path, gone), file), ObservationError)
    assert reason.startswith("The database refused the connection")
    assert not manifest_path(file).exists()


def test_an_sqlite_file_and_an_encrypted_backup_get_a_manifest(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("CREATE TABLE a (x); INSERT INTO a VALUES (1)")
    manifest = described(target(tmp_path, f"sqlite:///{file}"), file)
    assert manifest.tool == "SQLite" and manifest.contents is not None and manifest.contents.tables[0].rows == 1
    secret = tmp_path / "shop.dump.age"
    secret.write_bytes(b"age-encryption.org/v1\n-> X25519 abc\n")
    assert described(target(tmp_path, None), secret).tool == "encrypted"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "The file is empty"),
        (b"<html>502 Bad Gateway", "The file is not a backup"),
        (b'{"format":"opsrounds-backup/1"}', "The file is not a backup"),
        (gzip.compress(b"toc.dat".ljust(257, b"\0") + b"ustar", mtime=0), "pg_dump -Ft within gzip"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_not_a_backup_gets_no_manifest(tmp_path: Path, content: bytes | None, expected: str) -> None:
    file = tmp_path / "--shop\n.dump"
    if content is not None:
        file.write_bytes(content)
    reason = refusal(lambda: described(target(tmp_path, None), file))
    assert expected in reason and "--shop\\u000a.dump cannot get a manifest" in reason
    assert not manifest_path(file).exists()


def test_a_folder_that_is_not_a_backup_gets_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "today.txt").write_text("x")
    assert "The folder is not a backup" in refusal(lambda: described(target(tmp_path, None), tmp_path / "notes"))


def test_an_existing_manifest_is_kept_without_replace(live: str, tmp_path: Path) -> None:
    file = dumped(live, tmp_path / "shop.dump")
    described(target(tmp_path, None), file)
    before = manifest_path(file).read_bytes()
    with file.open("ab") as damaged:
        damaged.write(b"x")
    reason = refusal(lambda: described(target(tmp_path, None), file))
    assert reason == f"{file} already has a manifest: use --replace if the backup was made again"
    assert manifest_path(file).read_bytes() == before
    manifest = described(target(tmp_path, None), file, replace=True)
    assert manifest.files[0].bytes == file.stat().st_size


def test_a_start_in_the_future_is_refused(live: str, tmp_path: Path) -> None:
    file = dumped(live, tmp_path / "shop.dump")
    reason = refusal(lambda: described(target(tmp_path, None), file, NOW + timedelta(hours=1)))
    assert reason.startswith("--started: ") and reason.endswith(" is in the future")


def test_a_file_that_is_still_being_written(live: str, tmp_path: Path) -> None:
    file = dumped(live, tmp_path / "shop.sql")
    grown: list[int] = []

    def grow(_what: str, done: int, _of: int, _figures: str) -> None:
        if not grown:
            grown.append(done)
            with file.open("ab") as growing:
                growing.write(b"-- more\n")

    before = progress.set(grow)
    try:
        reason = refusal(lambda: described(target(tmp_path, None), file), ObservationError)
    finally:
        progress.reset(before)
    assert reason == f"{file} changed while it was being read: run again when it is finished"
    assert not manifest_path(file).exists()


@contextmanager
def without_root() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)  # the superuser may read everything
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_what_may_not_be_read_or_written(open_folder: Path) -> None:
    folder = open_folder / "backups"
    folder.mkdir(mode=0o755)
    file = folder / "shop.sql"
    file.write_bytes(b"--\n-- PostgreSQL database dump\n--\n")
    file.chmod(0)
    with without_root():
        assert "cannot be read: Permission denied" in refusal(lambda: described(target(folder, None), file))
    file.chmod(0o644)
    folder.chmod(0o555)
    with without_root():
        reason = refusal(lambda: described(target(folder, None), file), ObservationError)
    assert reason == f"The manifest of {file} cannot be written: Permission denied"
    folder.chmod(0o755)
