"""What PostgreSQL's programs say of a backup: whether it is bad, or whether they could not judge it."""

import re
from collections.abc import Callable

from tasks.backups.errors import BadBackup
from tasks.backups.reasons import LATE
from tasks.check_result import Message, msg
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.processes import Finished

# A line of a program that tells of an error; DETAIL and CONTEXT, which hold values of rows, are other lines.
_ERROR = re.compile(r"^.*?\b(?:error|fatal|ERROR|FATAL|PANIC):\s+(.+)$", re.MULTILINE)
_INNER = re.compile(r"^could not execute query: ERROR:\s+")
_VALUE = re.compile(r"^((?:invalid input|malformed|date/time field|value|time zone|bad|unrecognized)\b[^\"]*)\".*$")

_CANNOT: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Message]], ...] = (
    (
        re.compile(r"unsupported version \(([\d.]+)\) in file header"),
        lambda found: msg(
            "The archive has the format {version}, which is newer than every PostgreSQL here can read: "
            "set [backups] postgres to a newer one",
            version=found[1],
        ),
    ),
    (
        re.compile(r"does not support compression with (\w+)"),
        lambda found: msg(
            "The archive is compressed with {method}, which the PostgreSQL here cannot read: "
            "set [backups] postgres to one that can",
            method=found[1],
        ),
    ),
    (
        re.compile(r"extension \"(.+?)\" is not available|extension control file \".*?/([^/]+)\.control\""),
        lambda found: msg(
            "The extension {name} is missing in the drill's PostgreSQL: set [backups] postgres to one that has it",
            name=external_text(found[1] or found[2], 80),
        ),
    ),
    (
        re.compile(r"collation \"(.+?)\".* does not exist|(ICU) is not supported"),
        lambda found: msg(
            "The collation {name} is missing in the drill's PostgreSQL: set [backups] postgres to one that has it",
            name=external_text(found[1] or found[2], 80),
        ),
    ),
    (
        re.compile(r"No space left on device"),
        lambda _: msg("The disk became full: set [backups] folder to a larger one"),
    ),
    (re.compile(r"out of memory|Cannot allocate memory"), lambda _: msg("Memory ran out")),
    (
        re.compile(r"error: connection to server .*? failed: +(.+)|(server closed the connection unexpectedly)"),
        lambda found: msg("The drill's PostgreSQL does not answer: {why}", why=external_text(found[1] or found[2])),
    ),
    (
        re.compile(r"unrecognized configuration parameter \"(.+?)\""),
        lambda found: msg(
            "The dump sets {name}, which the drill's PostgreSQL does not know: set [backups] postgres to a newer one",
            name=external_text(found[1], 80),
        ),
    ),
)  # fmt: skip
_ROLE = re.compile(r"role \"(.+?)\" does not exist")


def require_good(
    finished: Finished, doing: Callable[[str], Message], *, program: str = "pg_restore", roles_known: bool = True
) -> None:
    """Raise BadBackup for what a program says of a backup, ObservationError for what kept it from saying anything.

    `doing` makes the sentence around the program's own words.
    """
    if finished.timed_out:
        raise ObservationError(LATE)
    if finished.returncode == 0 and not finished.truncated:
        return
    text = finished.stderr.decode("utf-8", "replace")
    for pattern, words in _CANNOT:
        if (found := pattern.search(text)) is not None:
            raise ObservationError(words(found))
    if finished.returncode < 0:
        number = -finished.returncode
        raise ObservationError(
            msg("{program} was ended by signal {number}: set [backups] postgres", program=program, number=number)
        )
    if (found := _ROLE.search(text)) is not None:
        raise _missing_role(external_text(found[1], 80), roles_known)
    raise BadBackup(doing(error_line(text)))


def error_line(text: str) -> str:
    """The first error that a program tells of, without values of rows."""
    found = _ERROR.search(text)
    words = _INNER.sub("", found[1]) if found else text.strip().split("\n")[0]
    return external_text(_VALUE.sub(r'\1"…"', words))


def _missing_role(role: str, known: bool) -> Exception:
    if known:
        return BadBackup(
            msg("The backup needs the role {role}, which neither the live server nor the manifest has", role=role)
        )
    return ObservationError(
        msg(
            "The backup needs the role {role}: set live, or keep a manifest, so that a drill knows the roles", role=role
        )
    )
