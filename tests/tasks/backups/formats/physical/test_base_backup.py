"""Base backups of real servers: verified, started and read, and all damage in them found."""

import gzip
import itertools
import os
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tasks.backups.facts import Backup, DrillVerdict
from tasks.backups.files.manifest import hashed_files
from tasks.backups.settings import BackedUp, Backups
from tasks.backups.targets import Target
from tasks.check_result import Status
from tasks.postgres.installation import Installation, installations
from tasks.sandbox import confinement
from tasks.sandbox.available import NoSandbox
from tests.any_postgres import Running, serving
from tests.deep import rows
from tests.shop_backups import Drilled, contents_of, drilled, noted, recorded, text
from tests.shop_database import TABLES, make_shop

DEBIAN = Path("/usr/lib/postgresql")
KINDS = [pytest.param("wheel"), pytest.param("Debian", marks=pytest.mark.postgresql)]
MOSTLY_WHEEL = [pytest.param("wheel"), pytest.param("Debian", marks=[pytest.mark.postgresql, pytest.mark.deep])]


@dataclass(frozen=True)
class Source:
    """A server of one installation with a shop in it, and base backups of it: a folder, tar files, one unsummed."""

    server: Running
    folder: Path
    made_at: datetime

    @property
    def checks_pages(self) -> bool:
        """Whether amcheck is there."""
        with psycopg.connect(self.server.dsn("postgres")) as connection:
            query = "SELECT FROM pg_available_extensions WHERE name = 'amcheck'"
            return connection.execute(query).fetchone() is not None

    def file_of(self, relation: str) -> str:
        """Where the rows or entries of a relation are, below the data folder."""
        with psycopg.connect(self.server.dsn("shop")) as connection:
            row = connection.execute("SELECT pg_relation_filepath(%s::regclass)", (relation,)).fetchone()
        assert row is not None
        return str(row[0])

    def copied(self, kind: str, to: Path) -> Path:
        """A copy of one of the base backups, to be damaged."""
        return shutil.copytree(self.folder / kind, to / "base")

    def drilled(self, backup: Path, drills: Path) -> Drilled:
        """A drill that knows of nothing but the backup and what is beside it."""
        target = Target("shop", BackedUp(pattern=str(backup)), backup.parent, None)
        size = sum(file.stat().st_size for file in (backup, *backup.rglob("*")) if file.is_file())
        found = Backup(backup, self.made_at, size)
        known = Backups(folder=drills, isolation="if-possible", postgres=(self.server.installation.binaries,))
        return drilled(target, known, backup=found)


