"""What the objectives ask of a Prometheus, each question seen in Prefect by itself with what it came to."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from tasks.observation import Unobserved, seen
from tasks.prometheus.opened import prometheus_of
from tasks.secrets import masked
from tasks.settings import Settings
from tasks.slo.facts import Probes, Scope, Traffic
from tasks.slo.settings import Latency, Objective, Requests, Uptime
from tasks.slo.sli.minutes import Span
from tasks.slo.sli.prometheus import read_probes, read_traffic
from tasks.slo.windows import at_minute
from tasks.visible import async_step

T = TypeVar("T")
Counted = Mapping[Scope, Traffic | Unobserved]


@dataclass(frozen=True, slots=True)
class Answers:
    """What Prometheus answered; `no_latency` says why it could not tell of durations, and of requests could."""

    traffic: Counted
    probes: dict[str, Probes | Unobserved]
    no_latency: Unobserved | None


async def ask_prometheus(
    settings: Settings, objectives: Sequence[Objective], scopes: set[Scope], bounds_ms: Sequence[float], span: Span
) -> Answers:
    """The requests of scopes and the probe in each minute of a span, as far as the objectives rest on Prometheus."""
    uptimes = [o.name for o in objectives if isinstance(o, Uptime) and o.source == "prometheus"]
    requests = [o for o in objectives if isinstance(o, Requests) and o.source == "prometheus"]
    if settings.metrics is None or not (scopes or uptimes):
        return Answers({}, {}, None)
    sli = settings.slo.prometheus
    start = f"{at_minute(span[0]).astimezone(settings.zone):%Y-%m-%d}"
    async with prometheus_of(settings, settings.metrics) as prometheus:
        count = partial(read_traffic, prometheus, sli, scopes)
        probe = partial(read_probes, prometheus, sli, *span)
        probes = {"prometheus": await _shown(uptimes, start, probe, partial(probes_came_to, span))} if uptimes else {}
        if not scopes:
            return Answers({}, probes, None)
        names = [o.name for o in requests]
        counted = await _shown(names, start, partial(count, bounds_ms, *span), partial(requests_came_to, span))
        if not isinstance(counted, Unobserved):
            return Answers(counted, probes, None)
        if not bounds_ms:
            return Answers(dict.fromkeys(scopes, counted), probes, None)
        # A histogram without the bucket says nothing of latency; how many requests failed is told all the same.
        untimed = [o.name for o in requests if not isinstance(o, Latency)]
        plain = await _shown(untimed, start, partial(count, (), *span), partial(requests_came_to, span))
        if isinstance(plain, Unobserved):
            return Answers(dict.fromkeys(scopes, plain), probes, None)
        return Answers(plain, probes, counted)


async def _shown(
    objectives: Sequence[str],
    start: str,
    read: Callable[[], Awaitable[T]],
    came_to: Callable[[T | Unobserved], tuple[bool, str, str]],
) -> T | Unobserved:
    """What is read for some objectives, shown as `read-prometheus availability, latency 2026-11-01…`."""
    name = f"read-prometheus {', '.join(objectives) or 'requests'} {start}…"
    return await async_step(name, lambda: seen(read()), came_to)


def requests_came_to(span: Span, counted: Counted | Unobserved) -> tuple[bool, str, str]:
    """What the requests came to, as Prefect shows it."""
    if isinstance(counted, Unobserved):
        return _unknown(counted)
    minutes = max((int(t.measured.sum()) for t in counted.values() if isinstance(t, Traffic)), default=0)
    if missing := [t for t in counted.values() if isinstance(t, Unobserved)]:
        return False, "Incomplete", f"{_minutes(minutes, span)}; {_unknown(missing[0])[2]}"
    return True, "Read", _minutes(minutes, span)


def probes_came_to(span: Span, probes: Probes | Unobserved) -> tuple[bool, str, str]:
    """What the probe came to, as Prefect shows it."""
    if isinstance(probes, Unobserved):
        return _unknown(probes)
    return True, "Read", _minutes(int((probes.asked > 0).sum()), span)


def _minutes(known: int, span: Span) -> str:
    return f"{known} of {span[1] - span[0]} minutes measured"


def _unknown(why: Unobserved) -> tuple[bool, str, str]:
    return False, "Unknown", masked(why.reason.text.format(**why.reason.params))
