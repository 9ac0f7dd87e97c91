"""The guide's own objectives, and which sets of objectives are refused."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import combinations

from tasks.slo.settings import (
    Availability,
    DeployFrequency,
    ErrorRate,
    KpiFloor,
    Latency,
    Measured,
    Objective,
    Requests,
    Resolution,
    ScopeOf,
    Slo,
    SourceName,
    Uptime,
)

GUIDE_WITHIN_MS = 200.0


def guide_objectives(source: SourceName, *, ready: bool) -> tuple[Objective, ...]:
    """The guide's SLI and SLO tables; `ready` says whether readiness is probed, else liveness is taken."""
    return (
        Availability(name="availability", kind="availability", target=0.999, source=source),
        Latency(name="latency", kind="latency", within_ms=GUIDE_WITHIN_MS, target=0.95, source=source),
        # The same requests as availability: once is enough to alert.
        ErrorRate(name="error-rate", kind="error-rate", max_share=0.001, source=source, alerts=False),
        Uptime(name="uptime", kind="uptime", target=0.9995, probe="ready" if ready else "live"),
        Resolution(name="incident-resolution", kind="incident-resolution", within_min=60),
        DeployFrequency(name="deploy-frequency", kind="deploy-frequency", per_week=2),
    )


def problems(
    slo: Slo,
    *,
    modules: Collection[str],
    routes: Collection[str],
    bounds_ms: Sequence[float],
    kpis: Collection[str],
    probes: Collection[str],
    sources: Collection[str],
) -> Iterator[str]:
    """Why these objectives are refused; `sources` are those of `logs`, `metrics` that the file names.

    `probes` are the paths of [health] that are set: live, ready.
    """
    for objective in slo.objective:
        named = f"objective {objective.name!r}"
        if isinstance(objective, Measured):
            yield from (f"{named}: {text}" for text in _scope(objective.scope, modules, routes))
        if isinstance(objective, Requests | Uptime):
            yield from (f"{named}: {text}" for text in _source(objective, slo, probes, sources))
        if isinstance(objective, Requests):
            unknown = [route for route in objective.exclude_routes if route not in routes]
            yield from (f"{named}: {_no_route(route, routes)}" for route in unknown)
        if isinstance(objective, Latency) and objective.source == "logs" and objective.within_ms not in bounds_ms:
            yield (
                f"{named}: requests within {objective.within_ms:g} ms are not counted; [logs] latency_bounds_ms are "
                f"{', '.join(f'{bound:g}' for bound in bounds_ms)}: use one of them, or add this one there"
            )
        if isinstance(objective, KpiFloor) and objective.kpi not in kpis:
            yield f"{named}: no [[kpi]] with a floor is named {objective.kpi!r}; known: {_listed(kpis)}"
    yield from _unreachable(slo, slo.objective or guide_objectives("logs", ready=True))
    yield from _contradictions(slo.objective)


def _scope(scope: ScopeOf, modules: Collection[str], routes: Collection[str]) -> Iterator[str]:
    if scope.module is not None and scope.module not in modules:
        yield f"no module {scope.module!r} in service.modules or [[routes]]; known: {_listed(modules)}"
    if scope.route is not None and scope.route not in routes:
        yield _no_route(scope.route, routes)


def _no_route(route: str, routes: Collection[str]) -> str:
    return f"no [[routes]] pattern is {route!r}; known: {_listed(routes)}"


def _source(objective: Requests | Uptime, slo: Slo, probes: Collection[str], sources: Collection[str]) -> Iterator[str]:
    match objective.source:
        case "logs" if "logs" not in sources:
            yield 'source = "logs" needs a [[logs.source]] with requests'
        case "prometheus" if "metrics" not in sources:
            yield 'source = "prometheus" needs [metrics]: set its prometheus_url'
        case "prometheus" if isinstance(objective, Uptime) and slo.prometheus.probe is None:
            yield 'source = "prometheus" needs a probe query: set [slo.prometheus] probe'
        case "prometheus" if isinstance(objective, Latency) and slo.prometheus.duration is None:
            yield 'source = "prometheus" needs a histogram: set [slo.prometheus] duration'
        case "probes" if isinstance(objective, Uptime) and objective.probe not in probes:
            others = [name for name in ("live", "ready") if name in probes]
            instead = f', or use probe = "{others[0]}"' if others else ""
            yield f"[health] {objective.probe} is not set, so nothing is probed: set it{instead}"


def _unreachable(slo: Slo, objectives: Sequence[Objective]) -> Iterator[str]:
    for objective in objectives:
        if not isinstance(objective, Measured) or not objective.alerts:
            continue
        worst = 1 / (1 - objective.target)
        for rule in slo.alerts.burn:
            if (factor := rule.factor(slo.alerts.period_days)) > worst:
                most = worst * rule.long_h / (24 * slo.alerts.period_days)
                yield (
                    f"objective {objective.name!r}: even a total outage burns only {worst:.4g} times as fast as the "
                    f"target {objective.target:g} allows, and the alert on {rule.budget_share:g} of the budget in "
                    f"{rule.long_h:g} h needs {factor:.4g}: it could never fire. Set alerts = false for this "
                    f"objective, raise its target, or lower that budget_share to at most {most:.2g}"
                )


def _contradictions(objectives: Sequence[Objective]) -> Iterator[str]:
    for one, other in combinations((o for o in objectives if isinstance(o, Requests | Uptime)), 2):
        if (one.scope, one.window, one.source) != (other.scope, other.window, other.source):
            continue
        names = f"objectives {one.name!r} and {other.name!r}"
        if isinstance(one, Latency) and isinstance(other, Latency):
            quick, slow = sorted((one, other), key=lambda o: o.within_ms)
            if quick.within_ms == slow.within_ms:
                yield f"{names} measure the same thing: keep one of them"
            elif slow.target <= quick.target:
                yield (
                    f"{names} contradict each other: if {quick.target:g} are answered within {quick.within_ms:g} "
                    f"ms, {slow.target:g} within {slow.within_ms:g} ms is always met; give the slower one the higher "
                    "target"
                )
        elif isinstance(one, Availability | ErrorRate) and isinstance(other, Availability | ErrorRate):
            same = one.budgeting == other.budgeting and one.exclude_routes == other.exclude_routes
            if same and one.kind == other.kind:
                yield f"{names} measure the same thing: keep one of them"
            elif same and one.target != other.target:
                yield (
                    f"{names} contradict each other: both are about the same requests, and one allows "
                    f"{1 - one.target:.6g} of them to fail, the other {1 - other.target:.6g}"
                )
        elif isinstance(one, Uptime) and isinstance(other, Uptime) and one.probe == other.probe:
            yield f"{names} measure the same thing: keep one of them"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
