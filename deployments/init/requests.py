"""Which metrics of a Prometheus count the service's requests: found by the labels that their series really have."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from tasks.prometheus.observe import Prometheus, read_instant
from tasks.slo.objectives import GUIDE_WITHIN_MS
from tasks.slo.prometheus_settings import PrometheusSli
from tasks.slo.sli.queries import buckets_query, complete_buckets

_NAMED = '__name__=~"(?i).*(http|request).*(_count|_total)"'
_METRIC = re.compile(r"[A-Za-z_:][\w:]*", re.ASCII)
_OF_OTHERS = re.compile(
    r"^(prometheus|promhttp|alertmanager|grafana|loki|node|go|process|net)_|client|active|_bytes|_size|exception|error",
    re.IGNORECASE,
)
"""What monitoring tools count of themselves, requests that the service makes, and figures that are no requests."""
_STATUS = re.compile(r"[1-5](\d\d|xx)", re.IGNORECASE)
_STATUS_NAME = re.compile(r"status|code", re.IGNORECASE)
_ROUTES = ("route", "http_route", "handler", "uri", "path_template", "path", "endpoint", "url")
_SERVER = re.compile(r"http_(server|request)", re.IGNORECASE)
_MOST_CANDIDATES = 12
_SAMPLED = 100
_IN_MS = re.compile(r"_(ms|millis|milliseconds)(_|$)", re.IGNORECASE)
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
_HERE = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})

Bounds = Mapping[str, Collection[str]]
"""The bounds of each histogram of requests, by its name with `_bucket`."""


@dataclass(frozen=True, slots=True)
class Requests:
    """A metric of requests as [slo.prometheus] names it, and the figures that it gave.

    `labels` are the settings among its labels that were found; `statuses` are requests by the value of the status
    label, "" for series without it; `within_ms` are the bounds that a latency objective may have; `others` are
    counters of other jobs that may be meant as well.
    """

    sli: PrometheusSli
    labels: tuple[str, ...]
    statuses: Mapping[str, float]
    within_ms: tuple[float, ...]
    others: tuple[str, ...]

    @property
    def total(self) -> float:
        """All requests that were counted."""
        return sum(self.statuses.values())

    @property
    def bad(self) -> float:
        """Those whose status is a bad one."""
        return sum(n for status, n in self.statuses.items() if re.fullmatch(self.sli.bad_status, status))

    @property
    def certain(self) -> bool:
        """True when it gave figures, every series has a status, and no other counter may be meant."""
        return self.total > 0 and "" not in self.statuses and not self.others

    @property
    def has_guide_bound(self) -> bool:
        """True when the guide's latency objective can be counted."""
        return GUIDE_WITHIN_MS in self.within_ms


@dataclass(frozen=True, slots=True)
class _Counter:
    """A counter of one job with some of its label sets."""

    metric: str
    selector: str
    series: tuple[Mapping[str, str], ...]
    status_label: str

    @property
    def selected(self) -> str:
        return f"{self.metric}{{{self.selector}}}"

    @property
    def bucket(self) -> str:
        """The histogram that it may be the count of."""
        return f"{self.metric.removesuffix('_count')}_bucket"


async def find_requests(
    prometheus: Prometheus, bounds: Bounds, base_url: str, modules: Collection[str]
) -> Requests | None:
    """The metric that counts the requests of the service at `base_url`; None when no counter has an HTTP status.

    Raises ObservationError.
    """
    counted = await _counted(prometheus, _at(base_url)) or await _counted(prometheus, "")
    named = sorted((_rank(name, bounds), -value, name, job) for (name, job), value in counted.items())
    found = [await _counter(prometheus, name, job) for *_, name, job in named[:_MOST_CANDIDATES]]
    counters = [counter for counter in found if counter is not None]
    if not counters:
        return None
    best = counters[0]
    # Another counter of the same job counts the same requests.
    others = tuple(counter.selected for counter in counters if counter.selector != best.selector)
    return await _with_figures(prometheus, best, bounds, modules, others)


async def _counted(prometheus: Prometheus, matcher: str) -> dict[tuple[str, str], float]:
    """The series of each counter of requests, by its name and job."""
    matchers = ",".join(filter(None, (_NAMED, matcher)))
    found = await read_instant.fn(prometheus, f"count by (__name__, job) ({{{matchers}}})")
    named = [((p.labels.get("__name__", ""), p.labels.get("job", "")), p.value) for p in found]
    return {(name, job): value for (name, job), value in named if _fits(name)}


def _at(base_url: str) -> str:
    """The instances at the service's host and port; a name of this machine stands for all of them."""
    place = urlsplit(base_url)
    port = place.port or {"http": 80, "https": 443}[place.scheme]
    hosts = _HERE if place.hostname in _HERE else {place.hostname or ""}
    return f'instance=~"{_escaped("|".join(re.escape(f"{host}:{port}") for host in sorted(hosts)))}"'


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(char, char) for char in text)


