"""Which definitions of two databases can be compared, and the names of those that cannot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tasks.backups.facts import Contents
from tasks.backups.judge.restored.expected import brief
from tasks.check_result import Message, msg

_OPTIONAL: Final = {
    "owner": ("owner",),
    "grant": ("grant", "revoke", "default-privileges"),
    "comment": ("comment",),
    "publication": ("publication", "published"),
    "subscription": ("subscription",),
    "security-label": ("security-label",),
}
"""What pg_dump or the drill leaves out on demand, as a whole: --no-owner, --no-privileges, --no-comments, …"""

MINOR: Final = frozenset(kind for kinds in (*_OPTIONAL.values(), ("options", "replica-identity")) for kind in kinds)
"""Kinds without which the service still works: a difference is a warning."""


@dataclass(frozen=True, slots=True)
class Comparable:
    """The lines of both sides that can be compared, and the names of the kinds that cannot, each with its reason."""

    expected: tuple[str, ...]
    found: tuple[str, ...]
    left_out: tuple[tuple[str, Message], ...]


def comparable(expected: Contents, copy: Contents) -> Comparable:
    """Both schemas without what was not read on one side, or is in no such dump."""
    left_out = _unread(expected, copy)
    unread = {kind for kind, _ in left_out}
    for name, kinds in _OPTIONAL.items():
        if not unread & set(kinds) and (why := _left_out_as_a_whole(name, kinds, expected, copy)):
            left_out.append((name, why))
            unread |= set(kinds)

    other = _major(expected) != _major(copy) and any(kind_of(line) == "view" for line in expected.schema)
    if other:
        left_out.append(("text of views", msg("PostgreSQL {one} and {other} write it differently",
                         one=_major(expected), other=_major(copy))))  # fmt: skip

    def kept(lines: Sequence[str]) -> tuple[str, ...]:
        known = (line for line in lines if kind_of(line) not in unread)
        return tuple(line.partition(" AS ")[0] if other and kind_of(line) == "view" else line for line in known)

    return Comparable(kept(expected.schema), kept(copy.schema), tuple(left_out))


def _major(contents: Contents) -> str:
    return contents.server_version.partition(".")[0]


def kind_of(line: str) -> str:
    """The first word."""
    return line.partition(" ")[0]


def _unread(expected: Contents, copy: Contents) -> list[tuple[str, Message]]:
    """Kinds that one side was not read for and the other one has."""
    found = []
    for kind in sorted(set(expected.kinds) ^ set(copy.kinds)):
        if any(kind_of(line) == kind for line in (*expected.schema, *copy.schema)):
            found.append((kind, msg("an older version read one of the two sides: take a new backup")))
    large = [contents.large_objects for contents in (expected, copy)]
    if any(one is None for one in large) and any(one is not None and one.rows for one in large):
        found.append(("large-object", msg("an older version read one of the two sides: take a new backup")))
    return found


def _left_out_as_a_whole(name: str, kinds: Sequence[str], expected: Contents, copy: Contents) -> Message | None:
    wanted = {line for line in expected.schema if kind_of(line) in kinds}
    there = {line for line in copy.schema if kind_of(line) in kinds}
    if wanted == there or not wanted:
        return None
    if name == "owner" and len(_owners(there)) == 1 and _owners(wanted) != _owners(there):
        role = brief(min(_owners(there)))
        return msg("everything restored belongs to {role}: a dump without owners, or they are lost", role=role)
    if name != "owner" and not there:
        return msg("none was restored, {n} were expected: a dump without them, or they are lost", n=len(wanted))
    return None


def _owners(lines: Iterable[str]) -> set[str]:
    return {line.rpartition(" ")[2] for line in lines}
