"""What a drill makes of files that nobody meant for it: each ends in a verdict or in why there is none."""

import gzip
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tasks.backups.facts import Backup, DrillVerdict
from tasks.backups.formats.sql.psql import key_of
from tasks.backups.settings import Backups
from tasks.backups.take.take import take
from tasks.check_result import Status
from tasks.processes import run
from tests.deep import rows
from tests.shop_backups import ANYWHERE, LONGEST_S, Shop, drilled, dumped, recreated, running_shop, text

ROOT = Path(__file__).parents[4]
GIGABYTE = 1_100_000_000
FIRST_LINES = b"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 16.0\n\n"
GLOBALS = b"--\n-- PostgreSQL database cluster dump\n--\n\n--\n-- PostgreSQL database cluster dump complete\n--\n"
LAST_LINES = b"\n--\n-- PostgreSQL database dump complete\n--\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("small"), rows=2_000) as running:
        yield running


@pytest.fixture(scope="module")
def sql(small: Shop) -> bytes:
    return take(small.target(small.folder / "kept/shop-*.sql"), datetime.now(UTC), (), LONGEST_S).read_bytes()


def tar(first: bytes) -> bytes:
    return first.ljust(257, b"\0") + b"ustar\x0000" + bytes(247)


# Root may read everything: another account drills, after the imports that it may not be able to do.
AS_NOBODY = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from tasks.backups.facts import Backup
from tasks.backups.settings import BackedUp, Backups
from tasks.backups.targets import Target
from tasks.backups.drill.ladder import drill
folder = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
backup = Backup(folder / "shop.dump", datetime.now(UTC), 4)
target = Target("shop", BackedUp(pattern="x"), folder, None)
found = drill(target, backup, Backups(folder=folder, isolation="if-possible"), datetime.now(UTC), 60)
print(found.steps[1].outcome, found.steps[1].reason.text.format(**found.steps[1].reason.params))
"""


@pytest.mark.deep
def test_permission_denied_is_no_verdict() -> None:
    with TemporaryDirectory(prefix="denied-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "shop.dump").write_bytes(b"PGDMP")
        (folder / "shop.dump").chmod(0)
        environment = {**os.environ, "OPSROUNDS_STATE": str(folder / "state")}
        done = run([sys.executable, "-c", AS_NOBODY, str(folder)], deadline_s=60, cwd=ROOT, env=environment)
    assert done.stdout.decode().strip() == "error shop.dump cannot be read: Permission denied", done.stderr.decode()


@pytest.mark.parametrize(
    ("content", "status", "word"),
    [
        (b"", Status.FAIL, "The file is empty"),
        (b"\x00" * 10_000, Status.FAIL, "begins with 00 00"),
        (b"just a text\n", Status.FAIL, "The file is not a backup"),
        (b'{"error": "quota exceeded"}', Status.FAIL, '{"error"'),
        (b"PGDMP", Status.FAIL, "no readable table of contents"),
        (b"\x1f\x8b", Status.FAIL, "does not contain a PostgreSQL dump"),
        (gzip.compress(b"hello"), Status.FAIL, "does not contain a PostgreSQL dump"),
        (GLOBALS, Status.UNKNOWN, "pg_dumpall --globals-only"),
        (tar(b"toc.dat"), Status.FAIL, "no readable table of contents"),
        (gzip.compress(tar(b"toc.dat")), Status.UNKNOWN, "pg_dump -Ft within gzip"),
        (gzip.compress(tar(b"notes.txt")), Status.UNKNOWN, "begins with notes.txt"),
        (gzip.compress(b"PGDMP"), Status.UNKNOWN, "within gzip"),
        (b"\x28\xb5\x2f\xfd", Status.UNKNOWN, "compressed with zstd"),
        (b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", Status.UNKNOWN, "sqlite3's .dump"),
        (b"age-encryption.org/v1\n-> X25519 abc\n", Status.UNKNOWN, "The backup is encrypted: set decrypt"),
    ],
    ids=range(15),
)
def test_what_is_no_backup(small: Shop, tmp_path: Path, content: bytes, status: Status, word: str) -> None:
    backup = tmp_path / "shop.dump"
    backup.write_bytes(content)
    found = small.drilled(backup)
    assert found.statuses["container"] is status and word in text(found.result("container").reason), found.summary()
    assert found.verdict is (DrillVerdict.FAILED if status is Status.FAIL else DrillVerdict.ERROR)


@pytest.mark.parametrize(
    ("inside", "word"),
    [
        ((), "The folder is empty"),
        (("notes.txt",), "contains neither toc.dat"),
        (("2571.dat.gz",), "contains neither toc.dat"),
    ],
)
def test_a_folder_that_is_no_backup(small: Shop, tmp_path: Path, inside: tuple[str, ...], word: str) -> None:
    backup = tmp_path / "shop.dir"
    backup.mkdir()
    for name in inside:
        (backup / name).write_text("x")
    found = drilled(
        small.target(backup),
        Backups(folder=small.drills, isolation="if-possible"),
        backup=Backup(backup, small.made_at, 1),
    )
    assert found.verdict is DrillVerdict.FAILED and word in text(found.result("container").reason), found.summary()


def test_a_postgresql_that_is_newer_than_every_one_here_is_no_verdict(small: Shop, tmp_path: Path, sql: bytes) -> None:
    backup = tmp_path / "shop.sql"
    backup.write_bytes(sql.replace(b"-- Dumped from database version 18", b"-- Dumped from database version 99"))
    found = small.drilled(backup)
    assert found.statuses["restore"] is Status.UNKNOWN and found.verdict is DrillVerdict.ERROR
    assert "needs PostgreSQL 99 or newer, but this machine has" in text(found.result("restore").reason)


@pytest.mark.parametrize("ending", rows({form: form for form in (".dump", ".dir", ".sql", ".sql.gz")}, (".sql",)))
def test_names_with_a_line_break_and_dashes_are_only_names(small: Shop, tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "--clean\n--if-exists $(id); 'x' \"y\""
    kept = take(small.target(small.folder / f"odd/shop-*{ending}"), datetime.now(UTC), (), LONGEST_S)
    folder.mkdir()
    kept.rename(folder / f"--shop\n%s {{0}} -- {ending}")
    found = small.drilled(folder / "*shop*")
    statuses = found.statuses
    unknown = {name for name, status in statuses.items() if status is Status.UNKNOWN}
    assert unknown == {"manifest", "content"} and Status.FAIL not in statuses.values(), found.summary()
    assert "\n" not in repr(found.drill.backup.path.name if found.drill.backup else "\n")


def test_a_pattern_that_names_anothers_backups(small: Shop, tmp_path: Path) -> None:
    crm = recreated(small.elsewhere, "crm")
    with psycopg.connect(crm, autocommit=True) as connection:
        connection.execute(b"CREATE TABLE leads (id serial PRIMARY KEY)")
    dumped(crm, tmp_path / "crm-shop.dump", "-Fc")
    found = small.drilled(tmp_path / "*shop.dump")
    assert found.verdict is DrillVerdict.FAILED
    assert text(found.result("container").reason) == "This is a dump of database crm, not of shop"


def bomb(file: Path, filling: bytes, *, ended: bool) -> None:
    """More than a gigabyte in a few megabytes."""
    block = filling * (10_000_000 // len(filling))
    with gzip.open(file, "wb", compresslevel=1) as packed:
        packed.write(FIRST_LINES)
        for _ in range(GIGABYTE // len(block)):
            packed.write(block)
        packed.write(LAST_LINES if ended else b"")
    assert file.stat().st_size < 10_000_000


@pytest.mark.parametrize(
    ("filling", "ended", "step", "word"),
    [
        pytest.param(b"\0", False, "decode", "NUL bytes", marks=pytest.mark.deep),
        pytest.param(b"-- \n", False, "decode", "no end mark", marks=pytest.mark.deep),
        (b"a", True, "decode", "a line of more than 1 GB"),
    ],
)
def test_a_gzip_bomb(small: Shop, tmp_path: Path, filling: bytes, ended: bool, step: str, word: str) -> None:
    backup = tmp_path / "shop.sql.gz"
    bomb(backup, filling, ended=ended)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    found = small.drilled(backup)
    assert time.monotonic() - began < 60
    assert found.verdict is DrillVerdict.FAILED and word in text(found.result(step).reason), found.summary()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.deep
def test_a_gzip_bomb_ends_with_the_time_of_the_drill(small: Shop, tmp_path: Path) -> None:
    backup = tmp_path / "shop.sql.gz"
    bomb(backup, b"-- \n", ended=True)
    roomy = ANYWHERE.model_copy(update={"folder": small.drills, "disk_factor": 100.0})  # else it ends at its bound
    began = time.monotonic()
    found = drilled(small.target(backup), roomy, longest_s=0.3)
    assert time.monotonic() - began < 10
    assert found.verdict is DrillVerdict.ERROR
    late = [taken for taken in found.drill.steps if "did not finish in time" in text(taken.reason)]
    assert late, found.summary()  # which steps: the speed of the machine decides


def before_rows(text: bytes, more: bytes) -> bytes:
    """A dump of an older pg_dump, which does not restrict psql itself, with something before the rows of a table."""
    text = re.sub(rb"^\\(un)?restrict .*\n", b"", text, flags=re.MULTILINE)
    at = text.index(ROWS)
    return text[:at] + more + text[at:]


ROWS, AT_THE_END = b"\nCOPY public.order_lines", b"\n--\n-- PostgreSQL database dump complete"
IGNORED = b"\\set ON_ERROR_STOP off\n\\set ON_ERROR_ROLLBACK on\nSELECT nothing;\n"
HIDING: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "quit at the end": (lambda sql: before_rows(sql, b"").replace(AT_THE_END, b"\\q" + AT_THE_END), "psql command"),
    "quit": (lambda sql: before_rows(sql, b"\n\\q"), "psql command"),
    "connect": (lambda sql: before_rows(sql, b"\n\\connect postgres"), "psql command"),
    "output elsewhere": (lambda sql: before_rows(sql, b"\n\\o /dev/null"), "psql command"),
    "a condition": (lambda sql: before_rows(sql, b"\n\\if 0"), "psql command"),
    "errors ignored": (lambda sql: before_rows(sql, b"\n" + IGNORED), "psql command"),
    "a shell command": (lambda sql: before_rows(sql, b"\n\\! true"), "psql command"),
    "its own restriction lifted": (lambda sql: sql.replace(ROWS, b"\n\\unrestrict " + key_of(sql) + b"\n\\q" + ROWS),
                                   "psql command"),
    "rolled back to a savepoint": (lambda sql: before_rows(sql, b"\nSAVEPOINT a;\nDELETE FROM public.audit;\n"
                                   b"ROLLBACK TO a;\n"), "ROLLBACK"),
    "a comment": (lambda sql: before_rows(sql, b"\n/* "), "unterminated"),
}  # fmt: skip


@pytest.mark.parametrize("name", rows({name: name for name in HIDING}, ("quit at the end",)))
def test_a_dump_that_hides_a_part_of_itself_from_psql(small: Shop, tmp_path: Path, sql: bytes, name: str) -> None:
    hide, word = HIDING[name]
    backup = tmp_path / "shop.sql"
    backup.write_bytes(hide(sql))
    found = small.drilled(backup)
    assert found.verdict is DrillVerdict.FAILED and word in text(found.result("restore").reason), found.summary()


WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "of an older pg_dump": lambda sql: before_rows(sql, b""),
    "within a transaction": lambda sql: (
        b"BEGIN;\n" + before_rows(sql, b"").replace(AT_THE_END, b"COMMIT;" + AT_THE_END)
    ),
    "a mark of the server": lambda sql: before_rows(
        sql, b"\nALTER TABLE ONLY public.audit ALTER COLUMN id SET (n_distinct=5, pg_attver=42);\n"
    ),
    "gzip, zeros behind it": lambda sql: gzip.compress(sql) + bytes(10_000),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.deep
def test_an_odd_dump_that_is_whole(small: Shop, tmp_path: Path, sql: bytes, name: str) -> None:
    backup = tmp_path / "shop.sql"
    backup.write_bytes(WHOLE[name](sql))
    found = small.drilled(backup)
    assert found.verdict is DrillVerdict.PASSED, found.summary()
    assert ("pg_attver" in text(found.result("restore").reason)) is (name == "a mark of the server")


@pytest.mark.parametrize("kept", rows({str(kept): kept for kept in (4, 14, 60)}, ("14",)))
def test_a_dump_that_is_cut_behind_its_end_mark(small: Shop, tmp_path: Path, sql: bytes, kept: int) -> None:
    backup = tmp_path / "shop.sql"
    backup.write_bytes(sql[: sql.rindex(b"\\unrestrict") + kept])
    found = small.drilled(backup)
    assert found.verdict is DrillVerdict.FAILED and "was truncated" in text(found.result("decode").reason)
