"""The team's commands that restore a snapshot of a managed database, and take the copy away again."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tasks.backups.commands import command_environment, command_line, error_summary
from tasks.backups.contents.live import require_other
from tasks.backups.settings import Command
from tasks.backups.targets import Target
from tasks.check_result import Message, msg
from tasks.database.settings import check_database_url
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.processes import Finished, run
from tasks.secrets import keep_secret

_DROP_S = 300.0
_WANTED = msg("copy_command must print postgresql://… and a time with its offset, such as 2026-11-24T02:00:00Z")


@dataclass(frozen=True, slots=True)
class Made:
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


def make_copy(target: Target, deadline: Deadline) -> Made:
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
    return Made(address, "".join(more), fault, round(time.monotonic() - began, 3))


def _none_printed(address: str) -> Message:
    if address:
        return _WANTED
    return msg("copy_command must print the copy's address, and on the next line the time of its snapshot (ISO 8601)")


def drop_copy(made: Made, target: Target) -> Message | None:
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
        name = external_text(command[0])
        raise ObservationError(
            msg("The program that {key} names is not on this machine: {name}", key=key, name=name)
        ) from None


def _fault(key: str, ran: Finished, limit_s: float) -> Message | None:
    if ran.timed_out:
        return msg("{key} did not finish within {seconds} s", key=key, seconds=round(limit_s))
    if ran.returncode == 0:
        return None
    why = error_summary(ran.stderr)
    return msg("{key} ended with exit status {status}: {why}", key=key, status=ran.returncode, why=why)
