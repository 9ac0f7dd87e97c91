"""Exact figures of the requests of a test: percentiles by nearest rank, successes and failures apart."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tasks.load.facts import FailureKind, Generator, Latency, RouteStats
from tasks.load.generator.trace import Beats, Trace, Window
from tasks.outside import external_text

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
OF_THE_FILE: Final = " (Locust file)"
_MOST_ROUTES = 200
_MOST_CAUSES = 10
_OTHER = "other"


def latency(values: Values) -> Latency:
    """Statistics of response times in ms."""
    if not len(values):
        return Latency(0, None, None, None, None, None)
    p50, p95, p99 = np.percentile(values, (50, 95, 99), method="inverted_cdf")
    return Latency(len(values), float(values.mean()), float(p50), float(p95), float(p99), float(values.max()))


def split_name(name: str) -> tuple[str, str]:
    """Module and route of a request's name: `shopping:/lists`; the module of a name without one is empty."""
    module, colon, route = name.partition(":")
    own = colon and route and not route.startswith("//") and module.isascii() and module.replace("-", "").isalnum()
    return (module, route) if own and module == module.lower() and len(module) <= 40 else ("", name)


class Requests:
    """The requests of a test by module and route, as they may be shown."""

    def __init__(self, trace: Trace) -> None:
        self._rows = trace.rows
        named = [split_name(external_text(name)) for name in trace.names]
        kept = dict.fromkeys(named[:_MOST_ROUTES])
        self._routes = [pair if pair in kept else (pair[0], _OTHER) for pair in named]
        self._causes = [external_text(cause, 100) for cause in trace.causes]
        self._of_file = np.array([name.endswith(OF_THE_FILE) for name in trace.names], bool)

    def within(self, windows: Sequence[Window], ramps: Sequence[Window] = ()) -> Mask:
        """Requests that started in one of the windows; `ramps` are the times before them, one of each.

        What a Locust file raised while users were started counts too, and so does a request of that time that was still
        open when the window ended: such users made no other.
        """
        start, end = self._rows["start"], self._rows["start"] + self._rows["ms"] / 1000
        found = np.zeros(len(start), bool)
        for window in windows:
            found |= (start >= window.start) & (start < window.end)
        if ramps:
            raised = self._of_file[self._rows["name"]]
            for ramp, window in zip(ramps, windows, strict=True):
                found |= (raised | (end >= window.end)) & (start >= ramp.start) & (start < ramp.end)
        return found

    def whole(self, mask: Mask, seconds: float) -> RouteStats:
        """All of them together."""
        return self._stats("", "", mask, seconds)

    def by_module(self, mask: Mask, seconds: float) -> tuple[RouteStats, ...]:
        """Each module by itself."""
        return self._grouped(mask, seconds, lambda pair: (pair[0], ""))

    def by_route(self, mask: Mask, seconds: float) -> tuple[RouteStats, ...]:
        """Each route by itself."""
        return self._grouped(mask, seconds, lambda pair: pair)

    def failures(self, mask: Mask) -> tuple[FailureKind, ...]:
        """Failed requests by route and cause, the most frequent first; beyond ten causes of a route the rest is one."""
        failed = self._rows[mask & (self._rows["cause"] != 0)]
        pairs = Counter(zip(failed["name"].tolist(), failed["cause"].tolist(), strict=True))
        counted: Counter[tuple[str, str, str]] = Counter()
        for (name, cause), count in pairs.items():
            counted[(*self._routes[name], self._causes[cause])] += count
        shown: Counter[tuple[str, str, str]] = Counter()
        kinds: Counter[tuple[str, str]] = Counter()
        for (module, route, cause), count in counted.most_common():
            kinds[module, route] += 1
            shown[module, route, cause if kinds[module, route] <= _MOST_CAUSES else _OTHER] += count
        return tuple(FailureKind(*key, count) for key, count in shown.most_common())

    def _grouped(
        self, mask: Mask, seconds: float, key: Callable[[tuple[str, str]], tuple[str, str]]
    ) -> tuple[RouteStats, ...]:
        names: dict[tuple[str, str], list[int]] = {}
        for number, pair in enumerate(self._routes):
            names.setdefault(key(pair), []).append(number)
        found = []
        for (module, route), numbers in sorted(names.items()):
            own = mask & np.isin(self._rows["name"], numbers)
            if own.any():
                found.append(self._stats(module, route, own, seconds))
        return tuple(found)

    def _stats(self, module: str, route: str, mask: Mask, seconds: float) -> RouteStats:
        rows: npt.NDArray[Any] = self._rows[mask]
        good = rows["cause"] == 0
        failed = int((~good).sum())
        sent = int((~self._of_file[rows["name"]]).sum())  # what a file raised is no request
        rate = sent / seconds if seconds else 0.0
        return RouteStats(module, route, latency(rows["ms"][good]), failed, rate)


def generator_figures(processes: dict[str, Beats], windows: Sequence[Window]) -> Generator | None:
    """The busiest process in its busiest step, and the worst p99 of a process's timers."""
    cpu, late = [], []
    for beats in processes.values():
        at, wall, percent = (np.array(values) for values in (beats.at, beats.wall, beats.cpu))
        lates: list[float] = []
        for window in windows:
            own = (at - wall / 2 >= window.start) & (at - wall / 2 <= window.end)
            if own.any() and wall[own].sum() > 0:
                cpu.append(float((percent * wall)[own].sum() / wall[own].sum()))
            lates += [value for one in np.flatnonzero(own) for value in beats.late[one]]
        if lates:
            late.append(float(np.percentile(lates, 99, method="inverted_cdf")))
    return Generator(len(processes), max(cpu, default=None), max(late, default=None)) if processes else None
