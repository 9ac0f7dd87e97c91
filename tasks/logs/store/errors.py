"""Errors in the history: which kind a line's error belongs to, and when each kind was seen."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from tasks.canonical import canonical
from tasks.logs.count.batch import ErrorSeen
from tasks.logs.count.fingerprint import ErrorKey
from tasks.logs.count.wording import VARIES as VARYING
from tasks.logs.count.wording import Wording, shared
from tasks.logs.lines.places import OTHER
from tasks.logs.store.wordings import unseen_wordings
from tasks.logs.tables import error_groups

MOST_NAME = 80
"""What the columns hold: SQLite would take more, PostgreSQL refuses it."""
MOST_VARIANTS = 20
"""Messages of one module, error name and frame that stay separate; others are counted with those that they resemble."""
MOST_KINDS = 50
"""Kinds of error of one module, error name and frame, those without any resemblance among them; all others are one."""
MOST_GROUPS = 10_000
"""Kinds of error of a service that stay separate; all others are one."""
_OTHER = ErrorKey(OTHER, OTHER, VARYING, "")

Place = tuple[str, str, str]


@dataclass(slots=True)
class _Grouped:
    """A batch's errors of one group; `folded` are those that have no group of their own, by their fingerprint."""

    seen: ErrorSeen
    folded: dict[str, ErrorSeen] = field(default_factory=dict)


def store_errors(
    connection: Connection, service: int, errors: Mapping[str, ErrorSeen]
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Add errors, in the order in which they were read, to their groups.

    Gives the lines by group and hour, and how many wordings of a group had not been seen before.
    """
    fitting = {fingerprint: _fitting(seen) for fingerprint, seen in errors.items()}
    known = _known(connection, service, {seen.key.module for seen in fitting.values()})
    count = select(func.count()).select_from(error_groups).where(error_groups.c.service_id == service)
    counts: list[tuple[tuple[int, int], tuple[int, int]]] = []
    grouped = _Kinds(known, connection.execute(count).scalar_one()).grouped(fitting)
    for fingerprint, found in grouped.items():
        row, seen = known.get(fingerprint), found.seen
        group = _new(connection, service, fingerprint, seen) if row is None else _seen_again(connection, row, seen)
        unseen = unseen_wordings(connection, group, found.folded)
        counts += [((group, hour), (lines, unseen[hour])) for hour, lines in seen.hours.items()]
    return counts


def _fitting(seen: ErrorSeen) -> ErrorSeen:
    """A copy that the columns hold."""
    key = replace(seen.key, module=seen.key.module[:MOST_NAME], name=seen.key.name[:MOST_NAME])
    first, last = seen.first_release[:MOST_NAME], seen.last_release[:MOST_NAME]
    return replace(seen, key=key, hours=Counter(seen.hours), first_release=first, last_release=last)


def _known(connection: Connection, service: int, modules: set[str]) -> dict[str, Any]:
    c = error_groups.c
    mine = select(error_groups).where(c.service_id == service, c.module.in_({*modules, OTHER})).order_by(c.id)
    return {row.fingerprint: row for row in connection.execute(mine)}


class _Kinds:
    """The kinds of error that are known, and those that a batch adds."""

    def __init__(self, known: Mapping[str, Any], total: int) -> None:
        self._fingerprints, self._total = set(known), total
        self._wordings: defaultdict[Place, list[tuple[ErrorKey, Wording]]] = defaultdict(list)
        for row in known.values():
            self._remember(ErrorKey(row.module, row.name, row.message, row.frame))

    def grouped(self, errors: Mapping[str, ErrorSeen]) -> dict[str, _Grouped]:
        """The errors by the fingerprint of their group; one that has a group keeps it, however many come after it."""
        grouped: dict[str, _Grouped] = {}
        for own, seen in errors.items():
            fingerprint, key = own, seen.key
            if own not in self._fingerprints:
                key = self._kind_of(key)
                fingerprint = own if key == seen.key and key.message != VARYING else key.fingerprint
                if fingerprint not in self._fingerprints:
                    self._fingerprints.add(fingerprint)
                    self._total += 1
                    self._remember(key)
            if fingerprint in grouped:
                grouped[fingerprint].seen.add(seen)
            else:
                grouped[fingerprint] = _Grouped(replace(seen, key=key))
            if key != seen.key:
                grouped[fingerprint].folded[own] = seen
        return grouped

    def _kind_of(self, key: ErrorKey) -> ErrorKey:
        """The kind of an error that has no group: its own, or that of the texts which it resembles."""
        kinds = self._wordings[_place(key)]
        found = key
        if key.message != VARYING and len(kinds) >= MOST_VARIANTS:
            found = _resembled(key, kinds) or key
            is_full = len(kinds) >= MOST_KINDS and found.fingerprint not in self._fingerprints
            found = replace(key, message=VARYING) if is_full else found
        if self._total >= MOST_GROUPS and found.fingerprint not in self._fingerprints:
            return _OTHER
        return found

    def _remember(self, key: ErrorKey) -> None:
        if key.message != VARYING:
            self._wordings[_place(key)].append((key, Wording.of(key.message)))


def _resembled(key: ErrorKey, kinds: list[tuple[ErrorKey, Wording]]) -> ErrorKey | None:
    """The kind whose varying text this is, or what it and another text have in common."""
    mine = Wording.of(key.message)
    for kind, wording in kinds:
        if wording.varies and shared(wording, mine) is not None:
            return kind
    for _, wording in kinds:
        if (text := shared(wording, mine)) is not None:
            return replace(key, message=text)
    return None


def _place(key: ErrorKey) -> Place:
    return key.module, key.name, key.frame


def _new(connection: Connection, service: int, fingerprint: str, seen: ErrorSeen) -> int:
    values = {
        **asdict(seen.key),
        "service_id": service,
        "fingerprint": fingerprint,
        "exemplar": canonical(asdict(seen.exemplar)),
        "first_seen": seen.first,
        "last_seen": seen.last,
        "first_release": seen.first_release,
        "last_release": seen.last_release,
        "state": "open",
        "resolved_release": "",
        "assignee": "",
    }
    return int(connection.execute(insert(error_groups).values(values).returning(error_groups.c.id)).scalar_one())


def _seen_again(connection: Connection, row: Any, seen: ErrorSeen) -> int:
    values: dict[str, Any] = {}
    if seen.first is not None and (row.first_seen is None or seen.first < row.first_seen):
        values |= {"first_seen": seen.first, "first_release": seen.first_release}
    if seen.last is not None and (row.last_seen is None or seen.last >= row.last_seen):
        values |= {"last_seen": seen.last, "last_release": seen.last_release}
    if values:
        connection.execute(update(error_groups).where(error_groups.c.id == row.id).values(values))
    return int(row.id)
