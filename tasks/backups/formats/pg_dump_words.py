"""Why pg_dump failed, as a message that names what to do."""

import re
from collections.abc import Callable

from tasks.backups.tool_words import error_line
from tasks.check_result import Message, msg
from tasks.outside import external_text

_SERVER = re.compile(r"Error message from server: (ERROR: .+)")
_KNOWN: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Message]], ...] = (
    (
        re.compile(r"permission denied for large object (\d+)"),
        lambda found: msg(
            "The role may not read large object {number}, which pg_read_all_data does not allow: GRANT SELECT ON LARGE "
            "OBJECT … TO the role, or ALTER ROLE … SET lo_compat_privileges = on",
            number=found[1],
        ),
    ),
    (
        re.compile(r"permission denied for (\w+(?: \w+)? .+)"),
        lambda found: msg(
            "The role may not read {what}: GRANT pg_read_all_data TO the role, or GRANT SELECT on it and USAGE on its "
            "schema",
            what=external_text(found[1], 130),
        ),
    ),
    (
        re.compile(r"row-level security policy for table (\".+?\")"),
        lambda found: msg(
            "Row-level security hides rows of {table} from the role: ALTER ROLE … BYPASSRLS",
            table=external_text(found[1], 130),
        ),
    ),
    (
        re.compile(r"No space left on device|Disk quota exceeded"),
        lambda _: msg("The disk became full before the backup was complete: free some space, or change pattern"),
    ),
    (
        re.compile(r"canceling statement due to lock timeout"),
        lambda _: msg("A lock in the database blocked pg_dump: take the backup at another time"),
    ),
    (
        re.compile(r"server version mismatch"),
        lambda _: msg("pg_dump is older than the database: set [backups] postgres to a newer one"),
    ),
    (
        # The server's own text contains the role, the database and the host.
        re.compile(r"connection to (?:server|database) .*failed"),
        lambda _: msg(
            "pg_dump cannot connect, though another session just could: check whether the server is out of connections"
        ),
    ),
)


def large_objects_closed(number: int) -> Message:
    """Why no dump is begun by a role that could not finish it."""
    return msg(
        "The role may not read {n} of the large objects, which pg_read_all_data does not allow: GRANT SELECT ON LARGE "
        "OBJECT … TO the role for each, or ALTER ROLE … SET lo_compat_privileges = on",
        n=number,
    )


def dump_failed(status: int, text: str) -> Message:
    """Why there is no dump, without values of rows."""
    for pattern, words in _KNOWN:
        if (found := pattern.search(text)) is not None:
            return words(found)
    if status < 0:
        return msg("pg_dump was ended by signal {number}", number=-status)
    inner = _SERVER.search(text)
    return msg("pg_dump failed: {why}", why=error_line(inner[1] if inner else text))
