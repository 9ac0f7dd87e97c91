"""Answers of a restored database: statements that only read and finish in time, and the service's own smoke test."""

import math
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tasks.backups.commands import error_summary
from tasks.backups.drill.answers import answers_of
from tasks.backups.drill.smoke import smoke_of
from tasks.backups.drill.workplace import reading_place
from tasks.backups.facts import Smoke
from tasks.backups.formats.interface import Copy
from tasks.backups.reasons import LATE
from tasks.backups.settings import HISTORY, BackedUp, Backups
from tasks.backups.targets import Target, invariants_of
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved
from tasks.postgres.server import PostgresServer
from tasks.secrets import masked

PATIENT_S = 120.0
NAME = "Ingrid Bergman"
ROWS = (
    "CREATE TABLE customers (id int, name text, paid numeric(12, 2))",
    f"INSERT INTO customers VALUES (1, '{NAME}', 12.50), (2, NULL, 7.25)",
)
SLOW = {
    "postgresql": "SELECT count(*) FROM generate_series(1, 3000000000)",
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
}


@pytest.fixture(params=["postgresql", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def copy(kind: str, postgres: PostgresServer, tmp_path: Path) -> Iterator[Copy]:
    """A restored database of either kind."""
    if kind == "sqlite":
        file = tmp_path / "sqlite" / "copy.db"
        file.parent.mkdir()
        with closing(sqlite3.connect(file)) as connection, connection:
            for statement in ROWS:
                connection.execute(statement)
        yield Copy("", file, "", f"sqlite:///{file}")
        return
    name = f"copy_{uuid.uuid4().hex[:12]}"
    dsn = f"postgresql://postgres@{postgres.host}:{postgres.port}/{name}"
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in ROWS:
                connection.execute(statement.encode())
        yield Copy(dsn, None, "18.1", dsn)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


Ask = Callable[..., list[float | str]]


@pytest.fixture
def answers(copy: Copy, tmp_path: Path) -> Ask:
    """The number, or the reason in English, that each statement comes to."""

    def ask(*statements: str, longest_s: float = PATIENT_S) -> list[float | str]:
        invariants = [{"name": f"n{n}", "sql": sql, "min": 0} for n, sql in enumerate(statements)]
        target = Target("shop", BackedUp.model_validate({"invariants": invariants}), tmp_path, None)
        found = answers_of(copy, target, Deadline.after(longest_s, LATE))
        assert [answer.name for answer in found] == [invariant.name for invariant in invariants_of(target)]
        return [reason_text(a.value) if isinstance(a.value, Unobserved) else a.value for a in found]

    return ask


def reason_text(unobserved: Unobserved) -> str:
    return str(ObservationError(unobserved.reason))


NO_NUMBER = "The SQL statement does not return a number"


class TestInvariants:
    def test_an_answer_is_a_number(self, answers: Ask) -> None:
        statements = ("SELECT count(*) FROM customers", "SELECT sum(paid) FROM customers", "SELECT -0.5", "SELECT 1, 2")
        assert answers(*statements) == [2.0, 19.75, -0.5, 1.0]

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT max(id) FROM customers WHERE id > 9",
            "SELECT NULL",
            "SELECT name FROM customers WHERE id = 1",
            "SELECT '12'",
            "SELECT id FROM customers WHERE id > 9",
        ],
    )
    def test_an_answer_that_is_not_a_number_is_unknown(self, answers: Ask, sql: str) -> None:
        assert answers(sql) == [NO_NUMBER]

    def test_a_boolean_is_not_a_number(self, answers: Ask, kind: str) -> None:
        # SQLite has no boolean, and returns 1.
        assert answers("SELECT true") == [NO_NUMBER if kind == "postgresql" else 1.0]

    def test_a_failing_statement_is_reported_and_the_others_still_run(self, answers: Ask) -> None:
        [first, second, third] = answers("SELECT 1 FROM nothing", "SELECT", "SELECT 3")
        assert str(first).startswith("The SQL statement failed: ") and "nothing" in str(first)
        assert str(second) == NO_NUMBER or str(second).startswith("The SQL statement failed: ")
        assert third == 3.0

    @pytest.mark.parametrize(
        "sql",
        [
            "DELETE FROM customers",
            "DELETE FROM customers RETURNING id",
            "UPDATE customers SET id = 7 WHERE id = 1 RETURNING id",
            "CREATE TABLE more (id int)",
            "SELECT 1; DELETE FROM customers",
            "COMMIT; DELETE FROM customers",
            "COMMIT; BEGIN READ WRITE; DELETE FROM customers; COMMIT",
            "SET default_transaction_read_only = off; DELETE FROM customers",
            "WITH gone AS (DELETE FROM customers RETURNING 1) SELECT count(*) FROM gone",
        ],
    )
    def test_one_that_would_write_is_refused(self, answers: Ask, sql: str) -> None:
        before, refused, after = answers("SELECT count(*) FROM customers", sql, "SELECT sum(id) FROM customers")
        assert (before, after) == (2.0, 3.0)
        assert isinstance(refused, str), refused

    def test_read_only_survives_session_settings(self, answers: Ask, kind: str) -> None:
        allow = (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE" if kind == "postgresql" else "PRAGMA query_only=0"
        )
        off = "SELECT length(set_config('default_transaction_read_only', 'off', false))"
        also = off if kind == "postgresql" else "PRAGMA writable_schema=1"
        end = "COMMIT"
        found = answers(allow, also, end, "DELETE FROM customers RETURNING id", "SELECT count(*) FROM customers")
        assert isinstance(found[-2], str) and found[-1] == 2.0

    def test_one_that_takes_too_long_ends_with_the_drill(self, answers: Ask, kind: str) -> None:
        began = time.monotonic()
        first, second = answers(SLOW[kind], "SELECT 1", longest_s=2.0)
        assert time.monotonic() - began < 15
        assert str(first).startswith("The SQL statement did not finish within ") and float(str(first).split()[-2]) <= 2
        assert second == "The restore drill did not finish in time: raise [backups] deadline_min"

    def test_no_value_of_a_row_is_in_a_reason(self, answers: Ask, kind: str) -> None:
        statements = {
            "postgresql": [
                "SELECT name::int FROM customers",
                "SELECT name::date FROM customers",
                "SELECT ('{' || name)::jsonb FROM customers",
                "SELECT to_number(name, name) FROM customers",
                "SELECT ('<' || name)::xml FROM customers",
                "SELECT name::customers FROM customers",
                "SELECT to_timestamp(name, 'YYYY') FROM customers",
                "SELECT (name || 'x')::inet FROM customers",
                "SELECT encode(decode(name, 'hex'), 'hex') FROM customers",
                "SELECT current_setting(name) FROM customers",
                "SELECT nextval(name) FROM customers",
                "SELECT name::regclass FROM customers",
                "SELECT split_part(name, ' ', 1)::regclass FROM customers",
                "SELECT name::tsquery FROM customers",
                "SELECT (name || '\"\"')::tsquery FROM customers",
                "SELECT jsonb_path_exists('{}', name::jsonpath) FROM customers",
                "SELECT length(query_to_xml(name, true, true, '')::text) FROM customers",
                "SELECT length(encode('a', name)) FROM customers",
            ],
            "sqlite": ["SELECT json(name) FROM customers", "SELECT name ->> '$[' FROM customers",
                       "SELECT json_extract('{}', name) FROM customers",
                       "SELECT CAST(x'ff' || name AS text) FROM customers"],
        }  # fmt: skip
        for statement, found in zip(statements[kind], answers(*statements[kind]), strict=True):
            assert isinstance(found, str), statement
            assert not [part for part in (NAME, *NAME.split()) if part.lower() in found.lower()], (statement, found)

    def test_a_mistake_in_the_statement_is_named(self, answers: Ask, kind: str) -> None:
        [found] = answers('SELECT count(*) FROM "ordres"')
        postgresql = 'The SQL statement failed: relation "ordres" does not exist'
        assert found == (postgresql if kind == "postgresql" else "The SQL statement failed: no such table: ordres")

    def test_the_message_of_a_function_is_not_quoted(self, answers: Ask, copy: Copy, kind: str) -> None:
        if kind == "sqlite":
            return
        with psycopg.connect(copy.dsn, autocommit=True) as connection:
            connection.execute(
                "CREATE FUNCTION tell() RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'no address of %', (SELECT name FROM customers WHERE id = 1); END $$"
            )
            connection.execute(
                "CREATE FUNCTION tell_so() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING "
                "ERRCODE = '22012', MESSAGE = (SELECT name FROM customers WHERE id = 1); END $$"
            )
        words = ["The SQL statement failed: RaiseException", "The SQL statement failed: DivisionByZero"]
        assert answers("SELECT tell()", "SELECT tell_so()") == words

    def test_not_a_number_is_within_nothing(self, answers: Ask, kind: str) -> None:
        if kind == "postgresql":
            nan, huge = answers("SELECT 'NaN'::numeric", "SELECT 'Infinity'::float8")
            assert math.isnan(float(nan)) and float(huge) == math.inf

    def test_a_copy_that_has_gone(self, tmp_path: Path) -> None:
        invariants = BackedUp.model_validate({"invariants": [{"name": "n", "sql": "SELECT 1", "min": 0}]})
        target = Target("shop", invariants, tmp_path, None)
        for gone in (Copy("postgresql://postgres@127.0.0.1:1/x", None, ""), Copy("", tmp_path / "nothing.db", "")):
            [answer] = answers_of(gone, target, Deadline.after(PATIENT_S))
            assert isinstance(answer.value, Unobserved)
        assert not (tmp_path / "nothing.db").exists()

    def test_the_history_is_asked_for_its_chains_last(self, answers: Ask, copy: Copy, tmp_path: Path) -> None:
        invariants = {"invariants": [{"name": "customers", "sql": "SELECT count(*) FROM customers", "min": 2}]}
        target = Target(HISTORY, BackedUp.model_validate(invariants), tmp_path, None)
        first, chains = answers_of(copy, target, Deadline.after(PATIENT_S))
        assert (first.name, first.value, chains.name) == ("customers", 2.0, "hash-chains")
        assert chains.value == 1.0  # it holds no table of a history


