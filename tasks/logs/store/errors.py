"""Errors in the history: which kind a line's error belongs to, and when each kind was seen."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from tasks.canonical import canonical
from tasks.logs.count.batch import ErrorSeen
from tasks.logs.count.fingerprint import ErrorKey
from tasks.logs.lines.places import OTHER
from tasks.logs.tables import error_groups

MOST_NAME = 80
"""What the columns hold: SQLite would take more, PostgreSQL refuses it."""
VARYING = "<*>"
"""The message of an error whose text varies too much to be a kind of error each."""
MOST_VARIANTS = 20
"""Messages of one module, error name and frame that stay separate; others are one error with a varying text."""
MOST_GROUPS = 10_000
"""Kinds of error of a service that stay separate; all others are one."""
_OTHER = ErrorKey(OTHER, OTHER, VARYING, "")


def store_errors(
    connection: Connection, service: int, errors: Mapping[str, ErrorSeen]
) -> list[tuple[tuple[int, int], tuple[int]]]:
    """Add errors, in the order in which they were read, to their groups; gives the lines by group and hour."""
    fitting = {fingerprint: _fitting(seen) for fingerprint, seen in errors.items()}
    known = _known(connection, service, {seen.key.module for seen in fitting.values()})
    count = select(func.count()).select_from(error_groups).where(error_groups.c.service_id == service)
    counts: list[tuple[tuple[int, int], tuple[int]]] = []
    for fingerprint, seen in _grouped(fitting, known, connection.execute(count).scalar_one()).items():
        row = known.get(fingerprint)
        group = _new(connection, service, fingerprint, seen) if row is None else _seen_again(connection, row, seen)
        counts += [((group, hour), (lines,)) for hour, lines in seen.hours.items()]
    return counts


def _fitting(seen: ErrorSeen) -> ErrorSeen:
    """A copy that the columns hold."""
    key = replace(seen.key, module=seen.key.module[:MOST_NAME], name=seen.key.name[:MOST_NAME])
    first, last = seen.first_release[:MOST_NAME], seen.last_release[:MOST_NAME]
    return replace(seen, key=key, hours=Counter(seen.hours), first_release=first, last_release=last)


def _known(connection: Connection, service: int, modules: set[str]) -> dict[str, Any]:
    c = error_groups.c
    mine = select(error_groups).where(c.service_id == service, c.module.in_({*modules, OTHER}))
    return {row.fingerprint: row for row in connection.execute(mine)}


def _grouped(errors: Mapping[str, ErrorSeen], known: Mapping[str, Any], total: int) -> dict[str, ErrorSeen]:
    """The errors by the fingerprint of their group; one that has a group keeps it, however many come after it."""
    variants = Counter(_place(row) for row in known.values() if row.message != VARYING)
    grouped: dict[str, ErrorSeen] = {}
    for own, seen in errors.items():
        fingerprint, key, place = own, seen.key, _place(seen.key)
        if own not in known and (key.message == VARYING or variants[place] >= MOST_VARIANTS):
            key = replace(key, message=VARYING)
            fingerprint = key.fingerprint
        if fingerprint not in known and fingerprint not in grouped:
            if total >= MOST_GROUPS:
                fingerprint, key = _OTHER.fingerprint, _OTHER
            else:
                total += 1
                variants[place] += key.message != VARYING
        if fingerprint in grouped:
            grouped[fingerprint].add(seen)
        else:
            grouped[fingerprint] = replace(seen, key=key)
    return grouped


def _place(key: Any) -> tuple[str, str, str]:
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
