"""Runs a plain SQL dump by psql, which takes no commands of its own from it and must have read it to its end."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Final

from tasks.backups.errors import BadBackup
from tasks.backups.formats.interface import Copy, Workplace
from tasks.backups.formats.server import EmptyDatabase, not_restorable
from tasks.backups.formats.sql.internal_options import MARK, rejected, without_mark
from tasks.backups.tool_words import require_good
from tasks.check_result import msg
from tasks.postgres.installation import Installation
from tasks.processes import Finished, feed

_RESTRICTS_SINCE: Final = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
"""The first minor release of each version whose psql has `\\restrict`; later versions always have it."""

_OWN_KEY = re.compile(rb"^\\restrict (\w+)", re.MULTILINE)
_COMMANDS = re.compile(rb"backslash commands are restricted|\\unrestrict: wrong key")
_ERROR = re.compile(rb"^psql:<stdin>:\d+: (?:ERROR|error):", re.MULTILINE)
_ROLLED_BACK = b"ROLLBACK\n"


def key_of(start: bytes) -> bytes:
    """The key with which a dump itself keeps psql's own commands out until its end; empty in an older pg_dump's."""
    found = _OWN_KEY.search(start)
    return found[1] if found else b""


@dataclass(frozen=True, slots=True)
class _Ran:
    """How psql ended, whether it got to the mark behind the dump, and whether the dump took something back."""

    finished: Finished
    to_its_end: bool
    rolled_back: bool


def restored_by_script(
    text: Callable[[], Iterator[bytes]], own_key: bytes, database: EmptyDatabase, at: Workplace, *, roles_known: bool
) -> Copy:
    """The copy that a dump makes, in one transaction, at the first error no further; `text` gives it once more.

    A `\\q` or `\\connect` in it would have psql pass over the rest: psql is restricted before it begins, in place of
    the dump's own `\\restrict`, and shows at its end that it got there. Raises BadBackup or ObservationError.
    """
    psql = _restricting(database.installation, at)
    ran = _run(psql, _without_restriction(text(), own_key), database, at)
    left_out = rejected(ran.finished.stderr)
    if left_out:  # nothing is in the database: it was one transaction
        ran = _run(psql, without_mark(_without_restriction(text(), own_key)), database, at)
    if _COMMANDS.search(ran.finished.stderr) is not None:
        raise BadBackup(
            msg(
                "The dump contains a psql command such as \\q or \\connect, which pg_dump never writes, or a quotation "
                "mark is damaged"
            )
        )
    require_good(ran.finished, not_restorable, program=psql.program("psql"), roles_known=roles_known)
    _require_whole(ran)
    return replace(database.as_copy(), left_out=MARK if left_out else "")


def _run(psql: Installation, text: Iterator[bytes], database: EmptyDatabase, at: Workplace) -> _Ran:
    mark = token_hex(16)
    # Not quiet: a tag for each statement shows whether one of them took others back.
    argv = [psql.program("psql"), "-X", "-At", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-f", "-"]
    with (at.folder / "psql.out").open("w+b") as out:
        finished = feed(
            [*argv, "-d", database.dsn_inside], _framed(text, mark, restricted=_restricts(psql)),
            deadline_s=at.deadline.require(), into=out, **database.server.room.options(*psql.folders),
        )  # fmt: skip
        finished = replace(finished, exceeded=finished.exceeded or database.server.exceeded)
        out.seek(0)
        last, rolled_back = b"", False
        for last in out:
            rolled_back = rolled_back or last == _ROLLED_BACK
    return _Ran(finished, last == f"{mark}{database.name}\n".encode(), rolled_back)


def _require_whole(ran: _Ran) -> None:
    """Raise BadBackup unless psql got to the mark behind the dump, in its database, and nothing was taken back."""
    if not ran.to_its_end:
        raise BadBackup(msg("psql did not run the dump to its end: a command or an unclosed quotation hides the rest"))
    if ran.rolled_back:
        raise BadBackup(msg("The dump contains ROLLBACK, which undoes part of what it restores"))
    if _ERROR.search(ran.finished.stderr) is not None:
        raise BadBackup(msg("The dump tells psql to continue after errors"))


def _framed(text: Iterator[bytes], mark: str, *, restricted: bool) -> Iterator[bytes]:
    if restricted:
        yield f"\\restrict {token_hex(16)}\n".encode()
    yield from text
    yield f"\nSELECT '{mark}' || pg_catalog.current_database();\n".encode()


def _without_restriction(text: Iterator[bytes], key: bytes) -> Iterator[bytes]:
    """The same without the dump's own restriction, wherever it is lifted: ours lasts until the end."""
    if not key:
        yield from text
        return
    own, kept = re.compile(rb"\\(?:un)?restrict " + key), len(key) + len(b"\\unrestrict ") - 1
    rest = b""
    for piece in text:
        whole = own.sub(b"", rest + piece)
        rest = whole[-kept:]
        yield whole[:-kept]
    yield rest


def _restricting(own: Installation, at: Workplace) -> Installation:
    """The server's own psql, or the newest one where that is too old to be restricted."""
    if _restricts(own):
        return own
    newest = max(at.installations(), key=lambda one: one.major)
    return newest if _restricts(newest) else own


def _restricts(installation: Installation) -> bool:
    minor = re.match(r"\d+\.(\d+)", installation.version)
    since = _RESTRICTS_SINCE.get(installation.major)
    if since is None:
        return installation.major > max(_RESTRICTS_SINCE)
    return minor is not None and int(minor[1]) >= since
