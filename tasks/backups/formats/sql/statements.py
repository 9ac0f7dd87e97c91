"""Follows a dump in SQL as psql reads it: what stands in rows, texts, names and comments begins no line of its own."""

import re
from collections.abc import Iterator
from enum import Enum, auto

_LONG = 1024 * 1024
_KEPT = 128
"""More than the longest token that may be cut in two."""

_TOKEN = re.compile(
    rb"\n|--|/\*|(?<![\w\x80-\xff$])[eE]'|'|\"|(?<![\w\x80-\xff$])\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]{0,63})?\$"
)
_PLAIN = re.compile(rb"(?>[^'\"$\n/\-eE]++|[eE](?!')|'[^']*+'|-(?!-)|/(?!\*))++")
"""Much in one step: what is between tokens, and whole texts that are quoted in the simplest way."""

_MARK = re.compile(rb"(-- (?:PostgreSQL database cluster dump|Database \")[^\n]*\n)|COPY [^\n]* FROM stdin;\r?\n")
_ESCAPED, _COMMENT = re.compile(rb"\\[\s\S]|'"), re.compile(rb"/\*|\*/")
_ROWS_END = re.compile(rb"\n\\\.\r?\n")


class _In(Enum):
    STATEMENT = auto()
    LINE = auto()
    COMMENT = auto()
    TEXT = auto()
    ESCAPED = auto()
    ROWS = auto()


class Statements:
    """Where the lines are with which pg_dumpall divides its dump."""

    def __init__(self) -> None:
        self._rest, self._base, self._state, self._at_start = b"", 0, _In.STATEMENT, True
        self._end, self._depth = b"", 0

    @property
    def read(self) -> int:
        """How many bytes are behind it, in which no mark will be found any more."""
        return self._base

    @property
    def within(self) -> bool:
        """Whether a text, a comment or rows have begun and not ended."""
        return self._state not in (_In.STATEMENT, _In.LINE)

    def marks(self, piece: bytes, *, last: bool = False) -> Iterator[tuple[int, bytes]]:
        """The marks in the next piece: each with its place in the whole."""
        text = self._rest + piece
        limit = len(text) if last else text.rfind(b"\n") + 1
        if len(text) - limit > _LONG:
            limit = len(text) - _KEPT
        place = 0
        while place < limit:
            if self._state is _In.STATEMENT and self._at_start:
                self._at_start = False
                mark = _MARK.match(text, place, limit)
                if mark is not None and mark[1]:
                    yield self._base + place, mark[1]
                elif mark is not None:
                    self._state, place = _In.ROWS, mark.end() - 1  # the end of rows begins with the end of a line
                    continue
            found = self._next(text, place, limit)
            if found is None:
                place = max(place, limit - self._cut_off(text[limit - 1 : limit]))
                break
            place = found
        self._rest, self._base = text[place:], self._base + place

    def _next(self, text: bytes, place: int, limit: int) -> int | None:
        """Behind the next token, whose meaning is remembered; None if there is no whole one."""
        match self._state:
            case _In.STATEMENT:
                return self._token(text, place, limit)
            case _In.LINE | _In.TEXT:
                end = text.find(b"\n" if self._state is _In.LINE else self._end, place, limit)
                if end < 0:
                    return None
                self._at_start = self._state is _In.LINE
                size = 1 if self._state is _In.LINE else len(self._end)
                self._state = _In.STATEMENT
                return end + size
            case _In.ESCAPED:
                found = _ESCAPED.search(text, place, limit)
                if found is not None and found[0] == b"'":
                    self._state = _In.STATEMENT
            case _In.COMMENT:
                found = _COMMENT.search(text, place, limit)
                if found is not None:
                    self._depth += 1 if found[0] == b"/*" else -1
                    self._state = _In.COMMENT if self._depth else _In.STATEMENT
            case _In.ROWS:
                found = _ROWS_END.search(text, place, limit)
                if found is not None:
                    self._state, self._at_start = _In.STATEMENT, True
        return None if found is None else found.end()

    def _cut_off(self, end: bytes) -> int:
        """How many of the last bytes may be the beginning of a token, and are read once more."""
        match self._state:
            case _In.STATEMENT:
                return _KEPT
            case _In.TEXT:
                return len(self._end) - 1
            case _In.ESCAPED:
                return 1 if end == b"\\" else 0
            case _In.COMMENT:
                return 1
            case _In.ROWS:
                return len(b"\n\\.\r")
            case _In.LINE:
                return 0

    def _token(self, text: bytes, place: int, limit: int) -> int | None:
        if (plain := _PLAIN.match(text, place, limit)) is not None:
            end = plain.end()
            if end == limit and text[end - 1] in b"eE-/":  # the rest of a token may follow
                end -= 1
            if end > place:
                return end
        found = _TOKEN.search(text, place, limit)
        if found is None:
            return None
        match found[0]:
            case b"\n":
                self._at_start = True
            case b"--":
                self._state = _In.LINE
            case b"/*":
                self._state, self._depth = _In.COMMENT, 1
            case b"e'" | b"E'":
                self._state = _In.ESCAPED
            case opened:
                self._state, self._end = _In.TEXT, opened
        return found.end()
