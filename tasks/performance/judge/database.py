"""Judges the database's week: its slow queries, and how much it answered from memory."""

from datetime import datetime, timedelta

from tasks.check_result import CheckResult, Limit, Message, Quantity, Status, Table, moment, msg
from tasks.observation import Absent, Unobserved
from tasks.performance.checks import CACHE, QUERIES
from tasks.performance.facts import Gauge, QueryTimes, SlowQuery
from tasks.performance.judge.words import OWN, shown, sparse
from tasks.performance.limits import PerformanceLimits

SUBJECT = "database"
_DATABASE = msg("[database.limits] of the service file")
_MOST_QUERIES = 10
_WEEK = timedelta(days=7)


def judge_queries(seen: QueryTimes | Unobserved | Absent, limits: PerformanceLimits, now: datetime) -> CheckResult:
    """The mean time of queries that take a part of the database's time worth naming."""
    limit = Limit("≤", limits.max_query_ms, "ms", OWN)
    if isinstance(seen, Absent):
        return QUERIES.judged(Status.SKIPPED, SUBJECT, seen.reason, at=now)
    if isinstance(seen, Unobserved):
        return QUERIES.judged(Status.UNKNOWN, SUBJECT, seen.reason, at=now, limit=limit)
    if not seen.queries:
        none = msg("No query was counted since {since}", since=moment(seen.since))
        return QUERIES.judged(Status.UNKNOWN, SUBJECT, none, at=now, limit=limit)
    slowest = max(frequent(seen, limits), key=lambda query: query.mean_ms, default=seen.queries[0])
    slow = slowest.mean_ms > limits.max_query_ms and slowest.share_percent >= limits.min_query_share_percent
    status, reason = Status.WARN if slow else Status.PASS, _reason(slowest, seen)
    if not slow and 100 * (seen.until - seen.since) / _WEEK < limits.min_sampled_percent:
        status, reason = Status.UNKNOWN, msg("Queries are counted only since {since}", since=moment(seen.since))
    return QUERIES.judged(
        status,
        SUBJECT,
        reason,
        at=now,
        observed=Quantity(shown(slowest.mean_ms) or 0.0, "ms"),
        limit=limit,
        evidence=(_table(seen),),
    )


def frequent(seen: QueryTimes, limits: PerformanceLimits) -> list[SlowQuery]:
    """The queries whose share of the database's time is worth naming."""
    return [query for query in seen.queries if query.share_percent >= limits.min_query_share_percent]


def _reason(slowest: SlowQuery, seen: QueryTimes) -> Message:
    params = {
        "query": slowest.query,
        "mean": shown(slowest.mean_ms),
        "share": shown(slowest.share_percent, 2),
        "since": moment(seen.since),
    }
    if seen.since_reset:
        return msg(
            "Slowest: {query}, mean {mean} ms, {share} % of the database's time since its counters were reset, {since}",
            **params,
        )
    return msg("Slowest: {query}, mean {mean} ms, {share} % of the database's time since {since}", **params)


def _table(seen: QueryTimes) -> Table:
    columns = (msg("Query"), msg("Share of the database's time (%)"), msg("Calls"), msg("Mean (ms)"))
    rows = tuple(
        (query.query, shown(query.share_percent, 2), query.calls, shown(query.mean_ms))
        for query in seen.queries[:_MOST_QUERIES]
    )
    return Table(msg("Queries with the most time"), columns, rows)


def judge_cache(
    seen: Gauge | Unobserved | Absent | None, min_percent: float, limits: PerformanceLimits, now: datetime
) -> CheckResult:
    """The median of the week's samples; None: there are none."""
    limit = Limit("≥", min_percent, "%", _DATABASE)
    if isinstance(seen, Absent):
        return CACHE.judged(Status.SKIPPED, SUBJECT, seen.reason, at=now)
    if isinstance(seen, Unobserved):
        return CACHE.judged(Status.UNKNOWN, SUBJECT, seen.reason, at=now, limit=limit)
    if seen is None:
        none = msg("Monitoring stored no sample of it in the week")
        return CACHE.judged(Status.UNKNOWN, SUBJECT, none, at=now, limit=limit)
    status = Status.WARN if seen.median < min_percent else Status.PASS
    reason = msg("Median of {n} samples", n=seen.samples)
    if status is Status.PASS and seen.sampled_percent < limits.min_sampled_percent:
        status, reason = Status.UNKNOWN, sparse(seen.sampled_percent)
    observed = Quantity(shown(seen.median, 4) or 0.0, "%")
    return CACHE.judged(status, SUBJECT, reason, at=now, observed=observed, limit=limit)
