"""The queries of a week from two readings of counters that only rise. Pure arithmetic."""

from tasks.performance.facts import QueryTimes, SlowQuery, StatementTotal, StatementTotals

_PERCENT = 100.0
_NONE = StatementTotal(0, 0.0)


def times_between(before: StatementTotals | None, now: StatementTotals) -> QueryTimes:
    """What was counted since a reading, or since the counters' reset when there is none, or they were reset since.

    A statement that was dropped in between counts from 0 again; one that the reading does not name, because others had
    more time then, is taken with all that it has.
    """
    base = before if before is not None and before.reset_at == now.reset_at else None
    known = base.statements if base is not None else {}
    found = {number: _since(total, known.get(number, _NONE)) for number, total in now.statements.items()}
    total_ms = now.total_ms - (base.total_ms if base is not None else 0.0)
    # Dropped statements make the sum of all fall behind that of those which are left.
    whole = max(total_ms, sum(total.total_ms for total in found.values()))
    ranked = sorted(((n, t) for n, t in found.items() if t.calls > 0), key=lambda each: -each[1].total_ms)
    queries = tuple(
        SlowQuery(now.queries[n], _PERCENT * t.total_ms / whole if whole else 0.0, t.calls, t.total_ms / t.calls)
        for n, t in ranked
    )
    return QueryTimes(now.reset_at if base is None else base.at, now.at, base is None, queries)


def _since(now: StatementTotal, before: StatementTotal) -> StatementTotal:
    if now.calls < before.calls or now.total_ms < before.total_ms:
        return now
    return StatementTotal(now.calls - before.calls, now.total_ms - before.total_ms)
