"""Judges what was seen of the service's PostgreSQL by the limits."""

from datetime import datetime

from tasks.bounds import Bound, Part, judge_worst, not_measured
from tasks.check_result import CheckResult, Limit, Quantity, Status, Table, msg
from tasks.database.checks import (
    CACHE,
    CHECKS,
    CONNECTIONS,
    LOCKS,
    REPLICATION,
    SIZE,
    TRANSACTIONS,
    VACUUM,
    WRAPAROUND,
)
from tasks.database.facts import (
    Cache,
    Connections,
    DatabaseFacts,
    Exhausted,
    Locks,
    Replication,
    Size,
    Slot,
    Standby,
    Transactions,
    Vacuum,
    Wraparound,
)
from tasks.database.limits import DatabaseLimits
from tasks.observation import Absent, Unobserved

SUBJECT = "database"
_OWN = msg("opsrounds' default")
_MB = 1_000_000
_GB = 1_000_000_000


def judge_database(
    seen: DatabaseFacts | Unobserved | Absent, limits: DatabaseLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """Every check of the database."""
    if isinstance(seen, Unobserved | Absent):
        return tuple(not_measured(check, seen, SUBJECT, now) for check in CHECKS)
    return (
        judge_connections(seen.connections, limits, now),
        judge_transactions(seen.transactions, limits, now),
        judge_locks(seen.locks, limits, now),
        judge_wraparound(seen.wraparound, limits, now),
        *judge_replication(seen.replication, limits, now),
        judge_vacuum(seen.vacuum, limits, now),
        judge_cache(seen.cache, limits, now),
        judge_size(seen.size, limits, now),
    )


def judge_connections(seen: Connections | Exhausted | Unobserved, limits: DatabaseLimits, now: datetime) -> CheckResult:
    """Connections in use, of those that ordinary roles may open; a server that has none left fails."""
    bound = Bound("%", _OWN, limits.warn_connections_percent, limits.fail_connections_percent)
    if isinstance(seen, Unobserved):
        return not_measured(CONNECTIONS, seen, SUBJECT, now, bound)
    if isinstance(seen, Exhausted):
        observed, limit = Quantity(100, "%"), bound.limit(100)
        none = msg("The database has no connections left")
        return CONNECTIONS.judged(Status.FAIL, SUBJECT, none, at=now, observed=observed, limit=limit)
    reason = msg("{used} of {all} connections in use", used=seen.used, all=seen.usable)
    table = Table(msg("Connections by state"), (msg("Connection state"), msg("Connections")), seen.states[:20])
    return judge_worst(CONNECTIONS, [Part(round(seen.used_percent, 1), bound, reason)], SUBJECT, now, (table,))


def judge_transactions(seen: Transactions | Unobserved, limits: DatabaseLimits, now: datetime) -> CheckResult:
    """The oldest transaction, the one idle longest, and the oldest prepared one."""
    open_ = Bound("s", _OWN, limits.warn_transaction_s, limits.fail_transaction_s)
    idle = Bound("s", _OWN, limits.warn_idle_in_transaction_s, limits.fail_idle_in_transaction_s)
    if isinstance(seen, Unobserved):
        return not_measured(TRANSACTIONS, seen, SUBJECT, now, open_)
    age, idle_s, prepared = (round(s, 1) for s in (seen.oldest_s, seen.oldest_idle_s, seen.oldest_prepared_s))
    parts = (
        Part(age, open_, msg("Longest open transaction: {seconds} s", seconds=age)),
        Part(idle_s, idle, msg("Longest idle in a transaction: {seconds} s", seconds=idle_s)),
        Part(prepared, open_, msg("Oldest prepared transaction: {seconds} s", seconds=prepared)),
    )
    columns = (msg("PID"), msg("Role"), msg("Application"), msg("Session state"), msg("Open (s)"), msg("Idle (s)"))
    rows = tuple(
        (
            str(s.pid),
            s.role,
            s.application,
            s.state,
            round(s.age_s, 1),
            None if s.idle_s is None else round(s.idle_s, 1),
        )
        for s in seen.sessions
    )
    evidence = (Table(msg("Open transactions, oldest first"), columns, rows),) if rows else ()
    return judge_worst(TRANSACTIONS, parts, SUBJECT, now, evidence)


def judge_locks(seen: Locks | Unobserved, limits: DatabaseLimits, now: datetime) -> CheckResult:
    """The longest wait for a lock."""
    bound = Bound("s", _OWN, limits.warn_lock_wait_s, limits.fail_lock_wait_s)
    if isinstance(seen, Unobserved):
        return not_measured(LOCKS, seen, SUBJECT, now, bound)
    longest = round(seen.longest_wait_s, 1)
    reason = msg("Longest wait for a lock: {seconds} s", seconds=longest)
    if not seen.waits:
        reason = msg("No session is waiting for a lock")
    columns = (msg("PID"), msg("Waiting (s)"), msg("Lock mode"), msg("Locked object"), msg("Blocked by PID"))
    rows = tuple((str(w.pid), round(w.wait_s, 1), w.mode, w.relation, w.blocked_by) for w in seen.waits)
    evidence = (Table(msg("Lock waits, longest first"), columns, rows),) if rows else ()
    return judge_worst(LOCKS, [Part(longest, bound, reason)], SUBJECT, now, evidence)


def judge_wraparound(seen: Wraparound | Unobserved, limits: DatabaseLimits, now: datetime) -> CheckResult:
    """The age of the oldest transaction id, against the age of a forced vacuum and against the end."""
    forced = Bound("%", msg("PostgreSQL's manual, preventing wraparound failures"), warn=limits.warn_xid_age_percent)
    end = Bound("", msg("Amazon RDS's early warning for wraparound"), fail=limits.fail_xid_age)
    if isinstance(seen, Unobserved):
        return not_measured(WRAPAROUND, seen, SUBJECT, now, forced)
    xid = round(100 * seen.xid_age / seen.xid_max_age, 1)
    multi = round(100 * seen.multixact_age / seen.multixact_max_age, 1)
    ages = msg(
        "The oldest transaction ID is {age} transactions old (database {database})",
        age=seen.xid_age,
        database=seen.database,
    )
    multis = msg("The oldest multixact is {age} multixacts old", age=seen.multixact_age)
    parts = (
        Part(xid, forced, ages),
        Part(multi, forced, multis),
        Part(seen.xid_age, end, ages),
        Part(seen.multixact_age, end, multis),
    )
    return judge_worst(WRAPAROUND, parts, SUBJECT, now)


def judge_replication(
    seen: Replication | Absent | Unobserved, limits: DatabaseLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """Each standby, each slot, and the server's own delay if it is a standby."""
    seconds = Bound(
        "s", msg("Zabbix's template for PostgreSQL"), limits.warn_replication_lag_s, limits.fail_replication_lag_s
    )
    if isinstance(seen, Absent | Unobserved):
        return (not_measured(REPLICATION, seen, SUBJECT, now, seconds),)
    results = [_judge_standby(standby, seconds, limits, now) for standby in seen.standbys]
    results += [_judge_slot(slot, limits, now) for slot in seen.slots]
    if seen.own_lag_s is not None:
        results.append(_judge_own_lag(seen, round(seen.own_lag_s, 1), seconds, now))
    elif not results:
        unknown = Unobserved(msg("The standby does not report its lag"))
        results.append(not_measured(REPLICATION, unknown, SUBJECT, now, seconds))
    return tuple(results)


def judge_vacuum(seen: Vacuum | Absent | Unobserved, limits: DatabaseLimits, now: datetime) -> CheckResult:
    """The table with the largest share of dead rows, among those that have enough to matter."""
    bound = Bound("%", msg("PostgreSQL's autovacuum_vacuum_scale_factor"), warn=limits.warn_dead_rows_percent)
    if isinstance(seen, Absent | Unobserved):
        return not_measured(VACUUM, seen, SUBJECT, now, bound)
    columns = (msg("Table"), msg("Dead rows"), msg("Live rows"), msg("Dead (%)"), msg("Last vacuum (UTC)"))
    never = msg("never vacuumed")
    rows = tuple((t.name, t.dead, t.live, round(t.dead_percent, 1), t.last_vacuum or never) for t in seen.tables[:10])
    evidence = (Table(msg("Tables with the most dead rows"), columns, rows),) if rows else ()
    many = [table for table in seen.tables if table.dead >= limits.min_dead_rows]
    if not many:
        whole = round(100 * seen.dead / (seen.live + seen.dead), 1) if seen.dead else 0.0
        few = msg(
            "{dead} dead rows; no table reaches {least}, so the share is not judged",
            dead=seen.dead,
            least=limits.min_dead_rows,
        )
        # Whatever their share, so few dead rows are within the limit.
        return VACUUM.judged(
            Status.PASS, SUBJECT, few, at=now, observed=Quantity(whole, "%"), limit=bound.limit(), evidence=evidence
        )
    worst = max(many, key=lambda table: table.dead_percent)
    reason = msg(
        "{table}: {dead} of {all} rows are dead", dead=worst.dead, all=worst.dead + worst.live, table=worst.name
    )
    return judge_worst(VACUUM, [Part(round(worst.dead_percent, 1), bound, reason)], SUBJECT, now, evidence)


def judge_cache(seen: Cache | Unobserved, limits: DatabaseLimits, now: datetime) -> CheckResult:
    """The share of blocks found in shared buffers, once enough were read."""
    limit = Limit("≥", limits.min_cache_hit_percent, "%", msg("Zabbix's template for PostgreSQL"))
    if isinstance(seen, Unobserved):
        return CACHE.judged(Status.UNKNOWN, SUBJECT, seen.reason, at=now, limit=limit)
    every = seen.hits + seen.reads
    if seen.hit_percent is None or every < limits.min_cache_reads:
        few = msg(
            "Only {n} blocks were read since the last reset, {least} are needed", n=every, least=limits.min_cache_reads
        )
        return CACHE.judged(Status.SKIPPED, SUBJECT, few, at=now, limit=limit)
    share = round(seen.hit_percent, 1)
    status = Status.PASS if share >= limits.min_cache_hit_percent else Status.WARN
    reason = msg("{hits} of {all} blocks were found in shared buffers", hits=seen.hits, all=every)
    return CACHE.judged(status, SUBJECT, reason, at=now, observed=Quantity(share, "%"), limit=limit)


def judge_size(seen: Size | Unobserved, limits: DatabaseLimits, now: datetime) -> CheckResult:
    """The size on disk, judged only against a limit of the service file."""
    if isinstance(seen, Unobserved):
        return SIZE.judged(Status.UNKNOWN, SUBJECT, seen.reason, at=now)
    columns = (msg("Table"), msg("Size (MB)"))
    rows = tuple((name, round(size / _MB, 1)) for name, size in seen.tables)
    evidence = (Table(msg("Largest tables, with indexes"), columns, rows),) if rows else ()
    size = _gb(seen)
    reason = msg("Database {name}: {size} GB", name=seen.database, size=size)
    if limits.warn_size_gb is None and limits.fail_size_gb is None:
        unset = msg(
            "{size} GB; not judged, because [database.limits] warn_size_gb is not set in the service file", size=size
        )
        return SIZE.judged(Status.SKIPPED, SUBJECT, unset, at=now, observed=Quantity(size, "GB"), evidence=evidence)
    bound = Bound("GB", msg("the service file"), limits.warn_size_gb, limits.fail_size_gb)
    return judge_worst(SIZE, [Part(size, bound, reason)], SUBJECT, now, evidence)


def size_gb(seen: DatabaseFacts | Unobserved | Absent) -> float | None:
    """The size on disk as it is shown; None if it was not seen."""
    return _gb(seen.size) if isinstance(seen, DatabaseFacts) and isinstance(seen.size, Size) else None


def _judge_standby(standby: Standby, seconds: Bound, limits: DatabaseLimits, now: datetime) -> CheckResult:
    subject = f"{SUBJECT}/standby:{standby.name}"
    size = Bound("MB", _OWN, limits.warn_replication_lag_mb, limits.fail_replication_lag_mb)
    if standby.lag_bytes is None:
        unknown = Unobserved(msg("The standby does not report its lag"))
        return not_measured(REPLICATION, unknown, subject, now, size)
    lag_mb = _mb(standby.lag_bytes)
    parts = [Part(lag_mb, size, msg("The standby is {size} MB behind ({state})", size=lag_mb, state=standby.state))]
    if standby.lag_s is not None:
        lag_s = round(standby.lag_s, 1)
        parts.append(Part(lag_s, seconds, msg("The standby is {seconds} s behind", seconds=lag_s)))
    return judge_worst(REPLICATION, parts, subject, now)


def _judge_slot(slot: Slot, limits: DatabaseLimits, now: datetime) -> CheckResult:
    subject = f"{SUBJECT}/slot:{slot.name}"
    bound = Bound("MB", _OWN, limits.warn_slot_retained_mb, limits.fail_slot_retained_mb)
    if slot.wal_status == "lost":
        gone = msg("The WAL of this slot is gone: its standby must be rebuilt")
        observed, limit = Quantity(slot.wal_status), Limit("=", "reserved", "", _OWN)
        return REPLICATION.judged(Status.FAIL, subject, gone, at=now, observed=observed, limit=limit)
    if slot.retained_bytes is None:
        unused = Absent(msg("The slot has never been used and retains no WAL"))
        return not_measured(REPLICATION, unused, subject, now, bound)
    retained = _mb(slot.retained_bytes)
    reason = msg("The unused slot retains {size} MB of WAL", size=retained)
    if slot.active:
        reason = msg("The slot is in use and retains {size} MB of WAL", size=retained)
    return judge_worst(REPLICATION, [Part(retained, bound, reason)], subject, now)


def _judge_own_lag(seen: Replication, lag_s: float, seconds: Bound, now: datetime) -> CheckResult:
    reason = msg("This standby is {seconds} s behind its primary", seconds=lag_s)
    if not seen.receiving:
        reason = msg("This standby is not receiving WAL; its data is {seconds} s old", seconds=lag_s)
        observed, limit = Quantity(msg("not receiving")), Limit("=", "streaming", "", _OWN)
        return REPLICATION.judged(Status.FAIL, SUBJECT, reason, at=now, observed=observed, limit=limit)
    return judge_worst(REPLICATION, [Part(lag_s, seconds, reason)], SUBJECT, now)


def _gb(size: Size) -> float:
    return round(size.bytes / _GB, 2)


def _mb(size: int) -> float:
    return round(size / _MB, 1)
