"""Load tests as values: one that went well, and what a test changes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tasks.load.facts import (
    DatabaseWindow,
    Ended,
    FailureKind,
    Generator,
    Latency,
    LoadRun,
    LocustSummary,
    ProbeStats,
    RouteStats,
    Statement,
    StepStats,
)

AT = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
"""Sunday 03:00 in Tokyo."""

ROUTES = ("shopping:/lists", "shopping:/items", "users:/me", "recipes:/search")


def latency(p50: float, count: int = 1000, p95: float | None = None) -> Latency:
    """Successful answers around a median in ms."""
    high = 2 * p50 if p95 is None else p95
    return Latency(count, p50 * 1.1, p50, high, high * 1.3, high * 2)


NOTHING = Latency(0, None, None, None, None, None)


def stats(name: str, p50: float = 40.0, count: int = 1000, *, failed: int = 0, seconds: float = 100.0) -> RouteStats:
    """The requests of a route; `module:` alone is a module, an empty name everything."""
    module, _, route = name.partition(":")
    return RouteStats(module, route, latency(p50, count), failed, (count + failed) / seconds)


def merged(module: str, routes: Sequence[RouteStats], p50: float | None = None) -> RouteStats:
    """Several routes as one; its latency is the mean of theirs, which is enough for a made-up one."""
    succeeded = [route.succeeded for route in routes]
    count = sum(part.count for part in succeeded)
    middles = [part.p50_ms for part in succeeded if part.p50_ms is not None]
    middle = p50 if p50 is not None else sum(middles) / len(middles) if middles else None
    return RouteStats(
        module,
        "",
        NOTHING if middle is None else latency(middle, count),
        sum(route.failed for route in routes),
        sum(route.per_second for route in routes),
    )


def by_module(routes: Sequence[RouteStats]) -> tuple[RouteStats, ...]:
    """The modules of some routes."""
    names = dict.fromkeys(route.module for route in routes)
    return tuple(merged(name, [route for route in routes if route.module == name]) for name in names)


def a_step(
    users: int,
    p50: float = 40.0,
    per_second: float = 100.0,
    *,
    planned: float | None = None,
    failed: int = 0,
    names: Sequence[str] = ROUTES,
    seconds: float = 60.0,
    at: datetime = AT,
) -> StepStats:
    """One step, its requests spread evenly over the routes."""
    each = round(per_second * seconds / len(names))
    routes = tuple(stats(name, p50, each, failed=failed, seconds=seconds) for name in names)
    return StepStats(users, at, seconds, planned, merged("", routes), by_module(routes), routes)


def not_reached(users: int, planned: float | None = None) -> StepStats:
    """A step that never came."""
    nothing = RouteStats("", "", NOTHING, 0, 0.0)
    return StepStats(users, None, 0.0, planned, nothing, (), ())


def a_run(
    *steps: StepStats,
    at: datetime = AT,
    routes: Sequence[RouteStats] | None = None,
    seeks_limit: bool = False,
    synthetic: bool = False,
    **changes: object,
) -> LoadRun:
    """A load test that went well; `steps` and `routes` are what it measured, `changes` any other field."""
    measured = steps or (a_step(10, at=at),)
    own = tuple(routes) if routes is not None else measured[0].routes
    run = LoadRun(
        at=at,
        finished_at=at + timedelta(minutes=5),
        profile="steps" if seeks_limit else "baseline",
        seeks_limit=seeks_limit,
        environment="staging",
        base_url="http://staging.shop.example",
        script="5" * 64,
        data_set="november",
        ended=Ended.FINISHED,
        problem=None,
        steps=measured,
        whole=merged("", own),
        modules=by_module(own),
        routes=own,
        failures=tuple(
            FailureKind(route.module, route.route, "HTTP 500", route.failed) for route in own if route.failed
        ),
        probe=ProbeStats(1200, 1200, 0, latency(45.0, 1200)),
        generator=Generator(1, 35.0, 4.0),
        locust=LocustSummary(6100, 0, 80.0, 110.0, 100.0),
        environment_seen=("staging", "staging"),
        refused=(),
        database=DatabaseWindow(
            tuple(20.0 for _ in measured),
            (Statement("SELECT * FROM lists WHERE owner = $1", 900, 1800.0),),
            None,
            10_000_000,
        ),
        synthetic=synthetic,
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def slowed(run: LoadRun, factors: Mapping[str, float]) -> LoadRun:
    """The same run with all latencies of some modules changed by a factor; "" is every module."""

    def changed(part: RouteStats) -> RouteStats:
        factor = factors.get(part.module, factors.get("", 1.0))
        s = part.succeeded
        times = [None if ms is None else ms * factor for ms in (s.mean_ms, s.p50_ms, s.p95_ms, s.p99_ms, s.max_ms)]
        return replace(part, succeeded=Latency(s.count, *times))

    routes = tuple(changed(route) for route in run.routes)
    return replace(run, routes=routes, modules=tuple(changed(module) for module in run.modules))
