"""Real backups of a running shop, and the drill of one of them: what the tests of restore drills have in common."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import sql

from tasks.backups.contents.postgres import read_contents
from tasks.backups.contents.wanted import Wanted
from tasks.backups.drill.ladder import drill
from tasks.backups.facts import Backup, Contents, Drill, DrillVerdict, Manifest
from tasks.backups.files.find import find_backups
from tasks.backups.files.manifest import hashed_files, write_manifest
from tasks.backups.judge.ladder import judge_ladder, verdict_of
from tasks.backups.limits import BackupLimits
from tasks.backups.settings import BackedUp, Backups
from tasks.backups.targets import Target, invariants_of
from tasks.check_result import CheckResult, Message, Status
from tasks.postgres.installation import postgres_binaries
from tasks.postgres.server import PostgresServer, running_postgres
from tests.shop_database import make_shop

LONGEST_S = 300.0
ANYWHERE = Backups(isolation="if-possible")
"""Drills with a sandbox or without."""

ROLES = """
CREATE ROLE watcher LOGIN BYPASSRLS IN ROLE pg_read_all_data;
CREATE ROLE limited LOGIN IN ROLE pg_read_all_data;
"""
"""The live role only reads; the other one is hidden rows from."""

SECURED = """
ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON audit FOR SELECT TO limited USING (id % 2 = 0);
"""


@dataclass(frozen=True)
class Shop:
    """A running shop, and a second server on which it is made anew with a fault in it."""

    server: PostgresServer
    elsewhere: PostgresServer
    folder: Path
    drills: Path
    made_at: datetime

    @property
    def live(self) -> str:
        """The running shop for the role that only reads."""
        return database(self.server, "shop", "watcher")

    @property
    def owner(self) -> str:
        """The running shop for its administrator."""
        return database(self.server, "shop")

    @cached_property
    def contents(self) -> Contents:
        """What is in the running shop, with the hash of all rows."""
        return contents_of(self.live, self.made_at)

    def source(self, *statements: str, template: str = "whole_shop") -> str:
        """A fresh copy of the shop, named like it, on the second server, after some statements."""
        source = recreated(self.elsewhere, "shop", template)
        with psycopg.connect(source, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        return source

    def target(self, pattern: Path, *, live: bool = True, **settings: object) -> Target:
        """The shop as one whose backups are verified."""
        backups = BackedUp.model_validate({"pattern": str(pattern), **settings})
        return Target("shop", backups, self.folder, self.live if live else None)

    def drilled(
        self, backup: Path, *, live: bool = True, longest_s: float = LONGEST_S, **settings: object
    ) -> "Drilled":
        """A drill of the newest backup that a pattern names, and its results."""
        target = self.target(backup, live=live, **settings)
        return drilled(target, ANYWHERE.model_copy(update={"folder": self.drills}), longest_s)


@dataclass(frozen=True)
class Drilled:
    """A drill and the results of its steps."""

    drill: Drill
    ladder: tuple[CheckResult, ...]

    @property
    def verdict(self) -> DrillVerdict:
        """The one word."""
        return verdict_of(self.ladder)

    @property
    def statuses(self) -> dict[str, Status]:
        """Of each step, by its name without `backups.`."""
        return {result.check.removeprefix("backups."): result.status for result in self.ladder}

    def result(self, name: str) -> CheckResult:
        """A step by its name."""
        return next(result for result in self.ladder if result.check == f"backups.{name}")

    def first(self, *statuses: Status) -> CheckResult | None:
        """The first step that came to one of these."""
        return next((result for result in self.ladder if result.status in statuses), None)

    def summary(self) -> str:
        """The whole ladder, for a test that failed."""
        return "\n".join(f"{r.status:8} {r.check}: {text(r.reason)}" for r in self.ladder)


def drilled(target: Target, backups: Backups, longest_s: float = LONGEST_S, backup: Backup | None = None) -> Drilled:
    """A drill as a flow does it."""
    newest = backup or find_backups(target.folder, target.pattern)[0]
    now = datetime.now(UTC)
    climbed = drill(target, newest, backups, now, longest_s)
    ladder = judge_ladder(target.subject, climbed, target.backups, invariants_of(target), BackupLimits(), now)
    return Drilled(climbed, ladder)


def text(message: Message) -> str:
    """A message in English."""
    return message.text.format(**message.params)


@contextmanager
def entered_by_all() -> Iterator[Path]:
    """A folder for drills that every account may enter, unlike those of pytest: one without a sandbox needs it.

    Its path is short, since the socket of a drill's server is in it.
    """
    with TemporaryDirectory(prefix="d-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def running_shop(folder: Path, rows: int) -> Iterator[Shop]:
    """Both servers with the shop in them."""
    made_at = datetime.now(UTC)
    with (
        running_postgres(folder / "live", fsync=False) as server,
        running_postgres(folder / "elsewhere", fsync=False) as elsewhere,
    ):
        for place, name in ((server, "shop"), (elsewhere, "whole_shop")):
            with psycopg.connect(place.dsn, autocommit=True) as connection:
                connection.execute(ROLES.encode())
            fill(recreated(place, name), made_at, rows)
        with entered_by_all() as drills:
            yield Shop(server, elsewhere, folder, drills, made_at)


def fill(dsn: str, now: datetime, rows: int) -> None:
    """A shop in an empty database, with a table of which a role sees half."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        make_shop(connection, now, rows)
        connection.execute(SECURED.encode())
        connection.execute(b"VACUUM ANALYZE")


def database(server: PostgresServer, name: str, role: str = "postgres") -> str:
    """The address of a database."""
    return f"postgresql://{role}@{server.host}:{server.port}/{name}"


def recreated(server: PostgresServer, name: str, template: str = "template0", more: str = "") -> str:
    """An empty database, or a copy of another one."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} ").format(sql.Identifier(name), sql.Identifier(template))
        connection.execute(drop)
        connection.execute(create + sql.SQL(more))  # type: ignore[arg-type]
    return database(server, name)


def program(name: str, *arguments: str | Path) -> None:
    """Run one of PostgreSQL's own, to a good end."""
    done = subprocess.run([postgres_binaries() / name, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def dumped(dsn: str, path: Path, *options: str) -> Path:
    """A dump by pg_dump, in SQL unless the options name a format."""
    program("pg_dump", "-f", path, *options, dsn)
    return path


def contents_of(dsn: str, until: datetime, rule: str = "whole") -> Contents:
    """The contents of a database, as recorded with a backup."""
    with psycopg.connect(dsn) as connection:
        return read_contents([connection], Wanted(until, rule))


def recorded(backup: Path, contents: Contents, at: datetime, like: Path | None = None) -> Path:
    """A manifest beside a backup, of its own files or of those of another one with the same name."""
    files = hashed_files(like or backup)
    write_manifest(backup, Manifest("shop", at, at + timedelta(seconds=1), files, "pg_dump 18", contents, exact=True))
    return backup


def noted(fault: str, how: str, result: CheckResult | None) -> None:
    """A row of the table of findings, in the file that OPSROUNDS_MATRIX names."""
    if (file := os.environ.get("OPSROUNDS_MATRIX")) and result is not None:
        with Path(file).open("a", encoding="utf-8") as rows:
            rows.write(f"| {fault} | {how} | {result.check} | {result.status} | {text(result.reason)} |\n")
