"""Copies of managed databases: made, read and dropped by commands of the team's, and never the live one."""

import json
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tasks import secrets
from tasks.backups.drill.managed import drill_managed
from tasks.backups.facts import Drill, DrillStep, DrillVerdict, StepOutcome
from tasks.backups.judge.ladder import judge_ladder, verdict_of
from tasks.backups.limits import BackupLimits
from tasks.backups.settings import Backups, Database
from tasks.backups.targets import Target, invariants_of
from tasks.check_result import CheckResult, Message, Status, Table
from tasks.observation import ObservationError, Unobserved
from tasks.postgres.server import PostgresServer
from tasks.secrets import masked
from tests.shop_database import TABLES, make_shop

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
TAKEN_AT = NOW - timedelta(minutes=30)
PATIENT_S = 120.0
PASSWORD = "hush-hush-0815"
PRINTED = f'print(ADDRESS)\nprint("{TAKEN_AT.isoformat()}")\n'

# What a team would write for its provider: a snapshot is restored, its address and its time are printed.
COPY = """
import json, sys
import psycopg
admin, live, copy, statements = json.loads(sys.argv[1])
ADDRESS = admin.rpartition("/")[0].replace("postgres@", "postgres:%s@") + "/" + copy
with psycopg.connect(admin, autocommit=True) as connection:
    connection.execute(f"CREATE DATABASE {copy} TEMPLATE {live}")
with psycopg.connect(ADDRESS, autocommit=True) as connection:
    for statement in statements:
        connection.execute(statement)
"""
DROP = """
import os, sys
from pathlib import Path
import psycopg
with Path("dropped").open("a") as log:
    log.write(os.environ["OPSROUNDS_COPY"] + "\\n")
place, _, copy = os.environ["OPSROUNDS_COPY"].rpartition("/")
with psycopg.connect(place + "/postgres", autocommit=True) as connection:
    connection.execute(f"DROP DATABASE {copy} WITH (FORCE)")
"""


@dataclass
class Managed:
    """A shop somewhere else, and the commands that copy it."""

    server: PostgresServer
    folder: Path
    live: str
    copy: str
    statements: list[str] = field(default_factory=list)
    copying: str = COPY % PASSWORD + PRINTED
    dropping: str = DROP
    settings: dict[str, Any] = field(default_factory=dict)

    def address(self, database: str, host: str = "") -> str:
        return f"postgresql://postgres@{host or self.server.host}:{self.server.port}/{database}"

    @property
    def printed(self) -> str:
        """The address of the copy as the command prints it."""
        return self.address(self.copy).replace("postgres@", f"postgres:{PASSWORD}@")

    @property
    def target(self) -> Target:
        (self.folder / "snapshot.py").write_text(self.copying)
        (self.folder / "discard.py").write_text(self.dropping)
        arguments = json.dumps([self.server.dsn, self.live, self.copy, self.statements])
        commands = {
            "copy_command": (sys.executable, "snapshot.py", arguments),
            "drop_command": (sys.executable, "discard.py"),
        }
        return Target(
            "shop",
            Database.model_validate({"name": "shop", **commands, **self.settings}),
            self.folder,
            self.address(self.live),
        )

    def prints(self, *lines: str) -> None:
        """The command makes nothing, and prints this."""
        self.copying = "".join(f"print({line!r})\n" for line in lines)

    def dropped(self) -> list[str]:
        log = self.folder / "dropped"
        return log.read_text().splitlines() if log.exists() else []

    def is_there(self, database: str) -> bool:
        with psycopg.connect(self.server.dsn) as connection:
            row = connection.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [database]).fetchone()
            return row == (1,)


@dataclass(frozen=True)
class Drilled:
    drill: Drill
    ladder: tuple[CheckResult, ...]

    @property
    def statuses(self) -> dict[str, Status]:
        return {result.check.removeprefix("backups."): result.status for result in self.ladder}

    @property
    def verdict(self) -> DrillVerdict:
        return verdict_of(self.ladder)

    @property
    def not_passed(self) -> dict[str, str]:
        """The results of every other step."""
        left = (result for result in self.ladder if result.status is not Status.PASS)
        return {result.check.removeprefix("backups."): f"{result.status}: {reason_text(result)}" for result in left}

    def why(self, check: str) -> str:
        return reason_text(next(result for result in self.ladder if result.check == f"backups.{check}"))


