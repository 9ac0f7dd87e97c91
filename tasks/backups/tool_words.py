"""Errors of PostgreSQL's programs: a damaged backup, or a backup that they could not judge."""

import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psutil

from tasks.backups.errors import BadBackup
from tasks.backups.reasons import LATE
from tasks.check_result import Message, msg
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.processes import Finished, run
from tasks.sandbox.watch import Exceeded

# A line with an error; DETAIL and CONTEXT, which contain values of rows, are other lines.
_ERROR = re.compile(r"^.*?\b(?:error|fatal|ERROR|FATAL|PANIC):\s+(.+)$", re.MULTILINE)
_INNER = re.compile(r"^could not execute query: ERROR:\s+")
_VALUE = re.compile(
    r"^((?:invalid input|malformed|date/time field|value|time zone|bad|unrecognized(?! (?:\w+ )?parameter))\b"
    r"[^\"]*)\".*$"
)
_NO_MEMORY = re.compile(r"^(?:\w+: (?:error: )?)?out of memory$", re.MULTILINE)
"""Of the program itself, not of the server that it talks to."""

_ENOUGH_BYTES = 256 * 1024 * 1024
"""More than a program needs to read any undamaged backup."""

_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE})
_VERSION_S = 10.0

_TOO_LARGE: Final = msg(
    "The backup takes more disk than a restore drill may use: if it is right, raise [backups] disk_factor"
)
_CANNOT: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Message]], ...] = (
    (
        re.compile(r"unsupported version \(([\d.]+)\) in file header"),
        lambda found: msg(
            "The archive has format {version}, which is too new for every PostgreSQL on this machine: set "
            "[backups] postgres to a newer one",
            version=found[1],
        ),
    ),
    (
        re.compile(r"does not support compression with (\w+)"),
        lambda found: msg(
            "The archive is compressed with {method}, which the PostgreSQL on this machine cannot read: set "
            "[backups] postgres to one that can",
            method=found[1],
        ),
    ),
    (
        re.compile(r"extension \"(.+?)\" is not available|extension control file \".*?/([^/]+)\.control\""),
        lambda found: msg(
            "The restore drill's PostgreSQL has no extension {name}: set [backups] postgres to one that has it",
            name=external_text(found[1] or found[2], 80),
        ),
    ),
    (
        re.compile(r"collation \"(.+?)\".* does not exist|(ICU) is not supported"),
        lambda found: msg(
            "The restore drill's PostgreSQL has no collation {name}: set [backups] postgres to one that has it",
            name=external_text(found[1] or found[2], 80),
        ),
    ),
    (
        re.compile(r"No space left on device"),
        lambda _: msg("The disk became full: set [backups] folder to a larger disk"),
    ),
    (re.compile(r"File too large"), lambda _: _TOO_LARGE),
    (re.compile(r"out of memory|Cannot allocate memory"), lambda _: msg("Out of memory")),
    (
        re.compile(r"error: connection to server .*? failed: +(.+)|(server closed the connection unexpectedly)"),
        lambda found: msg(
            "The restore drill's PostgreSQL does not answer: {why}", why=external_text(found[1] or found[2])
        ),
    ),
    (
        re.compile(r"unrecognized configuration parameter \"(.+?)\""),
        lambda found: msg(
            "The dump sets {name}, which the restore drill's PostgreSQL does not know: set [backups] "
            "postgres to a newer one",
            name=external_text(found[1], 80),
        ),
    ),
)  # fmt: skip
_EXCEEDED: Final[Mapping[str, Message]] = {
    Exceeded.MEMORY: msg("The backup takes more memory than a restore drill may use, three quarters of what is free"),
    Exceeded.DISK: _TOO_LARGE,
    Exceeded.FILES: _TOO_LARGE,
}
_ROLE = re.compile(r"role \"(.+?)\" does not exist")


def require_good(
    finished: Finished, doing: Callable[[str], Message], *, program: str, roles_known: bool = True
) -> None:
    """Raise BadBackup for an error in the backup, ObservationError for what kept a program from judging it.

    `doing` makes the sentence around the program's own error; `program` is its path.
    """
    if finished.timed_out:
        raise ObservationError(LATE)
    if finished.exceeded is not None:
        raise ObservationError(_EXCEEDED[finished.exceeded])
    if finished.returncode == 0 and not finished.truncated:
        return
    text = finished.stderr.decode("utf-8", "replace")
    if _NO_MEMORY.search(text) and psutil.virtual_memory().available > _ENOUGH_BYTES:
        raise BadBackup(
            msg(
                "The backup is damaged: it makes {program} ask for more memory than there is",
                program=Path(program).name,
            )
        )
    for pattern, words in _CANNOT:
        if (found := pattern.search(text)) is not None:
            raise ObservationError(words(found))
    if finished.returncode < 0:
        raise _ended_by_signal(program, -finished.returncode)
    if (found := _ROLE.search(text)) is not None:
        raise _missing_role(external_text(found[1], 80), roles_known)
    raise BadBackup(doing(error_line(text)))


def _ended_by_signal(program: str, number: int) -> Exception:
    """A program that crashes on a backup and runs otherwise was crashed by it."""
    name = Path(program).name
    if number not in _CRASHES:
        return ObservationError(
            msg("{program} was ended by signal {number}: run the restore drill again", program=name, number=number)
        )
    if run([program, "--version"], deadline_s=_VERSION_S).returncode != 0:
        return ObservationError(
            msg(
                "{program} cannot be started on this machine (signal {number}): set [backups] postgres to another "
                "PostgreSQL of the same version",
                program=name,
                number=number,
            )
        )
    return BadBackup(
        msg("The backup is damaged: {program} crashes while reading it (signal {number})", program=name, number=number)
    )


def error_line(text: str) -> str:
    """The first error in a program's output, without values of rows."""
    found = _ERROR.search(text)
    words = _INNER.sub("", found[1]) if found else text.strip().split("\n")[0]
    return external_text(_VALUE.sub(r'\1"…"', words))


def _missing_role(role: str, known: bool) -> Exception:
    if known:
        return BadBackup(
            msg("The backup needs role {role}, which neither the live server nor the manifest has", role=role)
        )
    return ObservationError(
        msg(
            "The backup needs role {role}: set live, or keep a manifest, so that a restore drill knows the roles",
            role=role,
        )
    )
