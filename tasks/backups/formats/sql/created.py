"""The head of a dump that creates its database, as pg_dump --create and pg_dumpall write it: read strictly.

A drill makes the database itself, so that neither CREATE DATABASE nor psql's `\\connect` is run. Whatever else stands
there, another `\\connect` for one, is left for psql, which refuses it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict

NAME = rb'(?>[A-Za-z_\x80-\xff][\w$\x80-\xff]*+|"(?>[^"\0]|"")++")'
REST = rb"(?>[^;'\"]|(?<=E)'(?>[^'\\]|''|\\[\s\S])*+'|'(?>[^']|'')*+'|\"(?>[^\"]|\"\")*+\")*+;\r?\n"
"""A name, and a statement to its end, without ever trying another way to read the same."""

NOTHING = rb"\r?\n|--[^\n]*\n|SET \w+ = (?>'[^'\\\n]*'|\w+);\r?\n|\\(?:un)?restrict \w+\r?\n"
"""What says nothing about a database."""

_ITEMS = re.compile(
    rb"(?P<create>CREATE DATABASE (?P<name>%(name)s)(?: WITH)?(?: \w+ = (?>'[^'\\]*'|%(name)s|-?\d+))*+;\r?\n)"
    rb"|(?P<drop>\\encoding SQL_ASCII\r?\n|DROP DATABASE (?:IF EXISTS )?%(name)s;\r?\n"
    rb"|UPDATE pg_catalog\.pg_database SET datistemplate = \w+ WHERE datname = '[^'\\]*';\r?\n)"
    rb"|(?P<connect>\\connect (?P<target>[^\r\n]+)\r?\n)"
    rb"|(?:%(nothing)s|SELECT pg_catalog\.set_config\('search_path', '', false\);\r?\n"
    rb"|(?:ALTER DATABASE|COMMENT ON DATABASE|ALTER ROLE %(name)s IN DATABASE|GRANT [\w, ]+ ON DATABASE"
    rb"|REVOKE [\w, ]+ ON DATABASE|SECURITY LABEL FOR %(name)s ON DATABASE) %(rest)s)"
    % {b"name": NAME, b"rest": REST, b"nothing": NOTHING}
)
_ENCODING = re.compile(rb" ENCODING = '([\w-]+)'")
_KEPT = ("postgres", "template1")
"""What a new server has, so that pg_dumpall does not create it."""


@dataclass(frozen=True, slots=True)
class CreatedDatabase:
    """The database that a dump restores into; `cuts` are the places of what the drill does in its stead."""

    name: str
    encoding: str
    cuts: tuple[tuple[int, int], ...]


def created_in(start: bytes) -> CreatedDatabase | None:
    """What the first bytes of a dump, or of a database's part of one, create; None where they create nothing."""
    place, name, encoding, connected = 0, "", "", False
    cuts: list[tuple[int, int]] = []
    while (item := _ITEMS.match(start, place)) is not None:
        if item["create"]:
            if name:
                return None
            found = _ENCODING.search(item["create"])
            name, encoding = _unquoted(item["name"]), found[1].decode() if found else ""
        if item["connect"]:
            target = _target(item["target"])
            if not name and target in _KEPT:
                name = target
            if not name or target != name:
                break
            connected = True
        if item["create"] or item["drop"] or item["connect"]:
            cuts.append(item.span())
        place = item.end()
    return CreatedDatabase(name, encoding, tuple(cuts)) if connected else None


def without(text: Iterator[bytes], cuts: tuple[tuple[int, int], ...]) -> Iterator[bytes]:
    """A text without some places of it, which are in order."""
    place = 0
    for piece in text:
        kept, at = [], 0
        for start, end in cuts:
            kept.append(piece[at : max(at, start - place)])
            at = max(at, min(len(piece), end - place))
        yield b"".join((*kept, piece[at:]))
        place += len(piece)


def part_of(text: Iterator[bytes], start: int, end: int) -> Iterator[bytes]:
    """The bytes between two places of a text."""
    place = 0
    for piece in text:
        if place >= end:
            return
        if place + len(piece) > start:
            yield piece[max(0, start - place) : end - place]
        place += len(piece)


def _target(text: bytes) -> str | None:
    """The database that `\\connect` names, None if it names anything besides."""
    if re.fullmatch(NAME, text) is not None:
        return _unquoted(text)
    if (quoted := re.fullmatch(rb'-reuse-previous=on ("(?:[^"]|"")+")', text)) is None:
        return None
    try:
        found = conninfo_to_dict(_unquoted(quoted[1]))
    except psycopg.Error:
        return None
    return str(found["dbname"]) if found.keys() == {"dbname"} else None


def _unquoted(name: bytes) -> str:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        text = name.decode("latin-1")
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
