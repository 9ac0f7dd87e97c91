"""A server's own marks on columns, which a pg_dump older than its minor release takes for options and dumps."""

import re
from collections.abc import Iterator
from typing import Final

MARK: Final = "pg_attver"
"""Minor releases of 2026 keep it among a column's options, and their own pg_dump leaves it out. A pg_dump that does not
know it, such as 18.4 of a 15.20 server, writes it, and a server that does not know it rejects the whole table.
"""

_REJECTED: Final = f'unrecognized parameter "{MARK}"'.encode()
_OPTIONS = re.compile(rb"(ALTER (?:FOREIGN )?TABLE ONLY .+ ALTER COLUMN .+ SET \()(.+)(\);\r?\n)")
_ROWS, _ROWS_END = re.compile(rb"COPY .+ FROM stdin;\r?\n"), re.compile(rb"\\\.\r?\n")


def rejected(errors: bytes) -> bool:
    """Whether it is what a restore ended at."""
    return _REJECTED in errors


def without_mark(text: Iterator[bytes]) -> Iterator[bytes]:
    """A dump in SQL without the mark; rows stay as they are, whatever is in them."""
    in_rows, rest = False, b""
    for piece in text:
        *lines, rest = (rest + piece).split(b"\n")
        kept = []
        for line in lines:
            line += b"\n"
            if in_rows:
                in_rows = _ROWS_END.fullmatch(line) is None
            elif line.startswith(b"ALTER "):
                line = _without(line)
            elif line.startswith(b"COPY "):
                in_rows = _ROWS.fullmatch(line) is not None
            kept.append(line)
        yield b"".join(kept)
    yield rest


def _without(line: bytes) -> bytes:
    found = _OPTIONS.fullmatch(line)
    if found is None:
        return line
    before, options, after = found.groups()
    others = [one for one in options.split(b", ") if not one.startswith(f"{MARK}=".encode())]
    return before + b", ".join(others) + after if others else b""
