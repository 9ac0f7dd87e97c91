"""The built-in rules: the limits of the checks, held against what monitoring stores every minute."""

from collections.abc import Iterator
from typing import Any, Final

from tasks.alerts.judge.group import WHOLE
from tasks.alerts.settings import SEVERITIES, Alerts, LevelName, Rule
from tasks.check_result import Check, Message, Severity
from tasks.database.checks import CONNECTIONS, LOCKS, REPLICATION, TRANSACTIONS, WRAPAROUND
from tasks.guide.known import every_check
from tasks.health.checks import LATENCY, LIVENESS, READINESS
from tasks.kpi.checks import KPI, QUEUE
from tasks.kpi.judge import kpi_subject, queue_subject
from tasks.monitoring.collect import MISSING
from tasks.resources.checks import CONTAINER_CPU, CONTAINER_MEMORY, CPU, DISK, INODES, MEMORY, PRESSURE, SWAP
from tasks.settings import Settings

PROBES: Final = {"probe.live": LIVENESS, "probe.ready": READINESS}
WATCH: Final = "schedule.monitoring"
_NAMES: Final[dict[Severity, LevelName]] = {severity: name for name, severity in SEVERITIES.items()}
_MB: Final = 1_000_000
_HYSTERESIS: Final = 0.95
"""A percentage has recovered at this share of its lowest limit."""
_QUEUE_SAMPLES: Final = {"depth": "queue.depth", "oldest_s": "queue.oldest", "failed": "queue.failed"}


def rules_of(settings: Settings, alerts: Alerts) -> tuple[Rule, ...]:
    """The rules of a service file and those built-in ones that it neither replaces nor turns off."""
    own = {(rule.check, rule.sample) for rule in alerts.rule}
    kept = (r for r in _built_in(settings) if (r.check, r.sample) not in own and r.check not in alerts.off)
    return (*alerts.rule, *kept)


def titles() -> dict[str, Message]:
    """The title of every check by its id."""
    return {check.id: check.title for check in every_check()}


def _built_in(settings: Settings) -> Iterator[Rule]:
    yield Rule(check=WATCH, sample=MISSING, at_limit="good", warning=0, bad_minutes=5, of_minutes=5)
    yield from _probes(settings)
    if settings.resources is not None:
        yield from _machines(settings)
    if settings.database is not None:
        yield from _database(settings)
    for kpi in settings.kpi:
        subject = kpi_subject(kpi.name)
        if kpi.floor is not None:
            yield _one(KPI, "kpi.value", kpi.floor, subject=subject, worse="under")
        if kpi.ceiling is not None:
            yield _one(KPI, "kpi.value", kpi.ceiling, subject=subject)
    for queue in settings.queues:
        for figure, _, limit in queue.figures:
            yield _one(QUEUE, _QUEUE_SAMPLES[figure], limit, subject=queue_subject(queue.name))


def _probes(settings: Settings) -> Iterator[Rule]:
    """One instance of several is a warning; the last one, an emergency."""
    if settings.health is None:
        return
    quick: dict[str, Any] = {"worse": "under", "bad_minutes": 2, "of_minutes": 3, "good_minutes": 2}
    for sample, check in PROBES.items():
        if len(settings.targets()) > 1:
            for instance in settings.targets():
                yield Rule(check=check.id, sample=sample, subject=instance.name, warning=0, **quick)
        yield Rule(check=check.id, sample=sample, subject=WHOLE, emergency=0, **quick)
    limit = settings.health.limits.max_latency_ms
    yield _one(LATENCY, "probe.ready.latency", limit, bad_minutes=5, of_minutes=10, good_minutes=5)


def _machines(settings: Settings) -> Iterator[Rule]:
    assert settings.resources is not None
    limits = settings.resources.limits
    slow = {"bad_minutes": 12, "of_minutes": 15, "good_minutes": 5}
    yield _two(CPU, "cpu.used", limits.warn_cpu_percent, limits.fail_cpu_percent, **slow)
    yield _two(
        PRESSURE, "pressure.memory", limits.warn_memory_pressure_percent, limits.fail_memory_pressure_percent, **slow
    )
    yield _two(MEMORY, "memory.used", limits.warn_memory_percent, limits.fail_memory_percent)
    yield _two(SWAP, "swap.used", limits.warn_swap_percent, None, **slow)
    yield _two(DISK, "disk.used", limits.warn_disk_percent, limits.fail_disk_percent)
    yield _two(INODES, "inodes.used", limits.warn_inodes_percent, limits.fail_inodes_percent)
    yield _two(CONTAINER_CPU, "container.throttled", limits.warn_throttled_percent, None, **slow)
    yield _two(
        CONTAINER_MEMORY,
        "container.memory",
        limits.warn_container_memory_percent,
        limits.fail_container_memory_percent,
    )


def _database(settings: Settings) -> Iterator[Rule]:
    assert settings.database is not None
    limits = settings.database.limits
    yield _two(CONNECTIONS, "database.connections", limits.warn_connections_percent, limits.fail_connections_percent)
    yield _two(TRANSACTIONS, "database.transaction-age", limits.warn_transaction_s, limits.fail_transaction_s)
    yield _two(
        TRANSACTIONS,
        "database.idle-in-transaction",
        limits.warn_idle_in_transaction_s,
        limits.fail_idle_in_transaction_s,
    )
    yield _two(LOCKS, "database.lock-wait", limits.warn_lock_wait_s, limits.fail_lock_wait_s)
    yield _two(WRAPAROUND, "database.xid-age", None, limits.fail_xid_age)
    yield _two(REPLICATION, "database.own-lag", limits.warn_replication_lag_s, limits.fail_replication_lag_s)
    for sample, warn, fail in (
        ("database.standby-lag", limits.warn_replication_lag_mb, limits.fail_replication_lag_mb),
        ("database.slot-retained", limits.warn_slot_retained_mb, limits.fail_slot_retained_mb),
    ):
        yield _two(REPLICATION, sample, _MB * warn, _MB * fail)


def _one(check: Check, sample: str, limit: float, **more: Any) -> Rule:
    """A limit that fails has the level of its check."""
    limits: dict[str, Any] = {_NAMES[check.severity]: limit}
    return Rule(check=check.id, sample=sample, at_limit="good", **limits, **more)


def _two(check: Check, sample: str, warn: float | None, fail: float | None, **more: Any) -> Rule:
    """One that warns is information; one that fails has the level of its check."""
    found = (("information", warn), (_NAMES[check.severity], fail))
    limits: dict[str, Any] = {name: limit for name, limit in found if limit is not None}
    recovery = _HYSTERESIS * min(limits.values())
    return Rule(check=check.id, sample=sample, at_limit="good", recovery=recovery, **limits, **more)
