"""Gathers what the objectives need: requests from the logs and Prometheus, probes, business KPIs, records."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tasks.check_result import Message, moment, msg
from tasks.history.engine import History
from tasks.history.kept import read_kept
from tasks.kpi.judge import kpi_subject
from tasks.logs.judge.durations import doubtful_durations, is_unsure
from tasks.logs.settings import Source
from tasks.logs.store.medians import read_medians
from tasks.logs.store.unread import read_unread
from tasks.observation import Unobserved
from tasks.records.store.records import first_deploys, read_deploys, read_maintenance, read_outages
from tasks.samples.store.minutes import synthetic_until
from tasks.settings import Settings
from tasks.slo.facts import Counts, Minutes, Probes, Scope, ScopeTraffic
from tasks.slo.objectives import guide_objectives
from tasks.slo.settings import Availability, KpiFloor, Latency, Objective, Requests, Uptime
from tasks.slo.sli.ask_prometheus import ask_prometheus
from tasks.slo.sli.indicators import SliData
from tasks.slo.sli.minutes import Span
from tasks.slo.sli.unmeasured import alone_silent, evenly, hours_of, shared_out, unread_by_hour
from tasks.slo.store.minutes import read_floor, read_probes, read_traffic
from tasks.slo.windows import at_minute

_WEEK = timedelta(days=7)
_BACK_MIN = 28 * 24 * 60
"""How long before a span a log may have had its last request to be missed in it."""
_MANY_REQUESTS, _SAMPLED_MIN = 50_000, 7
"""Of more requests, durations of every seventh minute are looked at: no hour has always the same ones."""
RECOVERY_SEEN = timedelta(days=30)
"""How long after a failed deploy the next successful one is looked for."""


def objectives_of(settings: Settings) -> tuple[Objective, ...]:
    """The objectives of a service: those of its file, else the guide's."""
    if settings.slo.objective:
        return settings.slo.objective
    sources = settings.sources_of_requests()
    health = settings.health
    only_metrics = "logs" not in sources and "metrics" in sources
    ready = health is None or health.ready is not None or health.live is None
    return guide_objectives("prometheus" if only_metrics else "logs", ready=ready)


async def read_slis(
    history: History,
    settings: Settings,
    objectives: Sequence[Objective],
    span: Span,
    read_to: int,
    *,
    with_doubts: bool = True,
) -> SliData:
    """Everything that the objectives need of a span of minutes; the logs are known up to the minute `read_to`.

    Without doubts, whether durations can be what they are read as is not looked into, which takes a third of the time.
    Raises HistoryError, and UsageError for what the service file cannot have meant.
    """
    requests = [o for o in objectives if isinstance(o, Requests)]
    modules, hours = settings.known_modules(), hours_of(*span, settings.zone)
    traffic: dict[tuple[str, Scope], ScopeTraffic | Unobserved] = {}
    uptimes = [o for o in objectives if isinstance(o, Uptime)]
    scopes = {"logs": {o.place for o in uptimes}, "prometheus": set[Scope]()}
    for objective in requests:
        scopes[objective.source] |= _scopes(objective, modules)
    if "logs" in settings.sources_of_requests() and scopes["logs"]:
        counted = await asyncio.to_thread(
            read_traffic,
            history,
            settings.service.name,
            scopes["logs"],
            [bound for bound in _bounds(requests, "logs") if bound in settings.logs.latency_bounds_ms],
            span,
            quiet_min=settings.logs.limits.max_quiet_min,
            read_to=read_to,
            hours=hours,
        )
        counted = await asyncio.to_thread(_with_unseen, history, settings, counted, span)
        traffic |= {("logs", scope): found for scope, found in counted.items()}
    probes = await asyncio.to_thread(_probes, history, settings, uptimes, span)
    asked = await ask_prometheus(settings, objectives, scopes["prometheus"], _bounds(requests, "prometheus"), span)
    odd: Mapping[str, Message] = {}
    if with_doubts and any(isinstance(o, Latency) and o.source == "logs" for o in requests):
        odd = await asyncio.to_thread(_odd_durations, history, settings, span, traffic)
    data = SliData(
        span,
        traffic | {("prometheus", scope): _by_clock(found, hours) for scope, found in asked.traffic.items()},
        probes | asked.probes,
        await asyncio.to_thread(_floors, history, settings, objectives, span),
        no_latency=asked.no_latency,
        modules=modules,
        odd_durations=odd,
        kept_from=await asyncio.to_thread(_kept_from, history, settings),
    )
    return await asyncio.to_thread(_with_records, history, settings, data)


def _kept_from(history: History, settings: Settings) -> datetime | None:
    """From when on every minute is known: whether a log was quiet is told by the requests before, too."""
    kept = read_kept(history, settings.service.name, "minutes")
    return None if kept is None else kept + timedelta(minutes=settings.logs.limits.max_quiet_min)


def _by_clock(traffic: ScopeTraffic | Unobserved, hours: Counts) -> ScopeTraffic | Unobserved:
    return replace(traffic, hours=hours) if isinstance(traffic, ScopeTraffic) else traffic