@pytest.fixture(autouse=True)
def own_secrets() -> Iterator[None]:
    before = frozenset(secrets._resolved)
    yield
    secrets._resolved.intersection_update(before)


@pytest.fixture(scope="module")
def live(postgres: PostgresServer) -> Iterator[str]:
    """A shop that nobody is connected to, so that it can be copied."""
    with database(postgres) as name:
        with psycopg.connect(f"{postgres.dsn.rpartition('/')[0]}/{name}", autocommit=True) as connection:
            make_shop(connection, TAKEN_AT - timedelta(minutes=1), rows=2000)
        yield name


@pytest.fixture
def shop(postgres: PostgresServer, live: str, tmp_path: Path) -> Iterator[Managed]:
    copy = f"copy_{uuid.uuid4().hex[:12]}"
    yield Managed(postgres, tmp_path, live, copy)
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)".encode())


@contextmanager
def database(postgres: PostgresServer) -> Iterator[str]:
    name = f"shop_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def reason_text(result: CheckResult) -> str:
    return str(ObservationError(result.reason))


def drilled(shop: Managed, longest_s: float = PATIENT_S) -> Drilled:
    target = shop.target
    drill = drill_managed(target, Backups(), NOW, longest_s)
    ladder = judge_ladder(target.subject, drill, target.backups, invariants_of(target), BackupLimits(), NOW)
    return Drilled(drill, ladder)


def refused(shop: Managed, longest_s: float = PATIENT_S) -> str:
    """Why a drill gave no verdict; nothing came out of it."""
    done = drilled(shop, longest_s)
    assert set(done.statuses.values()) <= {Status.UNKNOWN, Status.SKIPPED}, done.not_passed
    assert done.verdict is DrillVerdict.ERROR
    assert done.drill.contents is None and done.drill.answers == () and done.drill.smoke is None
    return done.why("restore")


class TestGood:
    @pytest.mark.usefixtures("sandbox")
    def test_everything_passes_and_the_copy_is_dropped(self, shop: Managed) -> None:
        smoke = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']).execute('SELECT 1 FROM orders')"
        shop.settings = {
            "smoke": (sys.executable, "-c", smoke),
            "invariants": [{"name": "orders", "sql": "SELECT count(*) FROM orders", "min": 600, "max": 600}],
        }
        done = drilled(shop)
        no_hashes = "SKIPPED: Managed database: no row hashes are recorded for its snapshots"
        assert done.not_passed == {"content": no_hashes}
        assert set(done.statuses) == {
            "restore", "schema", "counts", "content", "invariants", "newest-row", "smoke"
        }  # fmt: skip
        assert done.verdict is DrillVerdict.PASSED
        drill = done.drill
        assert drill.contents is not None and len(drill.contents.tables) == TABLES
        assert drill.backup is not None and drill.backup.at == TAKEN_AT and drill.backup.bytes == drill.contents.bytes
        assert drill.contents.database == shop.copy and drill.server_version.startswith("18.")
        step = drill.step(DrillStep.RESTORE)
        assert step is not None and drill.recovery_s is not None
        assert 0 < step.seconds < drill.recovery_s < drill.seconds
        assert done.why("restore") == "copy_command restored a copy as of 2026-11-24T12:00Z"
        assert shop.dropped() == [shop.printed] and not shop.is_there(shop.copy)
        assert drill.left_over is None

    @pytest.mark.usefixtures("sandbox")
    def test_the_password_of_the_copy_is_never_shown(self, shop: Managed) -> None:
        shop.dropping = "import sys; sys.exit('cannot drop ' + __import__('os').environ['OPSROUNDS_COPY'])"
        smoke = "import os, sys; sys.exit('no login at ' + os.environ['DATABASE_URL'])"
        shop.settings = {"smoke": (sys.executable, "-c", smoke)}
        done = drilled(shop)
        assert done.why("smoke").startswith("The smoke test ended with exit status 1: no login at ")
        assert PASSWORD not in repr(done)
        assert masked({"text": [f"could not log in with {PASSWORD}"]}) == {"text": ["could not log in with ••••••"]}
        assert PASSWORD not in masked(shop.printed)

    def test_a_password_behind_a_question_mark_is_one_too(self, shop: Managed) -> None:
        shop.prints(f"{shop.address('nowhere')}?password={PASSWORD}&application_name=copies", "2026-11-24T12:00:00Z")
        assert PASSWORD not in repr(drilled(shop))
        assert masked(f"{PASSWORD} of copies") == "•••••• of copies"

    def test_a_time_with_a_space_is_one_too(self, shop: Managed) -> None:
        shop.copying = COPY % PASSWORD + 'print(ADDRESS)\nprint("2026-11-24 21:00:00+09")\nprint("thank you")\n'
        backup = drilled(shop).drill.backup
        assert backup is not None and backup.at == TAKEN_AT

    def test_a_program_beside_the_service_file(self, shop: Managed) -> None:
        target = shop.target
        script = shop.folder / "bin" / "copy"
        script.parent.mkdir()
        script.write_text(f"#!{sys.executable}\nprint('{shop.address('nowhere')}')\nprint('soon')\n")
        script.chmod(0o700)
        backups = target.backups.model_copy(update={"copy_command": ("bin/copy",), "drop_command": ("./nothing",)})
        drill = drill_managed(Target("shop", backups, shop.folder, None), Backups(), NOW, PATIENT_S)
        [step] = drill.steps
        assert str(ObservationError(step.reason)).startswith("copy_command must print postgresql://… and a time")


