"""Reads from Prometheus what the objectives need, each query shown in Prefect as a task run of its own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from tasks.check_result import msg
from tasks.observation import Unobserved, seen
from tasks.prometheus.opened import prometheus_of
from tasks.settings import Settings
from tasks.slo.facts import Probes, Scope, ScopeTraffic
from tasks.slo.settings import Latency, Objective, Requests, Uptime
from tasks.slo.sli.minutes import Span
from tasks.slo.sli.prometheus import read_probes, read_traffic
from tasks.slo.windows import at_minute
from tasks.visible import StepState, async_step

T = TypeVar("T")
Counted = Mapping[Scope, ScopeTraffic | Unobserved]


@dataclass(frozen=True, slots=True)
class Answers:
    """What Prometheus answered; `no_latency` is why durations are unknown although requests are known."""

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
        probes = {"prometheus": await _shown(uptimes, start, probe, partial(probes_state, span))} if uptimes else {}
        if not scopes:
            return Answers({}, probes, None)
        names = [o.name for o in requests]
        counted = await _shown(names, start, partial(count, bounds_ms, *span), partial(requests_state, span))
        if not isinstance(counted, Unobserved):
            return Answers(counted, probes, None)
        if not bounds_ms:
            return Answers(dict.fromkeys(scopes, counted), probes, None)
        # Without the bucket only response times are unknown; how many requests failed is still known.
        untimed = [o.name for o in requests if not isinstance(o, Latency)]
        plain = await _shown(untimed, start, partial(count, (), *span), partial(requests_state, span))
        if isinstance(plain, Unobserved):
            return Answers(dict.fromkeys(scopes, plain), probes, None)
        return Answers(plain, probes, counted)


async def _shown(
    objectives: Sequence[str],
    start: str,
    read: Callable[[], Awaitable[T]],
    state_of: Callable[[T | Unobserved], StepState],
) -> T | Unobserved:
    """What is read for some objectives, shown as `read-prometheus availability, latency 2026-11-01…`."""
    name = f"read-prometheus {', '.join(objectives) or 'requests'} {start}…"
    return await async_step(name, lambda: seen(read()), state_of)


def requests_state(span: Span, counted: Counted | Unobserved) -> StepState:
    """The result for requests, as Prefect shows it."""
    if isinstance(counted, Unobserved):
        return _unknown(counted)
    if missing := [t for t in counted.values() if isinstance(t, Unobserved)]:
        return StepState("Incomplete", missing[0].reason, good=False)
    return _read(max((int(t.measured.sum()) for t in counted.values() if isinstance(t, ScopeTraffic)), default=0), span)


def probes_state(span: Span, probes: Probes | Unobserved) -> StepState:
    """The result for the probe, as Prefect shows it."""
    return _unknown(probes) if isinstance(probes, Unobserved) else _read(int((probes.asked > 0).sum()), span)


def _read(minutes: int, span: Span) -> StepState:
    known = msg("{known} of {all} minutes measured", known=minutes, all=span[1] - span[0])
    return StepState("Read" if minutes else "Unknown", known, good=minutes > 0)


def _unknown(why: Unobserved) -> StepState:
    return StepState("Unknown", why.reason, good=False)