def request_logs(settings: Settings) -> tuple[Source, ...]:
    """The logs whose requests are counted."""
    return tuple(source for source in settings.logs.source if source.requests)


def _with_unseen(
    history: History, settings: Settings, counted: Mapping[Scope, ScopeTraffic], span: Span
) -> dict[Scope, ScopeTraffic]:
    """The requests of each scope with what the logs had beside them that could not be read, or was not there."""
    names, limits = [source.name for source in request_logs(settings)], settings.logs.limits
    wide = (span[0] - _BACK_MIN, span[1])
    read = read_unread(history, settings.service.name, names, wide[0] // 60, -(-wide[1] // 60))
    unread = evenly(unread_by_hour(read, settings.slo.max_torn_lines_per_day, limits), span[0], span[1] - span[0])
    silent = alone_silent(read, wide[0], hours_of(*wide, settings.zone), limits.max_quiet_min)
    return shared_out(counted, unread, {name: gone[_BACK_MIN:] for name, gone in silent.items()})


def _odd_durations(
    history: History, settings: Settings, span: Span, traffic: Mapping[tuple[str, Scope], ScopeTraffic | Unobserved]
) -> Mapping[str, Message]:
    """By module, why its durations cannot be what they are read as; of many requests, a part is looked at."""
    if not any(is_unsure(source, is_long=long) for source in settings.logs.source for long in (True, False)):
        return {}  # every unit is written out: alerts would unpack each sketch of an hour every minute for nothing
    requests = sum(int(seen.valid.sum()) for seen in traffic.values() if isinstance(seen, ScopeTraffic))
    every = _SAMPLED_MIN if requests > _MANY_REQUESTS else 1
    medians = read_medians(history, settings.service.name, *span, every)
    doubts = {module: doubtful_durations(settings.logs, median, timed) for module, (timed, median) in medians.items()}
    return {module: doubt for module, doubt in doubts.items() if doubt is not None}


def _with_records(history: History, settings: Settings, data: SliData) -> SliData:
    name, (start, end) = settings.service.name, map(at_minute, data.span)
    return replace(
        data,
        deploys=read_deploys(history, name, start - _WEEK, end + RECOVERY_SEEN),
        outages=read_outages(history, name, start, end),
        maintenance=read_maintenance(history, name, start, end),
        deploys_since=first_deploys(history, name),
    )


def _scopes(objective: Requests, modules: Iterable[str]) -> set[Scope]:
    """What must be read for an objective: its scope, routes to take off, and modules to tell apart."""
    scopes = {objective.place, *(Scope(objective.scope.module, route) for route in objective.exclude_routes)}
    return scopes | {Scope(module) for module in modules} if objective.place == Scope() else scopes


def _bounds(requests: Iterable[Requests], source: str) -> list[float]:
    return sorted({o.within_ms for o in requests if isinstance(o, Latency) and o.source == source})


def _probes(
    history: History, settings: Settings, uptimes: Iterable[Uptime], span: Span
) -> dict[str, Probes | Unobserved]:
    health = settings.health
    wanted = {o.probe for o in uptimes if o.source == "probes"}
    there = {name for name in wanted if health is not None and getattr(health, name) is not None}
    return {name: read_probes(history, settings.service.name, f"probe.{name}", span) for name in there}


def _floors(
    history: History, settings: Settings, objectives: Iterable[Objective], span: Span
) -> Mapping[str, Minutes | Unobserved]:
    floors = {kpi.name: kpi.floor for kpi in settings.kpi if kpi.floor is not None}
    wanted = {o.kpi for o in objectives if isinstance(o, KpiFloor)}
    name = settings.service.name
    return {kpi: read_floor(history, name, kpi_subject(kpi), floors[kpi], span) for kpi in wanted}


def notes_on(
    history: History, settings: Settings, objectives: Iterable[Objective], data: SliData
) -> tuple[Message, ...]:
    """What a reader must know of the figures: what the logs cannot see, and what is synthetic."""
    notes = []
    if names := _log_only_availabilities(objectives, data):
        notes.append(
            msg(
                "{names}: based on logged requests only. A service's own log has no line for a request without a "
                "response; probes or a load balancer's log show these",
                names=", ".join(names),
            )
        )
    used = {source for source, _ in data.traffic}
    if made_up := [s.name for s in settings.logs.source if s.synthetic and "logs" in used]:
        notes.append(msg("Synthetic data: log {sources} is generated", sources=", ".join(made_up)))
    until = synthetic_until(history, settings.service.name)
    if until is not None and until > at_minute(data.span[0]):
        notes.append(msg("Synthetic data: samples up to {at} are generated", at=moment(until)))
    return tuple(notes)


def _log_only_availabilities(objectives: Iterable[Objective], data: SliData) -> list[str]:
    """Availabilities based on a service's own log alone."""
    if any(isinstance(p, Probes) and p.asked.any() for p in data.probes.values()):
        return []
    own = (o for o in objectives if isinstance(o, Availability) and o.source == "logs" and not o.from_balancer)
    return [o.name for o in own if isinstance(data.traffic.get(("logs", o.place)), ScopeTraffic)]