def smoked(
    copy: Copy, folder: Path, *command: str, timeout_s: float = 60.0, longest_s: float = PATIENT_S, **access: object
) -> Any:
    backups = BackedUp.model_validate({"smoke": command, "smoke_timeout_s": timeout_s, **access} if command else {})
    target, own = Target("shop", backups, folder, None), Backups(folder=folder / "drills", isolation="if-possible")
    with ExitStack() as stack:
        return smoke_of(copy, target, reading_place(target, own, Deadline.after(longest_s, LATE), stack))


def words(smoke: Smoke | Unobserved | None) -> str:
    assert smoke is not None
    return str(ObservationError(smoke.reason))


LOGIN = {
    "postgresql": "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']).execute('SELECT 1 FROM customers')",
    "sqlite": (
        "import os; from sqlalchemy import create_engine, text\n"
        "create_engine(os.environ['DATABASE_URL']).connect().execute(text('SELECT 1 FROM customers')).one\n"
    ),
}


@pytest.mark.usefixtures("sandbox")
class TestSmoke:
    def test_without_smoke_there_is_no_result(self, copy: Copy, tmp_path: Path) -> None:
        assert smoked(copy, tmp_path) is None

    def test_the_smoke_test_connects_to_the_restored_database(self, copy: Copy, kind: str, tmp_path: Path) -> None:
        found = smoked(copy, tmp_path, sys.executable, "-c", LOGIN[kind])
        assert isinstance(found, Smoke) and found.passed and words(found) == "The smoke test passed"
        assert 0 < found.seconds < 60

    def test_it_runs_in_the_folder_of_the_service_file(self, copy: Copy, tmp_path: Path) -> None:
        program = tmp_path / "smoke.sh"
        program.write_text('#!/bin/sh\necho "error: in $PWD, with $(cat data/input)" >&2; exit 1\n')
        program.chmod(0o700)
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "input").write_text("its input")
        found = smoked(copy, tmp_path, "./smoke.sh", smoke_access={"files": ["data"]})
        assert words(found).endswith(f"in {tmp_path}, with its input")

    def test_it_sees_what_its_arguments_name_and_nothing_else(self, copy: Copy, tmp_path: Path) -> None:
        for name in ("smoke.sh", "kondate.toml"):
            (tmp_path / name).write_text("ls; exit 0\n")
            (tmp_path / name).chmod(0o600)
        found = smoked(copy, tmp_path, "sh", "-c", "test -r smoke.sh && test ! -e kondate.toml", "smoke.sh")
        assert found.passed, words(found)

    def test_its_exit_status_is_the_verdict(self, copy: Copy, tmp_path: Path) -> None:
        found = smoked(copy, tmp_path, "sh", "-c", "echo well; echo 'error: no such route' >&2; exit 3")
        assert not found.passed and words(found) == "The smoke test ended with exit status 3: no such route"
        result = smoked(copy, tmp_path, "sh", "-c", "echo login of ingrid@example.com refused; exit 1")
        assert words(result) == "The smoke test ended with exit status 1: login of <email> refused"

    def test_one_that_hangs_is_killed_with_what_it_started(self, copy: Copy, tmp_path: Path) -> None:
        found = smoked(copy, tmp_path, "sh", "-c", "setsid sleep 61234 & wait", timeout_s=1.0)
        assert not found.passed and words(found) == "The smoke test did not finish within 1 s"
        assert _ends("sleep 61234")

    def test_a_service_that_it_leaves_running_is_ended(self, copy: Copy, tmp_path: Path) -> None:
        assert smoked(copy, tmp_path, "sh", "-c", "setsid sleep 61235 & exit 0").passed
        assert _ends("sleep 61235")

    def test_the_time_of_the_drill_is_not_that_of_the_test(self, copy: Copy, tmp_path: Path) -> None:
        found = smoked(copy, tmp_path, "sleep", "600", longest_s=1.5)
        assert isinstance(found, Unobserved)
        assert words(found) == "The restore drill did not finish in time: raise [backups] deadline_min"
        assert isinstance(smoked(copy, tmp_path, "true", longest_s=-1.0), Unobserved)

    def test_one_that_is_not_there(self, copy: Copy, tmp_path: Path) -> None:
        found = smoked(copy, tmp_path, "no-such-smoke", "--all")
        assert isinstance(found, Unobserved)
        assert words(found) == "The smoke command is not on this machine: no-such-smoke"

    def test_no_secret_of_ours_is_in_its_environment(
        self, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("SHOP_DSN", "PGPASSWORD", "OPSROUNDS_SERVICES", "PREFECT_API_KEY", "DATABASE_URL", "AWS_PROFILE"):
            monkeypatch.setenv(name, "hush-hush")
        monkeypatch.setenv("SHOP_MODE", "test")
        names = {"DATABASE_URL", "HOME", "LC_ALL", "PATH", "SHOP_MODE"}
        seen = "import os, sys; seen = set(os.environ) - {'PWD', 'OLDPWD'}"
        asserted = f"{seen}; sys.exit(0 if seen == {names} else repr(seen))"
        found = smoked(copy, tmp_path, sys.executable, "-c", asserted, smoke_access={"environment": ["SHOP_MODE"]})
        assert found.passed, words(found)

    def test_what_it_says_of_a_secret_is_masked(
        self, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_API_TOKEN", "hush-hush-hush")
        monkeypatch.setenv("SHOP_MODE", "a-mode-of-it")
        given = {"environment": ["SHOP_API_TOKEN", "SHOP_MODE"]}
        said = "import os, sys; sys.exit(os.environ['SHOP_API_TOKEN'] + ' refused in ' + os.environ['SHOP_MODE'])"
        found = masked(words(smoked(copy, tmp_path, sys.executable, "-c", said, smoke_access=given)))
        assert "hush" not in found and "refused in a-mode-of-it" in found


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ""),
        ("first\nlast\n", "first"),
        ("reading\nERROR: no snapshot\n", "no snapshot"),
        ('Traceback (most recent call last):\n  File "x", line 1, in <module>\nKeyError: 3\n', "KeyError: 3"),
        (
            "Traceback (most recent call last):\n  File\nA: 1\n\nDuring handling\n\n"
            "Traceback (most recent call last):\n  File\nB: 2\nLINE 1: SELECT\n",
            "B: 2",
        ),
        ("Traceback (most recent call last):\n  cut", "Traceback (most recent call last):"),
    ],
)
def test_the_error_summary_of_a_command(written: str, expected: str) -> None:
    assert error_summary(written.encode()) == expected


def _ends(command: str) -> bool:
    until = time.monotonic() + 20
    while _runs(command):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _runs(command: str) -> bool:
    wanted = command.replace(" ", "\0").encode() + b"\0"
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes() == wanted:
                return True
    return False
