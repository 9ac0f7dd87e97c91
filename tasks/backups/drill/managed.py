"""Drills of managed databases: a command restores a snapshot and prints the copy's address."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import psycopg

from tasks.backups.contents.live import read_live
from tasks.backups.contents.postgres import read_contents
from tasks.backups.contents.wanted import Wanted
from tasks.backups.drill.ask import ask
from tasks.backups.drill.copy_command import Made, drop_copy, make_copy
from tasks.backups.drill.steps import DrillSteps, Given, Trouble, title_of, tried
from tasks.backups.drill.workplace import reading_place
from tasks.backups.errors import BadBackup
from tasks.backups.facts import Backup, Contents, Drill, DrillStep
from tasks.backups.formats.interface import Copy, Workplace
from tasks.backups.reasons import LATE, MANAGED, NO_LIVE
from tasks.backups.settings import Backups
from tasks.backups.targets import Target
from tasks.backups.tool_words import error_line
from tasks.check_result import Message, moment, msg
from tasks.database.connection import Server, connected
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved
from tasks.progress import TABLES, tell

_COPY = Path("copy_command")
_CONNECT_S = 10
_DAMAGED = (
    psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted, psycopg.errors.InternalError_,
    psycopg.errors.UndefinedFile,
)  # fmt: skip


def drill_managed(target: Target, backups: Backups, now: datetime, longest_s: float) -> Drill:
    """Let the command restore a snapshot and read the copy, which is dropped at the end whatever came of it.

    The ladder begins at the copy's schema.
    """
    deadline = Deadline.after(min(longest_s, backups.deadline_min * 60), LATE)
    steps = DrillSteps(title_of(target.name, "full"), (DrillStep.RESTORE,))
    begun = Drill(
        backup=None, form=None, steps=(), started_at=now, seconds=0,
        manifest=Unobserved(MANAGED), live=Unobserved(NO_LIVE),
    )  # fmt: skip
    snapshot = steps.run(DrillStep.RESTORE, lambda: _restored(target, backups, deadline))
    if snapshot is None:
        return replace(begun, steps=steps.results, seconds=steps.seconds)
    left_over: Message | None = None
    try:
        with ExitStack() as stack:
            at = reading_place(target, backups, deadline, stack)
            done = replace(_asked(begun, snapshot, target, at), isolation=at.confined.isolation)
    finally:
        left_over = drop_copy(snapshot.made, target)
    return replace(done, steps=steps.results, left_over=left_over, seconds=steps.seconds)


@dataclass(frozen=True, slots=True)
class _Read:
    """What is in the copy, and in the live database at the time of the snapshot."""

    taken_at: datetime
    contents: Contents
    live: Contents | Unobserved


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A copy that is there, and is to be dropped; `read` is None where it cannot be read."""

    made: Made
    taken_at: datetime | None
    read: _Read | None


def _restored(target: Target, backups: Backups, deadline: Deadline) -> Given[_Snapshot]:
    """Raises ObservationError if there is no copy, or none that may be touched."""
    made = make_copy(target, deadline)
    try:
        taken_at = tried(made.taken_at)
        if isinstance(taken_at, Trouble):
            return Given(_Snapshot(made, None, None), taken_at.reason, taken_at.outcome)
        read = tried(lambda: _read(made, taken_at, target, backups, deadline))
    except BaseException:
        drop_copy(made, target)
        raise
    if isinstance(read, Trouble):
        return Given(_Snapshot(made, taken_at, None), read.reason, read.outcome)
    words = msg("copy_command restored a copy as of {at}", at=moment(taken_at))
    return Given(_Snapshot(made, taken_at, read), words, seconds=made.took_s)


def _read(made: Made, taken_at: datetime, target: Target, backups: Backups, deadline: Deadline) -> _Read:
    live = read_live(target, taken_at, backups.exact_rows, deadline)
    return _Read(taken_at, _contents(made.address, taken_at, deadline), live)


def _asked(begun: Drill, snapshot: _Snapshot, target: Target, at: Workplace) -> Drill:
    made, read = snapshot.made, snapshot.read
    if snapshot.taken_at is None:
        return begun
    if read is None:
        return replace(begun, backup=Backup(_COPY, snapshot.taken_at, 0, known_start=True))
    version = read.contents.server_version
    asked = ask(Copy(made.address, None, version, made.address, took_s=made.took_s), target, at)
    return replace(
        begun,
        backup=Backup(_COPY, snapshot.taken_at, read.contents.bytes, known_start=True),
        live=read.live,
        contents=read.contents,
        answers=asked.answers,
        smoke=asked.smoke,
        recovery_s=asked.recovery_s,
        server_version=version,
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
                raise BadBackup(msg("The restored database cannot be read: {why}", why=why)) from None
    except ObservationError:
        deadline.require()  # raises its own reason in place of that of the session it cut
        raise