class TestBad:
    def test_a_table_that_is_lost(self, shop: Managed) -> None:
        shop.statements = ["DROP TABLE stock"]
        done = drilled(shop)
        assert done.statuses["schema"] is Status.FAIL and "stock" in done.why("schema")
        assert done.verdict is DrillVerdict.FAILED
        assert not shop.is_there(shop.copy)

    def test_rows_that_are_lost(self, shop: Managed) -> None:
        shop.statements = ["DELETE FROM payments"]
        done = drilled(shop)
        assert done.statuses["counts"] is Status.FAIL and "payments" in done.why("counts")

    def test_an_old_snapshot_that_calls_itself_new(self, shop: Managed) -> None:
        tables = {"orders": "placed_at", "payments": "paid_at", "customers": "created_at", "audit": "at"}
        shop.statements = [f"UPDATE {table} SET {column} = {column} - interval '3 days'"
                           for table, column in {**tables, "products": "changed_at"}.items()]  # fmt: skip
        done = drilled(shop)
        assert done.statuses["newest-row"] is Status.FAIL
        assert done.verdict is DrillVerdict.FAILED

    def test_orphaned_rows_are_found(self, shop: Managed) -> None:
        shop.statements = ["SET session_replication_role = replica", "DELETE FROM suppliers WHERE id = 1"]
        done = drilled(shop)
        assert done.statuses["invariants"] is Status.FAIL and "products" in done.why("invariants")

    def test_damage_in_the_copy_is_a_failure_and_no_missing_observation(self, shop: Managed) -> None:
        damage = f"""
from pathlib import Path
with psycopg.connect(admin, autocommit=True) as connection:  # its pages are forgotten by the server
    connection.execute("ALTER DATABASE {shop.copy} RENAME TO {shop.copy}_x")
    connection.execute("CREATE DATABASE {shop.copy} TEMPLATE {shop.copy}_x STRATEGY file_copy")
    connection.execute("DROP DATABASE {shop.copy}_x")
with psycopg.connect(ADDRESS, autocommit=True) as connection:
    [file] = connection.execute("SELECT pg_relation_filepath('documents')").fetchone()
with Path({str(shop.server.data)!r}, file).open("r+b") as opened:
    opened.seek(100)
    opened.write(b"damage" * 100)
"""
        shop.copying = COPY % PASSWORD + damage + PRINTED
        done = drilled(shop)
        assert done.statuses["restore"] is Status.FAIL, done.why("restore")
        assert done.why("restore").startswith("The restored database cannot be read: invalid page in block 0")
        assert done.verdict is DrillVerdict.FAILED and done.drill.contents is None
        assert done.drill.backup is not None and not shop.is_there(shop.copy)


