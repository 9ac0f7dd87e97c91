"""What Prometheus, or a service's own metrics page, has of request durations and hosts."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from deployments.init.requests import Requests, find_requests
from tasks.check_result import Message, verbatim
from tasks.errors import UsageError
from tasks.observation import ObservationError
from tasks.prometheus.observe import open_prometheus, read_instant

_TIMEOUT_S = 10.0
_NAMED = "http|request|duration|latency"
_BUCKETS = f'count by (__name__, le) ({{__name__=~"(?i).*({_NAMED}).*_bucket"}})'
_NODES = "count by (job) (node_cpu_seconds_total)"
_NAME = re.compile(r"[A-Za-z_:][\w:]*_bucket", re.ASCII)
_SPEAKS = re.compile(_NAMED, re.IGNORECASE)
_LE = re.compile(r'(?:^|,)\s*le="([^"]{1,40})"')
_MOST_LINE = 2000
_GUIDE_MS = 200.0
_IN_MS = re.compile(r"_(ms|millis|milliseconds)(_|$)", re.IGNORECASE)
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


@dataclass(frozen=True, slots=True)
class Histogram:
    """A histogram's name and its bounds as they are written, rising."""

    name: str
    bounds: tuple[str, ...]

    @property
    def has_limit(self) -> bool:
        """True when one bound is the guide's limit, 0.2 s."""
        limit = _GUIDE_MS if _IN_MS.search(self.name) else _GUIDE_MS / 1000
        return any(_number(bound) == limit for bound in self.bounds)


@dataclass(frozen=True, slots=True)
class Known:
    """What a Prometheus has: histograms of requests, and a selector of the hosts that node_exporter watches."""

    histograms: tuple[Histogram, ...]
    selector: str | None
    other_jobs: tuple[str, ...]
    requests: Requests | None = None


async def ask_prometheus(url: str, base_url: str, modules: Collection[str] = ()) -> Known | Message:
    """What a Prometheus has of the service at `base_url`, or in words why it cannot be asked."""
    try:
        async with open_prometheus(url, headers={}, ca_file=None, timeout_s=_TIMEOUT_S) as prometheus:
            buckets = await read_instant.fn(prometheus, _BUCKETS)
            nodes = await read_instant.fn(prometheus, _NODES)
            bounds: dict[str, set[str]] = {}
            for point in buckets:
                bounds.setdefault(point.labels.get("__name__", ""), set()).add(point.labels.get("le", ""))
            requests = await find_requests(prometheus, bounds, base_url, modules)
    except ObservationError as error:
        return error.reason
    except UsageError as error:
        return verbatim(str(error))
    jobs = [p.labels.get("job", "") for p in sorted(nodes, key=lambda p: (-p.value, p.labels.get("job", "")))]
    return Known(_histograms(bounds), _selector(jobs), tuple(jobs[1:]), requests)


def histograms_of(page: str) -> tuple[Histogram, ...]:
    """The histograms of requests on a metrics page."""
    bounds: dict[str, set[str]] = {}
    for line in page.splitlines():
        name, _, labels = line.partition("{")
        if len(line) > _MOST_LINE or not _NAME.fullmatch(name) or not _SPEAKS.search(name):
            continue
        if (bound := _LE.search(labels)) is not None:
            bounds.setdefault(name, set()).add(bound[1])
    return _histograms(bounds)


def _histograms(bounds: Mapping[str, Iterable[str]]) -> tuple[Histogram, ...]:
    return tuple(
        Histogram(name, tuple(sorted(written, key=lambda bound: (_number(bound), bound))))
        for name, written in sorted(bounds.items())
    )


def _selector(jobs: list[str]) -> str | None:
    if not jobs:
        return None
    return f'job="{"".join(_ESCAPED.get(char, char) for char in jobs[0])}"' if jobs[0] else 'instance=~".+"'


def _number(bound: str) -> float:
    try:
        return float(bound)
    except ValueError:
        return float("inf")
