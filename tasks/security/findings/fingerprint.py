"""What a finding is recognised by: its place in the program, not its line."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tasks.security.facts.scans import Kind
from tasks.security.findings.nodes import Sought, find_nodes, in_words

VERSION: Final = "1"
_MOST_PARSED_BYTES = 4 * 1024 * 1024
"""Python takes some two hundred times as much memory for the tree of a program; this is our own process."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The key of a finding, and its body: the key without the path."""

    key: str
    body: str


@dataclass(frozen=True, slots=True)
class CodePlace:
    """Where a rule found something: a line, its node's columns (in bytes of UTF-8), and the first and last line.

    A column of -1 is not known.
    """

    rule: str
    line: int
    column: int
    end_column: int
    first: int
    last: int


def fingerprint(kind: Kind, path: str, *parts: str | int) -> Fingerprint:
    """The fingerprint of what these parts describe."""
    body = [VERSION, kind.value, *parts]
    return Fingerprint(_digest([*body, path]), _digest(body))


def code_fingerprints(path: str, source: bytes, places: Sequence[CodePlace]) -> list[Fingerprint]:
    """A fingerprint of each place in one file, in the order of the places.

    It rests on the rule, the scope, the syntax tree of the place and how many same ones stand before it; where there is
    no tree, on the code without its white space. So shifted lines and another layout leave it as it is.
    """
    described = _described(source, places)
    counts: dict[tuple[str, ...], int] = {}
    found: dict[int, Fingerprint] = {}
    for number in sorted(range(len(places)), key=lambda number: _order(places[number])):
        what = (places[number].rule, *described[number])
        occurrence = counts[what] = counts.get(what, -1) + 1
        found[number] = fingerprint(Kind.CODE, path, *what, occurrence)
    return [found[number] for number in range(len(places))]


def _order(place: CodePlace) -> tuple[int, int]:
    return place.line, place.column


def _described(source: bytes, places: Sequence[CodePlace]) -> list[tuple[str, str]]:
    """The scope and the words for the code of each place."""
    sought = [Sought(place.line, place.column, place.end_column, place.first, place.last) for place in places]
    try:
        if len(source) > _MOST_PARSED_BYTES:
            raise MemoryError
        found = find_nodes(source, sought)
        return [
            _folded(source, place) if node is None else (node.scope, in_words(node.node))
            for place, node in zip(places, found, strict=True)
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [_folded(source, place) for place in places]


def _folded(source: bytes, place: CodePlace) -> tuple[str, str]:
    lines = source.splitlines()[max(place.first - 1, 0) : max(place.last, place.line)]
    return "", b" ".join(b" ".join(lines).split()).decode("utf-8", "backslashreplace")


def _digest(parts: Sequence[str | int]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
