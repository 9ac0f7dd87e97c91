"""Judges of the database: inside, at and outside each limit, and never a PASS for what was not seen."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from tasks.check_result import CheckResult, Quantity, Status, Table, msg
from tasks.database.checks import CHECKS
from tasks.database.facts import (
    Cache,
    Connections,
    DatabaseFacts,
    Exhausted,
    Locks,
    LockWait,
    Replication,
    Session,
    Size,
    Slot,
    Standby,
    TableRows,
    Transactions,
    Vacuum,
    Wraparound,
)
from tasks.database.judge import (
    judge_cache,
    judge_connections,
    judge_database,
    judge_locks,
    judge_replication,
    judge_size,
    judge_transactions,
    judge_vacuum,
    judge_wraparound,
    size_gb,
)
from tasks.database.limits import DatabaseLimits
from tasks.database.readings import database_readings, unseen_database
from tasks.observation import Absent, Unobserved

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LIMITS = DatabaseLimits()
BLIND = Unobserved(msg("The connection to the database was lost"))
PASS, WARN, FAIL, UNKNOWN, SKIPPED = Status
FORCED = 200_000_000
MB = 1_000_000
WELL = DatabaseFacts(
    connections=Connections(5, 97, (("idle", 5),)),
    transactions=Transactions(0.0, 0.0, 0.0, ()),
    locks=Locks(()),
    wraparound=Wraparound("shop", 1000, FORCED, 10, 2 * FORCED),
    replication=Replication((Standby("b", "streaming", 0, None),), (Slot("b", True, 0, "reserved"),), None, False),
    vacuum=Vacuum(1000, 10, (TableRows("public.items", 1000, 10, ""),)),
    cache=Cache(9900, 100),
    size=Size("shop", 5 * MB, (("public.items", MB),)),
)


def reason_of(result: CheckResult) -> str:
    return result.reason.text.format(**result.reason.params)


def standbys(*results: CheckResult) -> Sequence[tuple[str, Status]]:
    return [(r.subject, r.status) for r in results]


class TestLimits:
    """Each figure just inside, at, and just outside its limit."""

    @pytest.mark.parametrize(
        ("used", "status"), [(799, PASS), (800, PASS), (801, WARN), (950, WARN), (951, FAIL), (1003, FAIL)]
    )
    def test_connections(self, used: int, status: Status) -> None:
        result = judge_connections(Connections(used, 1000, (("idle", used),)), LIMITS, NOW)
        assert (result.status, result.observed) == (status, Quantity(used / 10, "%"))

    def test_a_server_without_a_connection_left_fails(self) -> None:
        result = judge_connections(Exhausted(), LIMITS, NOW)
        assert (result.status, reason_of(result)) == (FAIL, "The database has no connections left")

    @pytest.mark.parametrize(
        ("ages", "status"),
        [
            ((300.0, 60.0, 300.0), PASS),
            ((300.1, 0, 0), WARN),
            ((3600.0, 0, 0), WARN),
            ((3600.1, 0, 0), FAIL),
            ((61, 60.1, 0), WARN),
            ((901, 900.1, 0), FAIL),
            ((0, 0, 300.1), WARN),
            ((0, 0, 3600.1), FAIL),
        ],
    )
    def test_transactions(self, ages: tuple[float, float, float], status: Status) -> None:
        assert judge_transactions(Transactions(*ages, sessions=()), LIMITS, NOW).status is status

    def test_open_transactions_are_listed_without_their_statements(self) -> None:
        session = Session(42, "shop", "web", "idle in transaction", 70.04, 65.0)
        result = judge_transactions(Transactions(70.0, 65.0, 0.0, (session,)), LIMITS, NOW)
        [table] = result.evidence
        assert isinstance(table, Table)
        assert table.rows == (("42", "shop", "web", "idle in transaction", 70.0, 65.0),)
        assert (result.status, reason_of(result)) == (WARN, "Longest idle in a transaction: 65.0 s")

    @pytest.mark.parametrize(("wait", "status"), [(4.9, PASS), (5.0, PASS), (5.1, WARN), (60.0, WARN), (60.1, FAIL)])
    def test_locks(self, wait: float, status: Status) -> None:
        waits = (LockWait(1, wait, "ExclusiveLock", "items", "2"), LockWait(3, 0.1, "ShareLock", "items", "1"))
        assert judge_locks(Locks(waits), LIMITS, NOW).status is status

    @pytest.mark.parametrize(
        ("xid", "multixact", "status"),
        [
            (FORCED, 2 * FORCED, PASS),
            (FORCED * 1.1, 0, PASS),
            (FORCED * 1.11, 0, WARN),
            (0, FORCED * 2.21, WARN),
            (1_000_000_000, 0, WARN),
            (1_000_000_001, 0, FAIL),
            (0, 1_000_000_001, FAIL),
        ],
    )
    def test_wraparound(self, xid: float, multixact: float, status: Status) -> None:
        seen = Wraparound("shop", round(xid), FORCED, round(multixact), 2 * FORCED)
        assert judge_wraparound(seen, LIMITS, NOW).status is status

    @pytest.mark.parametrize(
        ("size", "seconds", "status"),
        [
            (256 * MB, 60.0, PASS),
            (257 * MB, None, WARN),
            (4097 * MB, None, FAIL),
            (0, 60.1, WARN),
            (0, 600.0, WARN),
            (0, 600.1, FAIL),
            (None, 0.0, UNKNOWN),
        ],
    )
    def test_standby(self, size: int | None, seconds: float | None, status: Status) -> None:
        seen = Replication((Standby("b", "streaming", size, seconds),), (), None, False)
        assert standbys(*judge_replication(seen, LIMITS, NOW)) == [("database/standby:b", status)]

    @pytest.mark.parametrize(
        ("retained", "wal", "status"),
        [
            (1024 * MB, "reserved", PASS),
            (1025 * MB, "extended", WARN),
            (16385 * MB, "extended", FAIL),
            (None, "lost", FAIL),
            (None, "", SKIPPED),
        ],
    )
    def test_slot(self, retained: int | None, wal: str, status: Status) -> None:
        seen = Replication((), (Slot("s", False, retained, wal),), None, False)
        assert standbys(*judge_replication(seen, LIMITS, NOW)) == [("database/slot:s", status)]

    @pytest.mark.parametrize(
        ("lag", "receiving", "status"),
        [(60.0, True, PASS), (60.1, True, WARN), (600.1, True, FAIL), (0.0, False, FAIL), (None, True, UNKNOWN)],
    )
    def test_the_server_is_a_standby_itself(self, lag: float | None, receiving: bool, status: Status) -> None:
        [result] = judge_replication(Replication((), (), lag, receiving), LIMITS, NOW)
        assert result.status is status

    @pytest.mark.parametrize(
        ("live", "dead", "status"),
        [(40_000, 10_000, PASS), (39_000, 10_000, WARN), (1, 9_999, PASS), (0, 10_000, WARN)],
    )
    def test_dead_rows(self, live: int, dead: int, status: Status) -> None:
        seen = Vacuum(live, dead, (TableRows("public.items", live, dead, ""),))
        assert judge_vacuum(seen, LIMITS, NOW).status is status

    @pytest.mark.parametrize(
        ("hits", "reads", "status"), [(9001, 999, PASS), (9000, 1000, PASS), (8980, 1020, WARN), (9999, 0, SKIPPED)]
    )
    def test_cache(self, hits: int, reads: int, status: Status) -> None:
        assert judge_cache(Cache(hits, reads), LIMITS, NOW).status is status

    @pytest.mark.parametrize(
        ("gigabytes", "status"), [(9.99, PASS), (10, PASS), (10.01, WARN), (20, WARN), (20.01, FAIL)]
    )
    def test_size(self, gigabytes: float, status: Status) -> None:
        limits = DatabaseLimits(warn_size_gb=10, fail_size_gb=20)
        assert judge_size(Size("shop", round(gigabytes * 1e9), ()), limits, NOW).status is status

    def test_size_without_a_limit_is_shown_and_not_judged(self) -> None:
        result = judge_size(WELL.size, LIMITS, NOW)
        assert (result.status, len(result.evidence)) == (SKIPPED, 1)


class TestNotSeen:
    """One part that was not seen is UNKNOWN and leaves the others alone."""

    def test_all_is_well(self) -> None:
        statuses = {r.status for r in judge_database(WELL, LIMITS, NOW)}
        assert statuses == {PASS, SKIPPED}

    @pytest.mark.parametrize("part", [field.name for field in fields(DatabaseFacts) if field.name != "numbers"])
    def test_a_part(self, part: str) -> None:
        results = judge_database(replace(WELL, **{part: BLIND}), LIMITS, NOW)
        assert [(r.check, r.reason) for r in results if r.status is UNKNOWN] == [
            (f"resources.database-{part}", BLIND.reason)
        ]
        assert unseen_database(replace(WELL, **{part: BLIND})) == (BLIND,)

    def test_nothing_seen_and_nothing_asked_for(self) -> None:
        unset = Absent(msg("[database] url is not set in the service file"))
        for seen, status in ((BLIND, UNKNOWN), (unset, SKIPPED)):
            results = judge_database(seen, LIMITS, NOW)
            assert [(r.check, r.status) for r in results] == [(check.id, status) for check in CHECKS]


def test_readings_are_what_was_seen() -> None:
    readings = {(r.name, r.subject): (r.value, r.unit) for r in database_readings(WELL)}
    assert readings["database.connections", "database"] == (pytest.approx(100 * 5 / 97), "%")
    assert readings["database.standby-lag", "database/standby:b"] == (0, "B")
    assert readings["database.size", "database"] == (5 * MB, "B")
    full = DatabaseFacts(Exhausted(), BLIND, BLIND, BLIND, BLIND, BLIND, BLIND, BLIND)
    assert [(r.name, r.value) for r in database_readings(full)] == [("database.connections", 100.0)]


def test_the_size_that_stands_at_the_top() -> None:
    assert size_gb(replace(WELL, size=Size("shop", 1_234_567_890, ()))) == 1.23
    assert size_gb(replace(WELL, size=BLIND)) is size_gb(BLIND) is size_gb(Absent(msg("none"))) is None
