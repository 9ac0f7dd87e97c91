"""Tables beside the verdicts: the requests by route and by log source."""

from tasks.check_result import Evidence, Scalar, Table, msg
from tasks.logs.facts import LogReview, RequestTimes
from tasks.logs.judge.latency import is_slow, shown_ms
from tasks.logs.judge.sources import percent
from tasks.logs.limits import LogLimits

MOST_ROUTES = 20
_DIGITS = 3


def request_tables(review: LogReview, limits: LogLimits) -> tuple[Evidence, ...]:
    """The routes, the worst first, and where several logs count requests these, as one may be an instance's."""
    routes = sorted((times for times in review.times if times.route), key=_badness)
    found: list[Evidence] = []
    if routes:
        columns = (
            msg("Module"),
            msg("Route"),
            msg("Requests"),
            msg("Server errors"),
            msg("Error rate (%)"),
            msg("p95 (ms)"),
            msg("Limit of p95 (ms)"),
        )
        rows = tuple(_route(times, limits) for times in routes[:MOST_ROUTES])
        title = msg("Routes, worst first ({shown} of {routes})", shown=len(rows), routes=len(routes))
        found.append(Table(title, columns, rows))
    sources = [source for source in review.sources if source.counts.requests]
    if len(sources) > 1:
        columns = (msg("Log source"), msg("Requests"), msg("Server errors"), msg("Error rate (%)"))
        rows = tuple(
            (s.name, s.counts.requests, s.bad, None if s.bad is None else _share(s.bad, s.counts.requests))
            for s in sources
        )
        found.append(Table(msg("Requests by log source"), columns, rows))
    return tuple(found)


def _badness(times: RequestTimes) -> tuple[float, bool, float]:
    """Failing routes come first, then slow ones."""
    return -times.bad / max(1, times.valid), not (times.timed and is_slow(times)), -(times.p95_ms or 0.0)


def _route(times: RequestTimes, limits: LogLimits) -> tuple[Scalar, ...]:
    p95 = None if times.p95_ms is None else shown_ms(times.p95_ms)
    share = _share(times.bad, times.valid)
    return times.module, times.route, times.valid, times.bad, share, p95, limits.max_p95_ms


def _share(bad: int, valid: int) -> float:
    return float(f"{percent(bad / max(1, valid)):.{_DIGITS}g}")
