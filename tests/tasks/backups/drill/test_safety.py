"""What a drill must never do: touch the live database, leave something behind, be reached, or reveal a row."""

import os
import random
import re
import signal
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tasks.backups.drill.folder import PREFIX, drill_folder
from tasks.backups.facts import DrillVerdict, StepOutcome
from tasks.backups.settings import Backups
from tasks.backups.take.take import take
from tasks.check_result import Status
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.postgres.installation import postgres_binaries
from tests.killed_drills import Driller, at_work_in, drilling, eventually_none_at_work_in, folders, killed
from tests.shop_backups import LONGEST_S, Shop, contents_of, drilled, recorded, running_shop, text

# Statements that write nothing, by their first words.
READS = re.compile(
    r"(BEGIN|SELECT|WITH|SET|SHOW|ROLLBACK|COMMIT|SAVEPOINT|RELEASE|DISCARD|DEALLOCATE)\b", re.IGNORECASE
)


@pytest.fixture(scope="module")
def driller() -> Iterator[Driller]:
    with drilling() as made:
        yield made


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A small shop whose server writes down every statement."""
    with running_shop(tmp_path_factory.mktemp("small"), rows=20_000) as running:
        with psycopg.connect(running.server.dsn, autocommit=True) as connection:
            connection.execute(b"ALTER SYSTEM SET log_line_prefix = '%u '")
            connection.execute(b"ALTER ROLE watcher SET log_statement = 'all'")
            connection.execute(b"SELECT pg_reload_conf()")
        yield running


@pytest.fixture(scope="module")
def backup(small: Shop) -> Path:
    return take(small.target(small.folder / "kept/shop-*.dump"), datetime.now(UTC), (), LONGEST_S)


def statements(shop: Shop) -> list[str]:
    """What the live role has asked of the server so far."""
    log = (shop.server.data.parent / "postgres.log").read_text(encoding="utf-8", errors="replace")
    return re.findall(r"^watcher LOG:  (?:statement|execute [^:]*): (.*(?:\n\t.*)*)", log, re.MULTILINE)


def test_the_live_database_is_only_read(small: Shop, backup: Path) -> None:
    before, already = contents_of(small.owner, datetime.now(UTC)), len(statements(small))
    assert small.drilled(backup).verdict is DrillVerdict.PASSED
    asked = statements(small)[already:]
    assert len(asked) > 20 and any("public" in statement for statement in asked)
    assert [statement for statement in asked if not READS.match(statement.strip())] == []
    after = contents_of(small.owner, datetime.now(UTC))
    assert replace(after, bytes=0) == replace(before, bytes=0)
    with psycopg.connect(small.live) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM orders")


@pytest.mark.deep
def test_a_drill_while_the_live_database_is_written_to(small: Shop, backup: Path) -> None:
    ended = threading.Event()
    written = []

    def write() -> None:
        with psycopg.connect(small.owner, autocommit=True) as connection:
            while not ended.is_set():
                connection.execute("INSERT INTO audit (what, at) VALUES ('written during a drill', clock_timestamp())")
                connection.execute("UPDATE stock SET pieces = pieces + 1 WHERE product_id = 7")
                written.append(1)
                time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = small.drilled(backup)
    finally:
        ended.set()
        writer.join()
    assert len(written) > 20
    statuses = found.statuses
    assert statuses.pop("smoke") is Status.SKIPPED and set(statuses.values()) == {Status.PASS}, found.summary()


@pytest.mark.parametrize("kills", [1, pytest.param(12, marks=pytest.mark.deep)])
@pytest.mark.usefixtures("sandbox")
def test_killed_at_any_moment_it_leaves_no_program_and_the_next_one_clears_up(
    small: Shop, backup: Path, driller: Driller, kills: int
) -> None:
    drills, moments = small.folder / f"k{kills}", random.Random(4711)
    left_folders = 0
    for number in range(kills):
        # However busy the machine is, the first one is at work.
        after_s = number * moments.random() * 3.0 / kills if number else 1.0
        left = killed(driller, small, backup, drills, after_s)
        assert left.programs == (), after_s
        left_folders += left.folders
    assert left_folders > 0
    found = drilled(small.target(backup), Backups(folder=drills, isolation="if-possible"))
    assert found.verdict is DrillVerdict.PASSED, found.summary()
    assert folders(drills) == [] and at_work_in(drills) == {}


@pytest.mark.deep
def test_two_drills_at_once_the_second_waits(small: Shop, backup: Path, driller: Driller) -> None:
    drills = small.folder / "two"
    driller.begin(small, backup, drills)
    until = time.monotonic() + 30
    while not [*drills.glob(f"{PREFIX}*/drill.json")] and time.monotonic() < until:
        time.sleep(0.01)
    with (
        pytest.raises(
            ObservationError,
            match=r"Another restore drill has been running in .*two since 20\d\d-\d\d-\d\dT\d\d:\d\dZ",
        ),
        drill_folder(drills, Deadline.after(10), wait_s=0.1),
    ):
        pass
    found = drilled(small.target(backup), Backups(folder=drills, isolation="if-possible"))
    assert found.verdict is DrillVerdict.PASSED and driller.ended() == 0
    assert folders(drills) == []


def test_a_second_drill_that_waits_too_long_names_the_first(small: Shop, backup: Path) -> None:
    with drill_folder(small.drills, Deadline.after(60)):
        # Without a live database, which takes its time to be read on a busy machine.
        found = small.drilled(backup, live=False, longest_s=2.0)
    assert found.verdict is DrillVerdict.ERROR
    assert found.statuses["container"] is Status.UNKNOWN
    assert "Another restore drill has been running" in text(found.result("container").reason)


def test_the_copy_is_reached_by_nobody_else_and_is_gone_afterwards(small: Shop, backup: Path, driller: Driller) -> None:
    drills = small.folder / "alone"
    child = driller.begin(small, backup, drills)
    modes, listening, sockets, networks = set(), set(), set(), set()
    while Path(f"/proc/{child}").exists():
        for folder in folders(drills):
            with suppress(OSError):
                modes |= {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "server")}
                sockets |= {path.name for path in (folder / "server").glob(".s.PGSQL.*")}
        for process, name in at_work_in(drills).items():
            if name == "postgres":
                with suppress(OSError):
                    listening |= listeners(process)
                    networks.add((Path("/proc") / str(process) / "ns/net").readlink())
        time.sleep(0.002)
    assert driller.ended() == 0 and modes == {0o700}
    assert ".s.PGSQL.5432" in sockets
    assert networks and Path("/proc/self/ns/net").readlink() not in networks
    assert listening == set()
    assert folders(drills) == [] and at_work_in(drills) == {}


def listeners(pid: int) -> set[str]:
    """The TCP sockets that are listened on where a process is."""
    rows = [
        line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()
    ]
    return {row[1] for row in rows if row[3] == "0A"}


@pytest.mark.deep
def test_no_row_value_is_in_the_results_of_a_drill(small: Shop, backup: Path) -> None:
    found = small.drilled(backup, invariants=[{"name": "few", "sql": "SELECT email FROM customers LIMIT 1", "max": 1}])
    output = repr(found.drill) + repr(found.ladder)
    assert "customers" in output and "The SQL statement does not return a number" in output
    assert "@example.test" not in output and "supplier 7" not in output and "sku-" not in output
    assert small.live not in output


def test_a_value_that_breaks_the_restore_is_not_repeated(small: Shop) -> None:
    kept = take(small.target(small.folder / "broken/shop-*.sql"), datetime.now(UTC), (), LONGEST_S)
    kept.write_bytes(kept.read_bytes().replace(b"\tc77@example.test\t", b"\tc78@example.test\t"))
    found = small.drilled(kept)
    output = repr(found.drill) + repr(found.ladder)
    assert found.statuses["restore"] is Status.FAIL and "customers_email_key" in output
    assert "@example.test" not in output
    kept.write_bytes(
        kept.read_bytes().replace(b"c78@example.test\tcustomer 77\t", b"c77@example.test\tcustomer 77\tMaria ")
    )
    found = small.drilled(kept)
    output = repr(found.drill) + repr(found.ladder)
    assert found.statuses["restore"] is Status.FAIL and "invalid input syntax" in output
    assert "Maria" not in output


def test_too_little_disk_gives_no_verdict_and_the_space_needed(small: Shop, backup: Path, tmp_path: Path) -> None:
    copy = tmp_path / backup.name
    copy.write_bytes(backup.read_bytes())
    recorded(copy, replace(contents_of(small.live, small.made_at), bytes=10**15), small.made_at)
    found = small.drilled(copy, live=False)
    assert found.verdict is DrillVerdict.ERROR and found.statuses["restore"] is Status.UNKNOWN
    reason = text(found.result("restore").reason)
    assert re.search(r"Not enough disk space .* 1300000\.\d+ GB needed, [\d.]+ GB free; set \[backups\] folder", reason)
    assert folders(small.drills) == []


@pytest.mark.parametrize("longest_s", [0.05, 0.5, pytest.param(1.0, marks=pytest.mark.deep)])
def test_no_time_left_is_no_verdict(small: Shop, backup: Path, longest_s: float) -> None:
    began = time.monotonic()
    found = small.drilled(backup, longest_s=longest_s)
    assert time.monotonic() - began < longest_s + 30  # a busy machine's; it would go on for minutes
    assert found.verdict is DrillVerdict.ERROR, found.summary()
    assert Status.FAIL not in found.statuses.values(), found.summary()
    late = next(step for step in found.drill.steps if step.outcome is StepOutcome.ERROR)
    assert "did not finish in time" in text(late.reason), found.summary()
    assert folders(small.drills) == [] and at_work_in(small.drills) == {}


def test_only_what_a_drill_made_is_cleared(tmp_path: Path) -> None:
    empty, marked, others = (tmp_path / f"{PREFIX}{name}" for name in ("empty", "marked", "others"))
    for folder in (empty, marked, others):
        folder.mkdir()
    (marked / "drill.json").write_text("{}")
    (others / "letters.txt").write_text("not of a drill")
    (tmp_path / f"{PREFIX}link").symlink_to(others)
    with drill_folder(tmp_path, Deadline.after(10)) as own:
        assert {path.name for path in tmp_path.glob(f"{PREFIX}*")} == {own.name, others.name, f"{PREFIX}link"}
    assert (others / "letters.txt").exists()


def test_a_folder_that_cannot_be_used_is_no_verdict(small: Shop, backup: Path) -> None:
    found = drilled(small.target(backup), Backups(folder=backup / "below a file", isolation="if-possible"))
    assert found.verdict is DrillVerdict.ERROR
    assert "cannot be used: Not a directory" in text(found.result("container").reason)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the account of its server")
@pytest.mark.deep
def test_programs_that_only_root_reaches_restore_and_do_not_outlive_a_kill(
    small: Shop, backup: Path, driller: Driller
) -> None:
    package = postgres_binaries().parent.parent
    with TemporaryDirectory(prefix="private-") as private, TemporaryDirectory(prefix="reached-") as reached:
        for source in (package, package.with_name(f"{package.name}.libs")):
            Path(private, source.name).symlink_to(source)
        binaries = Path(private, package.name, postgres_binaries().parent.name, "bin")
        drills = Path(reached, "drills")
        child = driller.begin(small, backup, drills, binaries)
        until = time.monotonic() + 60
        while "postgres" not in at_work_in(drills).values() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        assert driller.ended() == -signal.SIGKILL
        assert eventually_none_at_work_in(drills) == {}
        found = drilled(small.target(backup), Backups(folder=drills, isolation="if-possible", postgres=(binaries,)))
        assert found.verdict is DrillVerdict.PASSED, found.summary()
        assert folders(drills) == []