class TestNeverTheLiveOne:
    @pytest.mark.parametrize(
        "address",
        [
            "postgresql://postgres@127.0.0.1:{port}/{name}",
            "postgresql://postgres@localhost:{port}/{name}",
            "postgresql://other@127.0.0.1:{port}/{name}?user=postgres&connect_timeout=9",
            "postgresql://postgres@/{name}?host=nowhere.invalid,127.0.0.1&port={port},{port}",
        ],
    )
    def test_its_address_is_refused_and_nothing_is_read_or_dropped(self, shop: Managed, address: str) -> None:
        shop.prints(address.format(port=shop.server.port, name=shop.live), TAKEN_AT.isoformat())
        shop.settings = {"smoke": ("touch", "smoked")}
        assert refused(shop) == "The copy has the address of the live database, which a restore drill never touches"
        assert shop.dropped() == [] and shop.is_there(shop.live) and not (shop.folder / "smoked").exists()

    def test_its_address_is_refused_even_if_the_command_failed_after_printing_it(self, shop: Managed) -> None:
        shop.prints(shop.address(shop.live))
        shop.copying += "import sys; sys.exit('ERROR: no snapshot')"
        assert refused(shop) == "copy_command ended with exit status 1: no snapshot"
        assert shop.dropped() == [] and shop.is_there(shop.live)

    def test_a_copy_that_does_not_answer_is_not_known_to_be_another_one(self, shop: Managed) -> None:
        shop.prints(shop.address("no_such_database"), TAKEN_AT.isoformat())
        assert refused(shop) == (
            "The copy made by copy_command cannot be reached, so it was neither read nor dropped: There is "
            "no database with that name"
        )
        assert shop.dropped() == []

    def test_a_copy_is_not_touched_while_the_live_database_does_not_answer(self, shop: Managed) -> None:
        target = shop.target
        live = f"postgresql://postgres@127.0.0.1:1/{shop.live}"
        drill = drill_managed(Target("shop", target.backups, shop.folder, live), Backups(), NOW, PATIENT_S)
        [step] = drill.steps
        assert step.outcome is StepOutcome.ERROR and drill.contents is None
        assert str(ObservationError(step.reason)).startswith(
            "The live database cannot be reached, so the copy might be"
        )
        assert shop.dropped() == [] and shop.is_there(shop.copy)

    def test_without_a_live_database_nothing_is_compared(self, shop: Managed) -> None:
        target = shop.target
        drill = drill_managed(Target("shop", target.backups, shop.folder, None), Backups(), NOW, PATIENT_S)
        assert drill.contents is not None and isinstance(drill.live, Unobserved)
        ladder = judge_ladder("database:shop", drill, target.backups, (), BackupLimits(), NOW)
        assert verdict_of(ladder) is DrillVerdict.ERROR
        assert shop.dropped() == [shop.printed]


class TestNoVerdict:
    def test_a_command_that_is_not_there(self, shop: Managed) -> None:
        backups = shop.target.backups.model_copy(update={"copy_command": ("no-such-cloud", "restore")})
        drill = drill_managed(Target("shop", backups, shop.folder, None), Backups(), NOW, PATIENT_S)
        [step] = drill.steps
        assert step.outcome is StepOutcome.ERROR and drill.backup is None
        assert str(ObservationError(step.reason)) == (
            "The program that copy_command names is not on this machine: no-such-cloud"
        )

    def test_a_command_that_fails_is_quoted(self, shop: Managed) -> None:
        shop.copying = "import sys; print('ERROR: quota of snapshots is used up', file=sys.stderr); sys.exit(3)"
        assert refused(shop) == "copy_command ended with exit status 3: quota of snapshots is used up"
        assert shop.dropped() == []

    def test_a_command_that_hangs_is_ended_at_the_deadline(self, shop: Managed) -> None:
        shop.copying = "import time; time.sleep(600)"
        began = time.monotonic()
        assert refused(shop, longest_s=2.0) == "copy_command did not finish within 2 s"
        assert time.monotonic() - began < 20

    @pytest.mark.parametrize(
        ("printed", "words"),
        [
            ([], "copy_command must print the copy's address, and on the next line"),
            (["mysql://root@db/shop", "2026-11-24T12:00:00Z"], "copy_command must print postgresql://…"),
            (["host=db dbname=shop", "2026-11-24T12:00:00Z"], "copy_command must print postgresql://…"),
        ],
    )
    def test_what_is_no_address(self, shop: Managed, printed: list[str], words: str) -> None:
        shop.prints(*printed)
        assert refused(shop).startswith(words)
        assert shop.dropped() == []

    @pytest.mark.parametrize("taken_at", ["", "2026-11-24T12:00:00", "2026-11-24", "soon", "0001-01-01T00:00:00+14:00"])
    def test_a_time_that_is_none_and_the_copy_is_dropped(self, shop: Managed, taken_at: str) -> None:
        shop.copying = COPY % PASSWORD + f"print(ADDRESS)\nprint({taken_at!r})\n"
        assert refused(shop).startswith("copy_command must print postgresql://… and a time with its offset")
        assert shop.dropped() == [shop.printed] and not shop.is_there(shop.copy)

    def test_a_copy_of_a_command_that_fails_afterwards_is_dropped(self, shop: Managed) -> None:
        shop.copying += "import sys; sys.exit('ERROR: the snapshot is still being loaded')"
        assert refused(shop) == "copy_command ended with exit status 1: the snapshot is still being loaded"
        assert shop.dropped() == [shop.printed]

    def test_a_copy_that_cannot_be_read_is_dropped(self, shop: Managed) -> None:
        shop.statements = [
            "ALTER TABLE audit ENABLE ROW LEVEL SECURITY",
            f"ALTER DATABASE {shop.copy} SET statement_timeout = 1",
            f"ALTER DATABASE {shop.copy} SET role = pg_monitor",
        ]
        assert refused(shop).startswith("The role may not read ")
        assert shop.dropped() == [shop.printed] and not shop.is_there(shop.copy)

    @pytest.mark.deep
    def test_the_time_is_over_while_the_copy_is_read(self, shop: Managed) -> None:
        # Whoever reads the copy waits for a lock that is never given back.
        shop.copying = COPY % PASSWORD + PRINTED + (
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid(); os.close(1)\n"
            "    connection = psycopg.connect(ADDRESS)\n"
            "    connection.execute('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE')\n"
            "    open('locked', 'w').close(); time.sleep(30); os._exit(0)\n"
            "while not os.path.exists('locked'): time.sleep(0.05)\n"
        )  # fmt: skip
        began = time.monotonic()
        why = refused(shop, longest_s=8.0)  # whichever clock strikes first
        assert why.startswith(
            ("The restore drill did not finish in time", "The database did not answer a query within")
        ), why
        assert time.monotonic() - began < 25
        assert shop.dropped() == [shop.printed]


