"""Drills of managed databases: a command restores a snapshot and tells where the copy is."""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from tasks.backups.commands import command_environment, command_line, error_summary
from tasks.backups.contents.live import read_live, require_other
from tasks.backups.contents.postgres import Wanted, read_contents
from tasks.backups.drill.ask import answers_of, smoke_of
from tasks.backups.errors import BadBackup
from tasks.backups.facts import Backup, Contents, Drill, DrillStep, Outcome, StepResult
from tasks.backups.formats.server import Copy
from tasks.backups.reasons import LATE, MANAGED, NO_LIVE
from tasks.backups.settings import Backups, Command
from tasks.backups.targets import Target
from tasks.backups.tool_words import error_line
from tasks.check_result import Message, moment, msg
from tasks.database.connection import Server, connected
from tasks.database.settings import check_database_url
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved
from tasks.outside import said
from tasks.processes import Finished, run
from tasks.progress import TABLES, tell
from tasks.secrets import keep_secret

_COPY = Path("copy_command")
_CONNECT_S = 10
_DROP_S = 300.0
_DAMAGED = (
    psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted, psycopg.errors.InternalError_,
    psycopg.errors.UndefinedFile,
)  # fmt: skip
_WANTED = msg("copy_command must print postgresql://… and a time with its offset, such as 2026-11-24T02:00:00Z")


def drill_managed(target: Target, backups: Backups, now: datetime, longest_s: float) -> Drill:
    """Let the command restore a snapshot and read the copy, which is dropped at the end whatever came of it.

    The ladder begins at the copy's schema.
    """
    deadline, began = Deadline.after(min(longest_s, backups.deadline_min * 60), LATE), time.monotonic()
    blank = Drill(
        backup=None, form=None, steps=(), started_at=now, seconds=0,
        manifest=Unobserved(MANAGED), live=Unobserved(NO_LIVE),
    )  # fmt: skip
    try:
        made = _made(target, deadline)
    except ObservationError as error:
        return _closed(blank, Outcome.ERROR, error.reason, began)
    left_over: Message | None = None
    try:
        drill = _climbed(blank, made, target, backups, deadline, began)
    finally:
        left_over = _dropped(made, target)
    return replace(drill, left_over=left_over, seconds=_since(began))


@dataclass(frozen=True, slots=True)
class _Made:
    """What copy_command did: the address of a copy that is not the live database, and what it printed behind it."""

    address: str = field(repr=False)
    more: str
    fault: Message | None
    took_s: float

    def taken_at(self) -> datetime:
        """The time of the snapshot; raises ObservationError, also for a command that did not end well."""
        if self.fault is not None:
            raise ObservationError(self.fault)
        try:
            at = datetime.fromisoformat(self.more.partition("\n")[0].strip())
            if at.utcoffset() is None:
                raise ValueError("no offset")
            return at.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ObservationError(_WANTED) from None


def _made(target: Target, deadline: Deadline) -> _Made:
    """Raises ObservationError if there is no copy, or none that may be touched."""
    command, limit_s, began = target.backups.copy_command, deadline.require(), time.monotonic()
    assert command is not None  # of a managed database
    ran = _ran("copy_command", command, target.folder, limit_s)
    fault = _fault("copy_command", ran, limit_s)
    address, *more = ran.stdout.decode("utf-8", "replace").split(None, 1) or [""]
    keep_secret(address)
    try:
        check_database_url(address)
        require_other(address, target.live)
    except ValueError:
        raise ObservationError(fault or _none_printed(address)) from None
    except ObservationError as error:
        raise ObservationError(fault or error.reason) from None
    return _Made(address, "".join(more), fault, _since(began))


def _none_printed(address: str) -> Message:
    if address:
        return _WANTED
    return msg("copy_command must print the copy's address, and on the next line the time of its snapshot (ISO 8601)")


def _climbed(
    drill: Drill, made: _Made, target: Target, backups: Backups, deadline: Deadline, began: float
) -> Drill:  # fmt: skip
    try:
        taken_at = made.taken_at()
        drill = replace(drill, backup=Backup(_COPY, taken_at, 0, known_start=True))
        return _read(drill, made, taken_at, target, backups, deadline)
    except BadBackup as bad:
        return _closed(drill, Outcome.FAILED, bad.reason, began)
    except ObservationError as error:
        return _closed(drill, Outcome.ERROR, error.reason, began)


def _read(
    drill: Drill, made: _Made, taken_at: datetime, target: Target, backups: Backups, deadline: Deadline
) -> Drill:  # fmt: skip
    live = read_live(target, taken_at, backups.exact_rows, deadline)
    contents = _contents(made.address, taken_at, deadline)
    copy = Copy(made.address, None, contents.server_version, made.address)
    answers = answers_of(copy, target, deadline)
    smoke = smoke_of(copy, target.backups, target.folder, deadline)
    tested_s = smoke.seconds if smoke is not None and not isinstance(smoke, Unobserved) else 0.0
    words = msg("copy_command gave a copy of {at}", at=moment(taken_at))
    return replace(
        drill,
        backup=Backup(_COPY, taken_at, contents.bytes, known_start=True),
        steps=(StepResult(DrillStep.RESTORE, Outcome.PASSED, words, made.took_s),),
        live=live,
        contents=contents,
        answers=answers,
        smoke=smoke,
        recovery_s=round(made.took_s + tested_s, 3),
        server_version=contents.server_version,
    )


def _contents(address: str, taken_at: datetime, deadline: Deadline) -> Contents:
    """What is in the copy; raises BadBackup for damage in it."""
    left_s = deadline.require()
    try:
        with connected(Server(address, round(left_s, 1), _CONNECT_S), left_s) as connection:
            try:
                wanted = Wanted(taken_at, violations=True)
                return read_contents([connection], wanted, lambda done, of: tell(TABLES, done, of))
            except _DAMAGED as error:
                why = error_line(f"ERROR: {error.diag.message_primary}")
                raise BadBackup(msg("What came out of it cannot be read: {why}", why=why)) from None
    except ObservationError:
        deadline.require()  # raises its own words in the place of those of a session that was cut
        raise


def _dropped(made: _Made, target: Target) -> Message | None:
    """Why the copy is still there, if it is to be dropped and was not."""
    command = target.backups.drop_command
    if command is None:
        return None
    try:
        ran = _ran("drop_command", command, target.folder, _DROP_S, OPSROUNDS_COPY=made.address)
    except ObservationError as error:
        return error.reason
    return _fault("drop_command", ran, _DROP_S)


def _ran(key: str, command: Command, folder: Path, limit_s: float, **more: str) -> Finished:
    try:
        return run(
            command_line(command, folder), deadline_s=limit_s, env=command_environment(**more), cwd=folder
        )  # fmt: skip
    except FileNotFoundError:
        name = said(command[0])
        raise ObservationError(msg("The command of {key} is not on this machine: {name}", key=key, name=name)) from None


def _fault(key: str, ran: Finished, limit_s: float) -> Message | None:
    if ran.timed_out:
        return msg("{key} did not end within {seconds} s", key=key, seconds=round(limit_s))
    if ran.returncode == 0:
        return None
    why = error_summary(ran.stderr)
    return msg("{key} ended with exit status {status}: {why}", key=key, status=ran.returncode, why=why)


def _closed(drill: Drill, outcome: Outcome, reason: Message, began: float) -> Drill:
    return replace(drill, steps=(StepResult(DrillStep.RESTORE, outcome, reason, _since(began)),), seconds=_since(began))


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
