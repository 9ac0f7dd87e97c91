"""Reads how long the requests of a period took, by module and route."""

from datetime import datetime

import numpy as np

from tasks.history.engine import History
from tasks.logs.count.packed import BINS, VALUES_MS, quantiles_ms
from tasks.logs.facts import RequestTimes
from tasks.logs.store.traffic import RouteHours, read_routes
from tasks.outside import external_text

_MEDIAN, _P95 = 0.50, 0.95
_MOST_NAME = 80


class _Sum:
    """The requests of a module or a route."""

    def __init__(self) -> None:
        self._sums = np.zeros(5, dtype=np.int64)
        self._bins = np.zeros(BINS, dtype=np.int64)

    def add(self, route: RouteHours) -> None:
        by_hour = (route.valid, route.bad, route.timed, route.compared, route.within)
        self._sums += np.array([counts.sum() for counts in by_hour])
        self._bins += route.bins.sum(axis=0)

    def times(self, module: str, route: str, limit_ms: float) -> RequestTimes:
        valid, bad, timed, compared, within = (int(count) for count in self._sums)
        slow = compared - within if compared == timed else int(self._bins[limit_ms < VALUES_MS].sum())
        median, p95 = (float(quantiles_ms(self._bins, q)) if timed else None for q in (_MEDIAN, _P95))
        return RequestTimes(module, route, valid, bad, timed, slow, median, p95)


def read_times(
    history: History, service: str, since: datetime, until: datetime, limit_ms: float
) -> tuple[RequestTimes, ...]:
    """The requests from `since` until `until`, both at whole minutes: of each module (no route), and of each route.

    Raises HistoryError.
    """
    first, end = int(since.timestamp()) // 60, -(-int(until.timestamp()) // 60)
    modules: dict[str, _Sum] = {}
    routes: list[RequestTimes] = []
    for route in read_routes(history, service, first, end, limit_ms):
        module, own = external_text(route.module, _MOST_NAME), _Sum()
        for total in (own, modules.setdefault(module, _Sum())):
            total.add(route)
        if route.route:
            routes.append(own.times(module, external_text(route.route), limit_ms))
    return (*(total.times(module, "", limit_ms) for module, total in modules.items()), *routes)
