"""Dumps of pg_dumpall: the roles, then each database in a part of its own."""

import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Form
from tasks.backups.formats.interface import Copy, Decoded, Head, Known, Workplace
from tasks.backups.formats.physical.cluster import chosen_database
from tasks.backups.formats.programs import fitting
from tasks.backups.formats.server import EmptyDatabase, reserve
from tasks.backups.formats.sql.created import NOTHING, CreatedDatabase, created_in, part_of, without
from tasks.backups.formats.sql.globals import MOST_BYTES, make_globals, statements_of
from tasks.backups.formats.sql.psql import key_of, restored_by_script
from tasks.backups.formats.sql.sql_dump import TAIL_BYTES, head_in, require_end, with_progress
from tasks.backups.formats.sql.statements import Statements
from tasks.backups.formats.sql.whole_text import WholeText, start_of, text_of
from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.postgres.throwaway import throwaway_postgres

CLUSTER_START: Final = b"-- PostgreSQL database cluster dump"
_CLUSTER_END = b"-- PostgreSQL database cluster dump complete"
_DATABASE = b'-- Database "'
_START_BYTES = 65536
_NOTHING = re.compile(rb"(?:%b)*+" % NOTHING)


@dataclass(frozen=True, slots=True)
class Part:
    """One database's part of the text: where it is, and what its first lines state."""

    created: CreatedDatabase
    head: Head
    key: bytes = field(repr=False)
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DecodedParts(Decoded):
    """A dump that was read to its end: its statements before the databases, and where each database is."""

    statements: tuple[bytes, ...] = field(default=(), repr=False)
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class DumpAll:
    """What pg_dumpall writes, gzipped or not: only read, never taken."""

    form: Form
    packed: bool = False

    def read_head(self, plain: Path, at: Workplace) -> Head:
        """Nothing: a part has its own head."""
        start = start_of(plain, packed=self.packed)
        if _CLUSTER_END in start and b"\n" + _DATABASE not in start:
            raise _only_globals()
        return Head(needed_major=head_in(start, None).needed_major)

    def decode(self, plain: Path, head: Head, at: Workplace) -> Decoded:
        """Read every part to its end mark, and the dump to its own."""
        text, division = WholeText(plain, self.packed, at), _Division()
        for piece in text.pieces():
            division.add(piece)
        statements, parts = division.ended()
        text.require_allowed()
        needed = max(part.head.needed_major for part in parts)
        return DecodedParts(
            replace(head, needed_major=needed, plain_bytes=text.size),
            text.files(),
            plain,
            statements=statements,
            parts=parts,
        )

    def restore(self, decoded: Decoded, bytes: int, known: Known, at: Workplace) -> Copy:
        """Make the roles, and restore each database into one of its own; gives that which is to be checked."""
        assert isinstance(decoded, DecodedParts)
        wanted = chosen_database([part.created.name for part in decoded.parts], known.database)
        reserve(decoded.head.plain_bytes * 2, at)
        programs = fitting(at.installations(), decoded.head.needed_major)
        server = at.stack.enter_context(throwaway_postgres(at.confinement.room("server"), programs, at.deadline))
        make_globals(decoded.statements, server)
        # The wanted one first: what is wrong with it is said before what is wrong with another one.
        first, *others = sorted(decoded.parts, key=lambda part: part.created.name != wanted)
        copy = self._restored(first, decoded.place, EmptyDatabase(server, programs, ""), at)
        for part in others:
            try:
                self._restored(part, decoded.place, EmptyDatabase(server, programs, ""), at, keep=False)
            except BadBackup as bad:
                name = external_text(part.created.name, 80)
                raise BadBackup(
                    msg("Database {name} of the same dump is damaged: {why}", name=name, why=str(bad))
                ) from None
        return copy

    def _restored(self, part: Part, plain: Path, server: EmptyDatabase, at: Workplace, *, keep: bool = True) -> Copy:
        database = server.another(part.head)
        database.make_namesake(part.created.name)

        def text() -> Iterator[builtins.bytes]:
            whole = text_of(with_progress(plain), packed=self.packed)
            return without(part_of(whole, part.start, part.end), part.created.cuts)

        copy = restored_by_script(text, part.key, database, at, roles_known=True)
        if not keep:
            database.drop()
        return copy


class _Division:
    """Divides a text, given piece by piece, by the lines that pg_dumpall writes between the databases."""

    def __init__(self) -> None:
        self._lines, self._pending, self._given = Statements(), b"", 0
        self._globals = self._current = _Stretch(0, MOST_BYTES)
        self._parts: list[Part] = []
        self._after: _Stretch | None = None

    def add(self, piece: bytes, *, last: bool = False) -> None:
        """The next piece; raises BadBackup."""
        self._pending += piece
        for place, line in self._lines.marks(piece, last=last):
            self._give(place)
            self._divide(place, line.rstrip())
        self._give(self._lines.read)

    def ended(self) -> tuple[tuple[bytes, ...], tuple[Part, ...]]:
        """The statements before the databases, and the parts; raises BadBackup or ObservationError."""
        self.add(b"", last=True)
        if self._after is None:
            raise BadBackup(msg("The dump has no end mark: it was truncated, or pg_dumpall crashed"))
        if _NOTHING.fullmatch(bytes(self._after.start)) is None:
            raise BadBackup(msg("The dump contains more behind its end mark"))
        if not self._parts:
            raise _only_globals()
        names = [part.created.name for part in self._parts]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise BadBackup(msg("The dump contains database {name} twice", name=external_text(twice, 80)))
        return statements_of(bytes(self._globals.start)), tuple(self._parts)

    def _give(self, place: int) -> None:
        size = place - self._given
        self._current.add(self._pending[:size])
        self._pending, self._given = self._pending[size:], place

    def _divide(self, place: int, line: bytes) -> None:
        if line == CLUSTER_START and self._current is self._globals and not self._globals.named:
            self._globals.named = True
            return
        if self._after is not None or line == CLUSTER_START:
            raise BadBackup(msg("The dump contains more behind its end mark"))
        if self._current is not self._globals:
            self._parts.append(self._current.as_part(place))
        self._current = _Stretch(place, _START_BYTES)
        if line == _CLUSTER_END:
            self._after = self._current


class _Stretch:
    """A stretch of the text: its first bytes, and its last."""

    def __init__(self, place: int, most: int) -> None:
        self.start, self.named = bytearray(), False
        self._place, self._most, self._tail = place, most, b""

    def add(self, text: bytes) -> None:
        self.start += text[: self._most - len(self.start)]
        self._tail = (self._tail + text)[-TAIL_BYTES:]

    def as_part(self, end: int) -> Part:
        """A database's part; raises BadBackup for one that is cut short."""
        start = bytes(self.start)
        created, key = created_in(start), key_of(start)
        if created is None:
            raise BadBackup(msg("A part of the dump does not say which database it is of, or its head is damaged"))
        require_end(self._tail, key)
        return Part(created, head_in(start, created), key, self._place, end)


def _only_globals() -> ObservationError:
    return ObservationError(
        msg(
            "The dump has roles and tablespaces only (pg_dumpall --globals-only), and no database: set pattern to "
            "the dumps of the database"
        )
    )


DUMP_ALL: Final = DumpAll(Form.DUMP_ALL)
DUMP_ALL_GZ: Final = DumpAll(Form.DUMP_ALL_GZ, packed=True)
