"""The messages for what pg_dump writes when it fails."""

import pytest

from tasks.backups.formats.pg_dump_words import dump_failed
from tasks.check_result import Message

# As PostgreSQL 15 to 18 write them in the locale C.
LOCKED = (
    "pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout\npg_dump: detail: Query was: LOCK"
)
DENIED = "pg_dump: error: query failed: ERROR:  permission denied for table secret\npg_dump: detail: Query was: LOCK x"
HIDDEN = 'pg_dump: error: query failed: ERROR:  query would be affected by row-level security policy for table "a b"\n'
FULL = "pg_dump: error: could not write to file: No space left on device\n"
NO_LINE = (
    'pg_dump: error: connection to server at "10.1.2.3", port 5432 failed: '
    'FATAL:  role "kim" is not permitted to log in\n'
)
BROKEN = (
    "pg_dump: last built-in OID is 16383\n"
    'pg_dump: error: Dumping the contents of table "t" failed: PQgetResult() failed.\n'
    "pg_dump: detail: Error message from server: ERROR:  missing chunk number 0 for toast value 17001\n"
    "pg_dump: detail: Command was: COPY public.t (a) TO stdout;\n"
)
VALUE = (
    'pg_dump: error: Dumping the contents of table "t" failed: PQgetResult() failed.\n'
    'pg_dump: detail: Error message from server: ERROR:  invalid input syntax for type integer: "Kim Lee"\n'
)


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (1, LOCKED, "A lock in the database blocked pg_dump: take the backup at another time"),
        (1, HIDDEN, 'Row-level security hides rows of "a b" from the role: ALTER ROLE … BYPASSRLS'),
        (1, FULL, "The disk became full before the backup was complete: free some space, or change pattern"),
        (
            1,
            NO_LINE,
            (
                "pg_dump cannot connect, though another session just could: check whether the server is "
                "out of connections"
            ),
        ),
        (1, BROKEN, "pg_dump failed: missing chunk number 0 for toast value 17001"),
        (1, VALUE, 'pg_dump failed: invalid input syntax for type integer: "…"'),
        (-9, "", "pg_dump was ended by signal 9"),
        (1, "", "pg_dump failed: "),
    ],
)
def test_each_failure_has_its_message(status: int, text: str, expected: str) -> None:
    assert words(dump_failed(status, text)) == expected


def test_what_may_not_be_read_is_named_and_the_grant_too() -> None:
    reason = words(dump_failed(1, DENIED))
    assert reason.startswith("The role may not read table secret: GRANT pg_read_all_data TO the role")


def words(message: Message) -> str:
    return message.text.format(**message.params)