def _fits(name: str) -> bool:
    return _METRIC.fullmatch(name) is not None and _OF_OTHERS.search(name) is None


def _rank(name: str, bounds: Bounds) -> tuple[bool, bool]:
    """Histograms first: their count and their durations are of the same requests."""
    return f"{name.removesuffix('_count')}_bucket" not in bounds, _SERVER.search(name) is None


async def _counter(prometheus: Prometheus, name: str, job: str) -> _Counter | None:
    selector = f'job="{_escaped(job)}"' if job else ""
    one = f"{name}{{{selector}}}"
    sampled = await read_instant.fn(prometheus, f"topk({_SAMPLED}, {one}) or bottomk({_SAMPLED}, {one})")
    series = tuple(point.labels for point in sampled)
    status = _status_label(series)
    return None if status is None else _Counter(name, selector, series, status)


def _status_label(series: Sequence[Mapping[str, str]]) -> str | None:
    """The label whose every value is an HTTP status, such as 503 or 5xx."""
    labels = sorted({label for labels in series for label in labels if _STATUS_NAME.search(label)})
    return next((label for label in labels if all(map(_STATUS.fullmatch, _values(series, label)))), None)


def _values(series: Iterable[Mapping[str, str]], label: str) -> set[str]:
    return {labels[label] for labels in series if labels.get(label)}


def _label(counter: _Counter, names: Sequence[str], fits: Callable[[str], bool]) -> str | None:
    """A label most of whose values fit, one of these names if there is any."""
    labels = sorted({label for labels in counter.series for label in labels} - {counter.status_label, "__name__"})
    for label in (*(name for name in names if name in labels), *labels):
        values = _values(counter.series, label)
        if sum(map(fits, values)) * 2 > len(values):
            return label
    return None


async def _with_figures(
    prometheus: Prometheus, counter: _Counter, bounds: Bounds, modules: Collection[str], others: tuple[str, ...]
) -> Requests:
    """The settings that the counter's labels suggest, and what queries with them give."""
    of_route = _label(counter, _ROUTES, lambda value: value.startswith("/"))
    of_module = _label(counter, (), lambda value: value in modules)
    of_process = tuple(label for label in ("job", "instance") if _values(counter.series, label))
    buckets = await _buckets(prometheus, counter, bounds)
    labels: dict[str, str | tuple[str, ...]] = {"status_label": counter.status_label}
    if of_module is not None:
        labels["module_label"] = of_module
    if of_route not in (None, of_module):
        labels["route_label"] = str(of_route)
    if len(of_process) == 1:
        labels["instance_labels"] = of_process
    sli = PrometheusSli.model_validate(
        {"requests": counter.metric, "selector": counter.selector}
        | labels
        | ({"duration": None} if buckets is None else {"duration": buckets[0], "duration_unit": buckets[1]})
    )
    found = await read_instant.fn(prometheus, f"sum by ({counter.status_label}) ({counter.selected})")
    within = () if buckets is None else await _within(prometheus, sli)
    statuses = {point.labels.get(counter.status_label, ""): point.value for point in found}
    return Requests(sli, tuple(labels), statuses, within, others)


async def _buckets(prometheus: Prometheus, counter: _Counter, bounds: Bounds) -> tuple[str, Literal["s", "ms"]] | None:
    """The histogram of the counter's requests without `_bucket`, and its unit: its own, else the job's finest."""
    fitting = "|".join(name for name in bounds if _fits(name))
    if not fitting:
        return None
    matchers = ",".join(filter(None, (f'__name__=~"{fitting}"', counter.selector)))
    found = await read_instant.fn(prometheus, f"group by (__name__, le) ({{{matchers}}})")
    # Another job may have a histogram of the same name with more bounds: only this job's count.
    of_job = Counter(point.labels.get("__name__", "") for point in found)
    there = sorted(of_job.keys() & bounds.keys(), key=lambda name: (name == counter.bucket, of_job[name], name))
    finest = there[-1] if there else None
    return None if finest is None else (finest.removesuffix("_bucket"), _unit(finest, bounds))


def _unit(bucket: str, bounds: Bounds) -> Literal["s", "ms"]:
    """By the name, else seconds where a bound is a fraction."""
    if _IN_MS.search(bucket):
        return "ms"
    return (
        "s" if "_seconds" in bucket or any("." in bound.rstrip("0").rstrip(".") for bound in bounds[bucket]) else "ms"
    )


async def _within(prometheus: Prometheus, sli: PrometheusSli) -> tuple[float, ...]:
    """The bounds in ms that every series has a bucket for."""
    counted = {p.labels.get("le", ""): p.value for p in await read_instant.fn(prometheus, buckets_query(sli))}
    return tuple(bound for bound in complete_buckets(counted, sli) if bound != float("inf"))
