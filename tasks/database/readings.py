"""The database's figures as minute samples."""

from collections.abc import Iterator

from tasks.database.facts import Connections, DatabaseFacts, Locks, Replication, Size, Transactions, Vacuum, Wraparound
from tasks.database.judge import SUBJECT
from tasks.observation import Unobserved
from tasks.samples.facts import Reading


def database_readings(seen: DatabaseFacts) -> tuple[Reading, ...]:
    """Every figure that was seen; a server without a connection left counts as 100 %."""
    return tuple(Reading(f"database.{name}", subject, value, unit) for name, subject, value, unit in _figures(seen))


def unseen_database(seen: DatabaseFacts) -> tuple[Unobserved, ...]:
    """Why figures are missing."""
    parts = (
        seen.connections,
        seen.transactions,
        seen.locks,
        seen.wraparound,
        seen.replication,
        seen.vacuum,
        seen.cache,
        seen.size,
    )
    return tuple(part for part in parts if isinstance(part, Unobserved))


def _figures(seen: DatabaseFacts) -> Iterator[tuple[str, str, float, str]]:
    if not isinstance(seen.connections, Unobserved):
        used = seen.connections.used_percent if isinstance(seen.connections, Connections) else 100.0
        yield "connections", SUBJECT, used, "%"
    if isinstance(seen.transactions, Transactions):
        yield "transaction-age", SUBJECT, seen.transactions.oldest_s, "s"
        yield "idle-in-transaction", SUBJECT, seen.transactions.oldest_idle_s, "s"
    if isinstance(seen.locks, Locks):
        yield "lock-wait", SUBJECT, seen.locks.longest_wait_s, "s"
    if isinstance(seen.wraparound, Wraparound):
        yield "xid-age", SUBJECT, seen.wraparound.xid_age, ""
    if isinstance(seen.replication, Replication):
        yield from _replication(seen.replication)
    if isinstance(seen.vacuum, Vacuum):
        yield "dead-rows", SUBJECT, seen.vacuum.dead, ""
    if not isinstance(seen.cache, Unobserved) and seen.cache.hit_percent is not None:
        yield "cache-hit", SUBJECT, seen.cache.hit_percent, "%"
    if isinstance(seen.size, Size):
        yield "size", SUBJECT, seen.size.bytes, "B"


def _replication(seen: Replication) -> Iterator[tuple[str, str, float, str]]:
    for standby in seen.standbys:
        if standby.lag_bytes is not None:
            yield "standby-lag", f"{SUBJECT}/standby:{standby.name}", standby.lag_bytes, "B"
    for slot in seen.slots:
        if slot.retained_bytes is not None:
            yield "slot-retained", f"{SUBJECT}/slot:{slot.name}", slot.retained_bytes, "B"
    if seen.own_lag_s is not None:
        yield "own-lag", SUBJECT, seen.own_lag_s, "s"
