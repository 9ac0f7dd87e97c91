"""From observations to the minutes of each objective. Pure arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from tasks.check_result import Message, msg
from tasks.observation import Absent, Unobserved
from tasks.records.facts import Deploy, Maintenance, Outage
from tasks.slo.facts import Flags, Minutes, NoSuchLabel, Probes, Scope, ScopeTraffic
from tasks.slo.settings import KpiFloor, Latency, Measured, Requests, Uptime
from tasks.slo.sli.minutes import (
    Span,
    Tally,
    answered,
    answering,
    as_slices,
    between_probes,
    excluding,
    failing,
    flags,
    in_time,
    perhaps_failing,
    slices,
    tally,
    unanswered,
)
from tasks.slo.sli.unmeasured import missing

NO_LOG = msg("No [[logs.source]] in the service file counts requests")
_NO_PROBE = msg("[health] live and ready are not set in the service file: nothing is probed")

Seen = Minutes | Unobserved | Absent


@dataclass(frozen=True, slots=True, eq=False)
class SliData:
    """What was seen of a span of minutes: requests by source and scope, probes and floors by name, and the records."""

    span: Span
    traffic: Mapping[tuple[str, Scope], ScopeTraffic | Unobserved]
    probes: Mapping[str, Probes | Unobserved]
    floors: Mapping[str, Minutes | Unobserved]
    deploys: Sequence[Deploy] = ()
    outages: Sequence[Outage] = ()
    maintenance: Sequence[Maintenance] = ()
    no_latency: Unobserved | None = None
    """Why durations are unknown although Prometheus has the requests."""

    deploys_since: Mapping[str, datetime] = field(default_factory=dict)
    """When the records of deploys began, by environment."""

    modules: Sequence[str] = ()
    odd_durations: Mapping[str, Message] = field(default_factory=dict)
    """By module, why the durations in its log cannot be what they are read as."""

    kept_from: datetime | None = None
    """From when on the history has every minute; None: nothing was removed from it."""


def minutes_of(objective: Measured, data: SliData, down: Sequence[Span]) -> Seen:
    """The good and all events of an objective; `down` are the minutes of recorded outages of its scope."""
    match objective:
        case KpiFloor():
            return data.floors[objective.kpi]
        case Uptime():
            return _up(objective, data, down)
        case _:
            return _of_requests(objective, data)


def by_module(objective: Measured, data: SliData, span: Span, excluded: Flags) -> dict[str, Tally]:
    """What each module had of the events of an objective of the whole service; none of timeslices."""
    if not isinstance(objective, Requests) or objective.budgeting == "timeslices" or objective.place != Scope():
        return {}
    found = {}
    for module in data.modules:
        traffic = data.traffic.get((objective.source, Scope(module)))
        if isinstance(traffic, ScopeTraffic) and not (isinstance(objective, Latency) and data.no_latency):
            found[module] = tally(_events(objective, traffic), span, excluded)
    return found


def _of_requests(objective: Requests, data: SliData) -> Seen:
    whole = data.traffic.get((objective.source, objective.place))
    if whole is None:
        return Absent(NO_LOG)
    if isinstance(whole, Unobserved):
        return whole
    if isinstance(objective, Latency) and objective.source == "prometheus" and data.no_latency is not None:
        return data.no_latency
    if isinstance(objective, Latency) and objective.within_ms not in whole.timed:
        return Unobserved(
            msg(
                "Requests within {limit} ms are not counted: add {limit} to [logs] latency_bounds_ms",
                limit=objective.within_ms,
            )
        )
    parts = [data.traffic[objective.source, Scope(objective.scope.module, r)] for r in objective.exclude_routes]
    if blind := [part for part in parts if isinstance(part, NoSuchLabel)]:
        return blind[0]
    # A route that nothing is known of has had no requests that could be taken off.
    traffic = excluding(whole, [part for part in parts if isinstance(part, ScopeTraffic)])
    events = _events(objective, traffic)
    if objective.budgeting == "events":
        return events
    return as_slices(events, objective.target if objective.slice_target is None else objective.slice_target)


def _events(objective: Requests, traffic: ScopeTraffic) -> Minutes:
    return in_time(traffic, objective.within_ms) if isinstance(objective, Latency) else answered(traffic)


def _up(objective: Uptime, data: SliData, recorded: Sequence[Span]) -> Seen:
    size = data.span[1] - data.span[0]
    out = flags(data.span[0], size, recorded)
    traffic = data.traffic.get(("logs", objective.place))
    bad, enough, up, unsure = (
        (
            *failing(traffic, objective.max_error_share, objective.min_requests),
            answering(traffic, objective.max_error_share),
            perhaps_failing(traffic, objective.max_error_share, objective.min_requests),
        )
        if isinstance(traffic, ScopeTraffic)
        else (flags(0, size, ()),) * 4
    )
    perhaps = np.where(unsure & ~(bad | out), 1.0, 0.0)
    if objective.source == "logs":
        if not isinstance(traffic, ScopeTraffic):
            return Absent(NO_LOG) if traffic is None else traffic
        seen = slices(data.span[0], ~(bad | out), enough | out, perhaps)
        # A log that was read and had too few requests in a minute to judge it has lost nothing.
        quiet = traffic.measured & ((traffic.valid == 0) | up)
        return replace(seen, lost=missing(seen.measured | quiet))
    probes = data.probes.get("prometheus" if objective.source == "prometheus" else objective.probe)
    if probes is None:
        return Absent(_NO_PROBE)
    if isinstance(probes, Unobserved):
        return probes
    lost, asked = unanswered(probes, objective.max_failed_probe_share)
    return slices(data.span[0], ~(lost | bad | out), asked | bad | out | between_probes(asked, up), perhaps)
