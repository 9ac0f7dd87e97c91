"""Tiny runs, other processes, and tampering."""

import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tasks.check_result import CheckResult
from tasks.history.chain import ChainVerdict, verify_chains
from tasks.history.engine import reading, writing
from tasks.history.outbox import OutboxMessage
from tasks.history.runs import NewRun, RunPlace

PROGRAM = Path(__file__).with_name("writing.py")
WRITING = runpy.run_path(str(PROGRAM))


Compose = Callable[[RunPlace], NewRun]
Start = Callable[..., "subprocess.Popen[str]"]
Tamper = Callable[..., None]
Verify = Callable[..., tuple[ChainVerdict, ...]]


@pytest.fixture
def a_run() -> Callable[..., Compose]:
    run: Callable[..., Compose] = WRITING["a_run"]
    return run


@pytest.fixture
def a_message() -> Callable[..., OutboxMessage]:
    message: Callable[..., OutboxMessage] = WRITING["a_message"]
    return message


@pytest.fixture
def two_results() -> Callable[..., tuple[CheckResult, ...]]:
    results: Callable[..., tuple[CheckResult, ...]] = WRITING["two_results"]
    return results


@pytest.fixture
def start(history_url: str) -> Iterator[Start]:
    """Starts another process on the test's database; those still running are killed at the end."""
    with ExitStack() as stack:

        def start_one(*arguments: str) -> "subprocess.Popen[str]":
            what, *rest = arguments
            argv = [sys.executable, str(PROGRAM), what, history_url, *rest]
            pipe = subprocess.PIPE
            process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start_one


@pytest.fixture
def tamper(history: Engine) -> Tamper:
    """Changes rows as somebody with all rights would: first the triggers go."""

    def change(*statements: str, **values: object) -> None:
        with writing(history) as connection:
            for table in ("runs", "check_results", "evidence"):
                if history.dialect.name == "sqlite":
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_update"))
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_delete"))
                else:
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}"))
            for statement in statements:
                assert connection.execute(text(statement), values).rowcount >= 1, statement

    return change


@pytest.fixture
def verify(history: Engine) -> Verify:
    """The verdicts on all chains."""

    def verify_all(anchor: str | None = None) -> tuple[ChainVerdict, ...]:
        with reading(history) as connection:
            return verify_chains(connection, anchor)

    return verify_all