class TestLeftBehind:
    def test_a_good_drill_keeps_its_verdict_and_warns(self, shop: Managed) -> None:
        shop.dropping = "import sys; print('ERROR: it is protected', file=sys.stderr); sys.exit(4)"
        done = drilled(shop)
        assert done.verdict is DrillVerdict.PASSED and done.statuses["restore"] is Status.WARN
        assert done.why("restore") == "The copy was restored but not dropped afterwards: drop it by hand"
        [restore] = [result for result in done.ladder if result.check == "backups.restore"]
        [table] = restore.evidence
        assert isinstance(table, Table) and isinstance(table.rows[0][0], Message)
        why = str(ObservationError(table.rows[0][0]))
        assert why == "drop_command ended with exit status 4: it is protected"
        assert set(done.statuses.values()) == {Status.PASS, Status.WARN, Status.SKIPPED}

    def test_a_failed_drill_stays_failed_and_names_the_copy_left_behind(self, shop: Managed) -> None:
        shop.statements = ["DROP TABLE stock"]
        target = shop.target
        backups = target.backups.model_copy(update={"drop_command": ("no-such-cloud", "drop")})
        drill = drill_managed(Target("shop", backups, shop.folder, target.live), Backups(), NOW, PATIENT_S)
        ladder = judge_ladder("database:shop", drill, backups, (), BackupLimits(), NOW)
        assert verdict_of(ladder) is DrillVerdict.FAILED
        assert ladder[0].status is Status.WARN and "no-such-cloud" in str(ladder[0].evidence)

    def test_a_drill_without_a_verdict_names_the_copy_left_behind_too(self, shop: Managed) -> None:
        shop.copying = COPY % PASSWORD + "print(ADDRESS)\nprint('soon')\n"
        shop.dropping = "import sys; sys.exit(4)"
        done = drilled(shop)
        assert done.verdict is DrillVerdict.ERROR and done.statuses["restore"] is Status.UNKNOWN
        assert done.ladder[0].evidence and done.why("restore").startswith("copy_command must print")

    def test_without_drop_command_it_is_meant_to_stay(self, shop: Managed) -> None:
        target = shop.target
        backups = target.backups.model_copy(update={"drop_command": None})
        drill = drill_managed(Target("shop", backups, shop.folder, target.live), Backups(), NOW, PATIENT_S)
        assert drill.left_over is None and shop.is_there(shop.copy)
        ladder = judge_ladder("database:shop", drill, backups, (), BackupLimits(), NOW)
        assert ladder[0].status is Status.PASS