def taken(server: Running, into: Path, *options: str) -> None:
    argv = [server.installation.program("pg_basebackup"), "-D", str(into), "-h", str(server.sockets), "-p", "5432"]
    done = subprocess.run(
        [*argv, "-U", "postgres", "-c", "fast", "--no-sync", *options], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def installation_of(kind: str) -> Installation:
    known = installations()
    if kind == "Debian":
        found = [one for one in known if DEBIAN in one.binaries.parents]
        if not found:
            pytest.skip("Debian's PostgreSQL is not installed")
        return found[-1]
    return next(one for one in known if one.binaries.parent.name == "pginstall")


@pytest.fixture(scope="module")
def reached() -> Iterator[Path]:
    """A folder that every account can enter, unlike those of pytest."""
    with TemporaryDirectory(prefix="opsrounds-tests-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that no other account can enter; short, since the socket of a drill's server is in it."""
    with TemporaryDirectory(prefix="d-") as folder:
        yield Path(folder)


@pytest.fixture
def drills(reached: Path) -> Path:
    return reached / "drills"


@pytest.fixture(scope="module", params=MOSTLY_WHEEL)
def source(request: pytest.FixtureRequest, reached: Path) -> Iterator[Source]:
    folder, made_at = reached / f"source-{request.param}", datetime.now(UTC)
    folder.mkdir()
    with serving(folder, installation_of(request.param)) as server:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(b"CREATE DATABASE shop TEMPLATE template0")
        with psycopg.connect(server.dsn("shop"), autocommit=True) as connection:
            make_shop(connection, made_at, rows=10_000)
        taken(server, folder / "plain")
        taken(server, folder / "tar", "-Ft", "-z")
        taken(server, folder / "unsummed", "--manifest-checksums=NONE")
        taken(server, folder / "fetched", "-Ft", "-X", "fetch")
        yield Source(server, folder, made_at)


def flip(file: Path, at: int | None = None) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    file.write_bytes(data)


def flip_that_counts(file: Path, at: int | None = None) -> None:
    """Flip a bit of a compressed file, from there on the first without which its content is another.

    Not each is: content may be copied from either of two places where it stands.
    """
    content = gzip.decompress(file.read_bytes())
    places = itertools.count(file.stat().st_size // 2 if at is None else at)
    for place in places:
        flip(file, place)
        if _content(file) != content:
            return
        flip(file, place)


def _content(file: Path) -> bytes | None:
    try:
        return gzip.decompress(file.read_bytes())
    except (OSError, EOFError, zlib.error):
        return None


def a_segment(folder: Path) -> Path:
    return next(path for path in (folder / "pg_wal").iterdir() if len(path.name) == 24)


@pytest.mark.parametrize("source", KINDS, indirect=True)
@pytest.mark.parametrize(
    "kind", [*(pytest.param(name, marks=pytest.mark.deep) for name in ("plain", "tar")), "fetched"]
)
def test_a_good_base_backup_passes(source: Source, drills: Path, tmp_path: Path, kind: str) -> None:
    backup = source.copied(kind, tmp_path)
    recorded(backup, contents_of(source.server.dsn("shop"), source.made_at), source.made_at)
    found = source.drilled(backup, drills)
    statuses = found.statuses
    assert statuses.pop("smoke") is Status.SKIPPED
    assert statuses.pop("restore") is (Status.PASS if source.checks_pages else Status.WARN)
    assert set(statuses.values()) == {Status.PASS}, found.summary()
    assert found.drill.contents is not None and len(found.drill.contents.tables) == TABLES
    assert ("pages and indexes were not checked" in text(found.result("restore").reason)) is not source.checks_pages
    assert [*drills.glob("opsrounds-drill-*")] == []


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.deep
def test_one_tar_from_stdout_passes(source: Source, drills: Path, tmp_path: Path, packed: bool) -> None:
    argv = [source.server.installation.program("pg_basebackup"), "-D", "-", "-Ft", "-X", "fetch", "-c", "fast"]
    argv += ["-h", str(source.server.sockets), "-p", "5432", "-U", "postgres", *(["-z"] if packed else [])]
    backup = tmp_path / "base"
    backup.write_bytes(subprocess.run(argv, capture_output=True, timeout=120, check=True).stdout)
    recorded(backup, contents_of(source.server.dsn("shop"), source.made_at), source.made_at)
    found = source.drilled(backup, drills)
    assert found.statuses["restore"] is (Status.PASS if source.checks_pages else Status.WARN), found.summary()
    backup.write_bytes(backup.read_bytes()[:-200_000])
    assert source.drilled(backup, drills).verdict is DrillVerdict.FAILED


@pytest.mark.postgresql
def test_debians_programs_check_pages() -> None:
    installation = installation_of("Debian")
    assert Path(installation.program("pg_amcheck")).exists()


FAULTS: dict[str, tuple[str, str, str, Callable[[Source, Path], None]]] = {
    "a byte of a table": ("plain", "decode", "checksum mismatch", lambda s, f: flip(f / s.file_of("orders"))),
    "a missing table": ("plain", "decode", "is present in the manifest but not on disk",
                        lambda s, f: (f / s.file_of("orders")).unlink()),
    "a table cut short": ("plain", "decode", "has size", lambda s, f: (f / s.file_of("orders")).write_bytes(b"")),
    "a missing WAL segment": ("plain", "decode", "WAL", lambda s, f: a_segment(f).unlink()),
    "a byte of the WAL": ("plain", "decode", "WAL", lambda s, f: flip(a_segment(f), 40)),
    "a file too many": ("plain", "decode", "is present on disk but not in the manifest",
                        lambda s, f: (f / "base/1/99999").write_bytes(b"0")),
    "another backup_manifest": ("plain", "decode", "manifest", lambda s, f: flip(f / "backup_manifest")),
    "no control file": ("plain", "decode", "pg_control", lambda s, f: (f / "global/pg_control").unlink()),
    "no version": ("plain", "container", "PG_VERSION", lambda s, f: (f / "PG_VERSION").write_bytes(b"")),
    "tar, cut in half": ("tar", "decode", "tar file", lambda s, f: (f / "base.tar.gz").write_bytes(
                         (f / "base.tar.gz").read_bytes()[: (f / "base.tar.gz").stat().st_size // 2])),
    "tar, a bit": ("tar", "decode", "", lambda s, f: flip_that_counts(f / "base.tar.gz")),
    "tar, no WAL": ("tar", "decode", "pg_wal.tar is missing", lambda s, f: (f / "pg_wal.tar.gz").unlink()),
}  # fmt: skip
OF_EACH_CLASS = (
    "a byte of a table",
    "a missing WAL segment",
    "a file too many",
    "no version",
    "tar, a bit",
    "tar, no WAL",
)


@pytest.mark.parametrize("source", KINDS[:1], indirect=True)
@pytest.mark.parametrize("name", rows({name: name for name in FAULTS}, OF_EACH_CLASS))
def test_damage_after_the_backup_is_found_by_its_own_manifest(
    source: Source, drills: Path, tmp_path: Path, name: str
) -> None:
    kind, step, word, damage = FAULTS[name]
    backup = source.copied(kind, tmp_path)
    damage(source, backup)
    found = source.drilled(backup, drills)
    first = found.first(Status.FAIL)
    noted(f"pg_basebackup: {name}", f"PostgreSQL {source.server.installation.version}", first)
    assert first is not None and first.check == f"backups.{step}" and word in text(first.reason), found.summary()
    assert found.verdict is DrillVerdict.FAILED


@pytest.mark.parametrize("kind", ["plain", "tar"])
def test_without_backup_manifest_there_is_no_verdict(source: Source, drills: Path, tmp_path: Path, kind: str) -> None:
    backup = source.copied(kind, tmp_path)
    (backup / "backup_manifest").unlink()
    found = source.drilled(backup, drills)
    noted("pg_basebackup: no backup_manifest", kind, found.result("container"))
    assert found.statuses["container"] is Status.UNKNOWN and found.verdict is DrillVerdict.ERROR
    assert "has no backup_manifest: take it without --no-manifest" in text(found.result("container").reason)


@pytest.mark.parametrize("source", KINDS, indirect=True)
def test_an_index_that_was_broken_before_the_backup_is_found_by_amcheck(
    source: Source, drills: Path, tmp_path: Path
) -> None:
    backup = source.copied("unsummed", tmp_path)
    page = 8192
    with (backup / source.file_of("orders_pkey")).open("r+b") as index:
        index.seek(page * 2 - 1024)
        index.write(bytes(512))  # entries of the first leaf
    found = source.drilled(backup, drills)
    noted("an index page, broken before the backup", source.server.installation.version, found.result("restore"))
    if not source.checks_pages:
        assert found.statuses["restore"] is Status.WARN
        assert "pages and indexes were not checked" in text(found.result("restore").reason)
        return
    assert found.statuses["restore"] is Status.FAIL, found.summary()
    assert "amcheck found damage" in text(found.result("restore").reason)
    assert "orders_pkey" in text(found.result("restore").reason), found.summary()


def test_a_table_that_was_broken_before_the_backup_is_found(source: Source, drills: Path, tmp_path: Path) -> None:
    backup = source.copied("unsummed", tmp_path)
    with (backup / source.file_of("payments")).open("r+b") as table:
        table.write(b"\xff" * 24)  # the head of the first page
    found = source.drilled(backup, drills)
    noted("a table's page, broken before the backup", source.server.installation.version, found.result("restore"))
    assert found.statuses["restore"] is Status.FAIL and found.verdict is DrillVerdict.FAILED, found.summary()
    assert "invalid page" in text(found.result("restore").reason), found.summary()


@pytest.mark.deep
def test_a_catalogue_that_was_broken_before_the_backup_is_a_bad_backup(
    source: Source, drills: Path, tmp_path: Path
) -> None:
    backup = source.copied("unsummed", tmp_path)
    for relation in ("pg_catalog.pg_attribute", "pg_catalog.pg_class"):
        with (backup / source.file_of(relation)).open("r+b") as table:
            table.write(b"\xff" * 24)
    found = source.drilled(backup, drills)
    assert found.statuses["restore"] is Status.FAIL and found.verdict is DrillVerdict.FAILED, found.summary()


def test_only_its_own_version_restores_it(source: Source, drills: Path, tmp_path: Path) -> None:
    backup = source.copied("plain", tmp_path)
    (backup / "PG_VERSION").write_text("99\n")
    found = source.drilled(backup, drills)
    assert found.statuses["decode"] is Status.UNKNOWN and found.verdict is DrillVerdict.ERROR
    assert "needs PostgreSQL 99, but this machine has" in text(found.result("decode").reason)


@pytest.mark.deep
def test_a_backup_without_the_expected_database_fails(source: Source, drills: Path, tmp_path: Path) -> None:
    backup = source.copied("plain", tmp_path)
    contents = contents_of(source.server.dsn("shop"), source.made_at)
    recorded(backup, replace(contents, database="crm"), source.made_at)
    found = source.drilled(backup, drills)
    assert found.statuses["restore"] is Status.FAIL and found.verdict is DrillVerdict.FAILED
    assert "does not contain database crm; it contains postgres, shop" in text(found.result("restore").reason)


@pytest.mark.deep
def test_a_backup_that_keeps_its_wal_behind_a_link_is_refused(source: Source, drills: Path, tmp_path: Path) -> None:
    taken(source.server, tmp_path / "linked", f"--waldir={tmp_path / 'wal'}")
    assert (tmp_path / "linked/pg_wal").is_symlink()
    before, owners = hashed_files(tmp_path / "wal"), {path.stat().st_uid for path in (tmp_path / "wal").iterdir()}
    found = source.drilled(tmp_path / "linked", drills)
    assert found.statuses["container"] is Status.FAIL and found.verdict is DrillVerdict.FAILED, found.summary()
    assert "pg_wal in the backup is a link" in text(found.result("container").reason)
    assert hashed_files(tmp_path / "wal") == before
    assert {path.stat().st_uid for path in (tmp_path / "wal").iterdir()} == owners


@pytest.mark.deep
def test_the_embedded_18_cannot_verify_and_the_reason_names_one_that_can(tmp_path: Path) -> None:
    installation = next(one for one in installations() if one.binaries.parent.name == "pginstall18")
    folder = tmp_path / "source18"
    folder.mkdir()
    with serving(folder, installation) as server:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            make_shop(connection, datetime.now(UTC), rows=2_000)
        taken(server, folder / "plain")
        found = Source(server, folder, datetime.now(UTC)).drilled(folder / "plain", tmp_path)
    decode = found.result("decode")
    if decode.status is Status.PASS:  # a later wheel
        assert found.statuses["restore"] in (Status.PASS, Status.WARN), found.summary()
        return
    assert decode.status is Status.UNKNOWN and found.verdict is DrillVerdict.ERROR, found.summary()
    assert "pg_verifybackup cannot be started on this machine (signal 11): set [backups] postgres" in text(
        decode.reason
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the account of its server")
def test_a_folder_that_the_account_of_a_drill_cannot_enter_is_no_verdict(
    source: Source, tmp_path: Path, closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confinement, "usable_bwrap", _refused)
    found = source.drilled(source.copied("plain", tmp_path), closed)
    assert found.statuses["decode"] is Status.UNKNOWN and found.verdict is DrillVerdict.ERROR
    assert "set [backups] folder to one that every user may enter" in text(found.result("decode").reason)


def _refused(_: object) -> Path:
    raise NoSandbox("not today")


@pytest.mark.deep
def test_a_bit_in_any_part_of_a_tar_file_makes_a_bad_backup(source: Source, drills: Path, tmp_path: Path) -> None:
    backup = source.copied("tar", tmp_path)
    whole = (backup / "base.tar.gz").read_bytes()
    for part in range(10, 100, 20):
        (backup / "base.tar.gz").write_bytes(whole)
        flip_that_counts(backup / "base.tar.gz", len(whole) * part // 100)
        found = source.drilled(backup, drills)
        assert found.verdict is DrillVerdict.FAILED, (part, found.summary())
