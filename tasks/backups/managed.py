"""Drills of managed databases: a command restores a snapshot and tells where the copy is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tasks.backups.ask import answers_of, smoke_of
from tasks.backups.commands import command_environment
from tasks.backups.contents_postgres import Wanted, read_contents
from tasks.backups.deadline import Deadline
from tasks.backups.expected import NO_LIVE
from tasks.backups.facts import Backup, Drill, Outcome, Rung, Step
from tasks.backups.live import read_live, require_other
from tasks.backups.restore_postgres import Copy
from tasks.backups.settings import Backups, Command
from tasks.backups.targets import Target
from tasks.backups.tool_words import error_line
from tasks.check_result import Message, moment, msg
from tasks.database.connection import Server, connected
from tasks.database.settings import check_database_url
from tasks.observation import ObservationError, Unobserved, shown
from tasks.processes import run
from tasks.secrets import keep_secret

MANAGED = msg("A managed database: copy_command restores a snapshot of it")
_COPY = Path("copy_command")
_STATEMENT_S, _CONNECT_S = 120.0, 10
_DROP_S = 300.0


def drill_managed(target: Target, backups: Backups, now: datetime, longest_s: float) -> Drill:
    """Let the command restore a snapshot and read the copy; the ladder begins at its schema."""
    deadline, began = Deadline.after(min(longest_s, backups.deadline_min * 60)), time.monotonic()
    blank = Drill(
        backup=None, form=None, steps=(), started_at=now, seconds=0,
        manifest=Unobserved(MANAGED), live=Unobserved(NO_LIVE),
    )  # fmt: skip
    try:
        with _copied(target, deadline) as (dsn, taken_at):
            took = round(time.monotonic() - began, 3)
            drill = _read(blank, target, backups, dsn, taken_at, took, deadline)
    except ObservationError as error:
        drill = replace(blank, steps=(_step(Outcome.ERROR, error.reason, began),))
    return replace(drill, seconds=round(time.monotonic() - began, 3))


def _read(
    blank: Drill, target: Target, backups: Backups, dsn: str, taken_at: datetime, took: float, deadline: Deadline
) -> Drill:
    live = read_live(target, taken_at, backups.exact_rows, deadline)
    with connected(Server(dsn, _STATEMENT_S, _CONNECT_S), deadline.left_s()) as connection:
        contents = read_contents([connection], Wanted(taken_at, violations=True))
    copy = Copy(dsn, None, contents.server_version, dsn)
    smoke = smoke_of(copy, target.backups, target.folder, deadline)
    tested_s = smoke.seconds if smoke is not None and not isinstance(smoke, Unobserved) else 0.0
    return replace(
        blank,
        backup=Backup(_COPY, taken_at, contents.bytes, known_start=True),
        steps=(Step(Rung.RESTORE, Outcome.PASSED, msg("copy_command gave a copy of {at}", at=moment(taken_at)), took),),
        live=live,
        contents=contents,
        answers=answers_of(copy, target, deadline),
        smoke=smoke,
        recovery_s=round(took + tested_s, 3),
        server_version=contents.server_version,
    )


@contextmanager
def _copied(target: Target, deadline: Deadline) -> Iterator[tuple[str, datetime]]:
    """The address of the copy and the time of its snapshot; the copy is dropped at the end."""
    command = target.backups.copy_command
    assert command is not None  # of a managed database
    told = _ran(command, target.folder, deadline.left_s(), "copy_command", {})
    dsn, taken_at = _understood(told)
    try:
        require_other(dsn, target.live)
        yield dsn, taken_at
    finally:
        if target.backups.drop_command is not None:
            _ran(target.backups.drop_command, target.folder, _DROP_S, "drop_command", {"OPSROUNDS_COPY": dsn})


def _understood(told: str) -> tuple[str, datetime]:
    lines = told.split()
    if len(lines) < 2:
        raise ObservationError(
            msg("copy_command must print the copy's address, and on the next line the time of its snapshot (ISO 8601)")
        )
    keep_secret(lines[0])
    try:
        taken_at = datetime.fromisoformat(lines[1])
        if taken_at.tzinfo is None:
            raise ValueError("no offset")
        return check_database_url(lines[0]), taken_at.astimezone(UTC)
    except ValueError:
        raise ObservationError(
            msg("copy_command must print postgresql://… and a time with its offset, such as 2026-11-24T02:00:00Z")
        ) from None


def _ran(command: Command, folder: Path, limit_s: float, key: str, more: dict[str, str]) -> str:
    try:
        ran = run(command, deadline_s=limit_s, env=command_environment(**more), cwd=folder)
    except FileNotFoundError:
        name = shown(command[0], 200)
        raise ObservationError(msg("The command of {key} is not on this machine: {name}", key=key, name=name)) from None
    if ran.timed_out:
        raise ObservationError(msg("{key} did not end within {seconds} s", key=key, seconds=round(limit_s)))
    if ran.returncode != 0:
        why = error_line(ran.stderr.decode("utf-8", "replace"))
        raise ObservationError(
            msg("{key} ended with exit status {status}: {why}", key=key, status=ran.returncode, why=why)
        )
    return ran.stdout.decode("utf-8", "replace")


def _step(outcome: Outcome, reason: Message, began: float) -> Step:
    return Step(Rung.RESTORE, outcome, reason, round(time.monotonic() - began, 3))
