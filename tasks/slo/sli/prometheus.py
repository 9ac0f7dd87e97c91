"""Requests, durations and probes as a Prometheus knows them, minute by minute."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from math import inf
from typing import Final

from tasks.check_result import msg
from tasks.observation import ObservationError, Unobserved
from tasks.prometheus.facts import Track
from tasks.prometheus.observe import Prometheus, ask_in_parts, read_instant, read_range
from tasks.slo.facts import Probes, Scope, ScopeTraffic
from tasks.slo.prometheus_settings import PrometheusSli
from tasks.slo.sli.minutes import Span
from tasks.slo.sli.probe_tracks import probes_of
from tasks.slo.sli.queries import LOOKBACK_S, bound_ms, buckets_query, complete_buckets, labels_of, traffic_query
from tasks.slo.sli.tracks import TrafficBuilder, no_series

LONGEST_S: Final = 300.0
_MOST_MINUTES = 720
"""Half a day of minutes is mostly little enough for Prometheus's own bounds."""
_MOST_PROBES = 10_000
_BUCKET_LOOKS = 48


async def read_traffic(
    prometheus: Prometheus,
    settings: PrometheusSli,
    scopes: Collection[Scope],
    bounds_ms: Collection[float],
    first_minute: int,
    end_minute: int,
) -> Mapping[Scope, ScopeTraffic | Unobserved]:
    """The requests of all scopes in each minute from the first to before the end, which is not after now.

    How often Prometheus is asked depends on the time and on nothing else. A scope that no series belongs to is
    Unobserved. Raises ObservationError if there is no whole answer, and for a bound that is no bucket's.
    """
    span = first_minute, end_minute
    builder = TrafficBuilder(settings, scopes, bounds_ms, span)
    if first_minute < end_minute:
        async with _in_time():
            les = await _read_les(prometheus, settings, bounds_ms, span) if bounds_ms else frozenset[str]()
            promql = traffic_query(settings, labels_of(scopes, settings), les)
            # The minute before, too: what begins there must be numbers.
            times = range(60 * first_minute, 60 * end_minute + 1, 60)
            await ask_in_parts(prometheus, promql, times, _MOST_MINUTES, builder.add, LOOKBACK_S)
    return builder.traffic()


async def read_probes(prometheus: Prometheus, settings: PrometheusSli, first_minute: int, end_minute: int) -> Probes:
    """The values of the expression `probe` in each minute, each `resolution_s`. Raises ObservationError."""
    if settings.probe is None:
        raise ObservationError(msg("[slo.prometheus] probe is not set in the service file"))
    step_s = settings.resolution_s
    times = range(60 * first_minute + step_s, 60 * end_minute + 1, step_s)
    found: list[Track] = []
    async with _in_time():
        await ask_in_parts(
            prometheus, settings.probe, times, _MOST_PROBES, lambda part, _: found.extend(part), LOOKBACK_S
        )
    return probes_of(found, (first_minute, end_minute))


async def read_bucket_bounds(prometheus: Prometheus, settings: PrometheusSli) -> tuple[float, ...]:
    """The bounds in ms, rising, that every series of the histogram has a bucket for just now.

    Raises ObservationError if there is no answer or no histogram.
    """
    metric = _histogram(settings)
    found = await read_instant.fn(prometheus, buckets_query(settings))
    if not found:
        raise ObservationError(no_series(metric))
    complete = complete_buckets({point.labels.get("le", ""): point.value for point in found}, settings)
    return tuple(bound for bound in complete if bound != inf)


async def _read_les(
    prometheus: Prometheus, settings: PrometheusSli, bounds_ms: Collection[float], span: Span
) -> frozenset[str]:
    """The labels of the buckets that end at the bounds, in every way in which they were spelt in this time."""
    metric = _histogram(settings)
    step_s = 60 * max(1, -(-(span[1] - span[0]) // _BUCKET_LOOKS))
    times = range(60 * span[1], 60 * span[0], -step_s)
    found = await read_range.fn(prometheus, buckets_query(settings), times[-1], times[0], step_s, LOOKBACK_S)
    if not found:
        raise ObservationError(no_series(metric))
    last = max(track.times_s[-1] for track in found)
    there = {track.labels.get("le", ""): float(track.values[-1]) for track in found if track.times_s[-1] == last}
    complete = complete_buckets(there, settings)
    for bound in sorted(set(bounds_ms) - complete.keys()):
        raise ObservationError(
            msg(
                "Not every series of {metric} has a bucket with the bound {bound} ms; existing bounds: {bounds} ms",
                metric=metric,
                bound=f"{bound:g}",
                bounds=", ".join(f"{other:g}" for other in complete if other != inf) or "none",
            )
        )
    spelt = {track.labels.get("le", "") for track in found}
    return frozenset(le for le in spelt if bound_ms(le, settings) in bounds_ms)


def _histogram(settings: PrometheusSli) -> str:
    if settings.duration is None:
        raise ObservationError(msg("[slo.prometheus] duration is not set in the service file"))
    return f"{settings.duration}_bucket"


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(LONGEST_S):
            yield
    except TimeoutError:
        seconds = LONGEST_S
        raise ObservationError(
            msg("Prometheus did not answer all queries within {seconds} s", seconds=seconds)
        ) from None
