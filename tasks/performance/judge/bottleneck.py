"""Names what limits the service, by fixed rules over what was measured, or says that none of them shows one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.database.limits import DatabaseLimits
from tasks.observation import Absent, Unobserved
from tasks.performance.checks import BOTTLENECK
from tasks.performance.facts import Gauge, Hours, QueryTimes, Signals
from tasks.performance.judge.database import frequent
from tasks.performance.judge.words import NOT_MEASURED, OWN, shown
from tasks.performance.limits import PerformanceLimits
from tasks.resources.limits import ResourceLimits

_LEAST_HOURS = 48
_BUSY, _QUIET = 0.9, 0.5

_CONNECTIONS = msg("Database connections in the busiest hours, p95 (%)")
_CPU = msg("CPU in the busiest hours, p95 (%)")
_QUERY = msg("Share of one slow query in the database's time (%)")
_CACHE = msg("Database cache hits, with slow modules (%)")
_LOAD = msg("p95 of busy hours against quiet ones (times)")
_NOT_THERE = msg("not configured")
_NO, _YES = msg("no bottleneck"), msg("bottleneck")


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule: what it looks at, its figure and limit, and the sentence if it shows a bottleneck.

    `state` is None when it shows none, else why nothing is known.
    """

    name: Message
    value: float | None
    limit: float
    found: Message | None = None
    state: Message | None = None


def judge_bottleneck(
    signals: Signals, limits: PerformanceLimits, database: DatabaseLimits, resources: ResourceLimits, now: datetime
) -> CheckResult:
    """The first rule that shows a bottleneck is named; UNKNOWN when none does, and one that is set was not measured."""
    rules = (
        _busy(_CONNECTIONS, signals.connections, database.warn_connections_percent, _connections, limits),
        _busy(_CPU, signals.cpu, resources.warn_cpu_percent, _cpu, limits),
        _query(signals.queries, limits),
        _cache(signals, database.min_cache_hit_percent),
        _load(signals.hours, limits),
    )
    found = [rule for rule in rules if rule.found is not None]
    missing = [rule for rule in rules if rule.state == NOT_MEASURED]
    measured = len([rule for rule in rules if rule.state is None])
    none = Limit("=", 0, "", OWN)
    table = (_table(rules),)
    if found and found[0].found is not None:
        seen = Quantity(len(found))
        return BOTTLENECK.judged(
            Status.WARN, "service", found[0].found, at=now, observed=seen, limit=none, evidence=table
        )
    if not missing and not measured:
        nothing = msg("Nothing is set in the service file that could show a bottleneck")
        return BOTTLENECK.judged(Status.SKIPPED, "service", nothing, at=now)
    if missing:
        unknown = msg(
            "No bottleneck is shown, but {n} of {all} signals were not measured", n=len(missing), all=len(rules)
        )
        return BOTTLENECK.judged(Status.UNKNOWN, "service", unknown, at=now, limit=none, evidence=table)
    reason = msg("No bottleneck is shown by the {n} signals that were measured", n=measured)
    return BOTTLENECK.judged(Status.PASS, "service", reason, at=now, observed=Quantity(0), limit=none, evidence=table)


def _connections(value: float) -> Message:
    return msg(
        "Bottleneck: the database's connections, {percent} % of which are used in the busiest hours", percent=value
    )


def _cpu(value: float) -> Message:
    return msg("Bottleneck: the CPU, {percent} % busy in the busiest hours", percent=value)


def _busy(
    name: Message,
    seen: Gauge | Unobserved | Absent | None,
    most: float,
    words: Callable[[float], Message],
    limits: PerformanceLimits,
) -> _Rule:
    if isinstance(seen, Absent):
        return _Rule(name, None, most, state=_NOT_THERE)
    value = seen.busy_p95 if isinstance(seen, Gauge) else None
    if (
        not isinstance(seen, Gauge)
        or value is None
        or (value < most and seen.sampled_percent < limits.min_sampled_percent)
    ):
        return _Rule(name, None, most, state=NOT_MEASURED)
    percent = round(value, 1)
    return _Rule(name, percent, most, words(percent) if value >= most else None)


def _query(seen: QueryTimes | Unobserved | Absent, limits: PerformanceLimits) -> _Rule:
    most = limits.max_query_share_percent
    if isinstance(seen, Absent | Unobserved):
        return _Rule(_QUERY, None, most, state=_NOT_THERE if isinstance(seen, Absent) else NOT_MEASURED)
    slow = [query for query in frequent(seen, limits) if query.mean_ms > limits.max_query_ms]
    worst = max(slow, key=lambda query: query.share_percent, default=None)
    if worst is None:
        return _Rule(_QUERY, 0.0, most)
    share = round(worst.share_percent, 1)
    found = msg(
        "Bottleneck: one query takes {share} % of the database's time, {mean} ms a call: {query}",
        share=share,
        mean=shown(worst.mean_ms),
        query=worst.query,
    )
    return _Rule(_QUERY, share, most, found if worst.share_percent >= most else None)


def _cache(signals: Signals, least: float) -> _Rule:
    seen = signals.cache
    if not isinstance(seen, Gauge):
        return _Rule(_CACHE, None, least, state=_NOT_THERE if isinstance(seen, Absent) else NOT_MEASURED)
    value = round(seen.median, 2)
    found = msg(
        "Bottleneck: the database's memory: {percent} % of the reads are cache hits, and {modules} are slow",
        percent=value,
        modules=", ".join(signals.slow),
    )
    return _Rule(_CACHE, value, least, found if seen.median < least and signals.slow else None)


def _load(hours: Hours | Absent, limits: PerformanceLimits) -> _Rule:
    """Response times that follow the load: by rank correlation, and busy hours against quiet ones."""
    if isinstance(hours, Absent):
        return _Rule(_LOAD, None, limits.min_load_ratio, state=_NOT_THERE)
    there = np.isfinite(hours.p95_ms)
    if there.sum() < _LEAST_HOURS:
        return _Rule(_LOAD, None, limits.min_load_ratio, state=NOT_MEASURED)
    valid, p95 = hours.valid[there], hours.p95_ms[there]
    busy, quiet = (valid >= np.quantile(valid, _BUSY)), (valid <= np.quantile(valid, _QUIET))
    ratio = float(np.median(p95[busy]) / np.median(p95[quiet]))
    ranks = pd.DataFrame({"valid": valid, "p95": p95}).rank()
    alike = float(ranks["valid"].corr(ranks["p95"]))  # NaN where one of them never changes, which follows nothing
    found = msg(
        "Bottleneck: the load: p95 is {ratio} times as high in the busiest hours as in quiet ones",
        ratio=shown(ratio, 2),
    )
    follows = ratio >= limits.min_load_ratio and alike >= limits.min_load_correlation
    return _Rule(_LOAD, round(ratio, 2), limits.min_load_ratio, found if follows else None)


def _table(rules: Sequence[_Rule]) -> Table:
    columns = (msg("Signal"), msg("Value"), msg("Limit"), msg("Shows"))
    rows: tuple[tuple[Scalar | Message, ...], ...] = tuple(
        (rule.name, rule.value, rule.limit, rule.state or (_NO if rule.found is None else _YES)) for rule in rules
    )
    return Table(msg("Signals of a bottleneck"), columns, rows)
