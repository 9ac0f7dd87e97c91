"""Requests as a real Prometheus knows them: of a past that was written for it, and of the demo service just now."""

import asyncio
import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pytest

from deployments.demo.environment import DemoEnvironment, demo_environment
from deployments.demo.faults import Fault
from deployments.demo.traffic import make_traffic
from tasks.observation import ObservationError, Unobserved
from tasks.prometheus.observe import Prometheus, open_prometheus
from tasks.slo.facts import Probes, Scope, ScopeTraffic
from tasks.slo.prometheus_settings import PrometheusSli
from tasks.slo.sli.prometheus import read_bucket_bounds, read_probes, read_traffic
from tests.prometheus_history import STALE, Sample, running_prometheus, write

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Prometheus (Debian: prometheus)"),
]
T = TypeVar("T")
SERVICE = Scope()
COUNT, BUCKET = "http_request_duration_seconds_count", "http_request_duration_seconds_bucket"
SCRAPE_S, GAP_S, HISTORY_S = 15, 300, 150
LES = {"0.1": 0.1, "0.2": 0.2, "0.5": 0.5, "+Inf": float("inf")}
ROUTES = {"shop": ["/lists", "/items"], "users": ["/login"], "late": ["/late"]}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest.fixture(scope="module")
def start() -> int:
    """A minute four hours ago."""
    return int(time.time()) // 60 - 240


def asked(url: str, ask: Callable[[Prometheus], Coroutine[Any, Any, T]], heard: list[str] | None = None) -> T:
    async def hear(request: httpx.Request) -> None:
        if heard is not None:
            heard.append(request.url.path)

    async def run() -> T:
        async with open_prometheus(url, headers={}, ca_file=None, timeout_s=30) as prometheus:
            prometheus.client.event_hooks["request"] = [hear]
            return await ask(prometheus)

    return asyncio.run(run())


def traffic(
    url: str,
    settings: PrometheusSli,
    span: tuple[int, int],
    scopes: Collection[Scope] = (SERVICE,),
    bounds_ms: Collection[float] = (),
    heard: list[str] | None = None,
) -> Mapping[Scope, ScopeTraffic | Unobserved]:
    return asked(url, lambda at: read_traffic(at, settings, scopes, bounds_ms, *span), heard)


def of_service(url: str, job: str, span: tuple[int, int], bounds_ms: Collection[float] = ()) -> ScopeTraffic:
    found = traffic(url, PrometheusSli(selector=f'job="{job}"'), span, bounds_ms=bounds_ms)[SERVICE]
    assert isinstance(found, ScopeTraffic)
    return found


def refused(url: str, job: str, span: tuple[int, int], bounds_ms: Collection[float] = ()) -> str:
    with pytest.raises(ObservationError) as error:
        of_service(url, job, span, bounds_ms)
    assert error.value.__cause__ is None
    return str(error.value)


def labels(job: str, **further: str) -> dict[str, str]:
    named = {"__name__": COUNT, "instance": "a", "module": "shop", "route": "/items", "method": "GET", "status": "200"}
    return {**named, "job": job, **further}


def scraped(
    start: int, job: str, *values: float, every_s: int = SCRAPE_S, late_s: int = 0, **more: str
) -> list[Sample]:
    return [Sample(labels(job, **more), 60 * start + late_s + every_s * n, value) for n, value in enumerate(values)]


class TestCounters:
    """What one counter, or two, come to."""

    @pytest.mark.parametrize("every_s", [15, 60])
    def test_a_counter_that_restarts(self, url: str, start: int, every_s: int) -> None:
        job = f"again-{every_s}"
        write(url, scraped(start, job, 0, 10, 20, 5, 15, every_s=every_s))
        assert of_service(url, job, (start, start + 5)).valid.sum() == 35

    def test_the_first_5xx_counts_in_full(self, url: str, start: int) -> None:
        write(url, scraped(start, "first", *range(100, 900, 100)))
        write(url, scraped(start, "first", 3, 3, 4, 4, late_s=60, status="503"))
        found = of_service(url, "first", (start, start + 3))
        assert found.bad.tolist() == [3, 1, 0]
        assert found.valid.tolist()[:2] == [403, 301]
        assert found.measured[:2].all()

    def test_without_failures_none_are_bad(self, url: str, start: int) -> None:
        write(url, scraped(start, "well", *range(0, 90, 10)))
        found = of_service(url, "well", (start, start + 2))
        assert found.bad.tolist() == [0, 0] and found.valid.tolist() == [40, 40]

    def test_without_a_scrape_minutes_are_soon_not_measured(self, url: str, start: int) -> None:
        write(url, scraped(start, "silent", *range(0, 90, 10)))
        assert of_service(url, "silent", (start, start + 8)).measured.tolist() == [True] * 5 + [False] * 3

    def test_a_new_instance_counts_from_its_first_scrape_on(self, url: str, start: int) -> None:
        write(url, scraped(start, "new", *range(0, 130, 10)))
        write(url, scraped(start, "new", 5000, 5001, 5002, late_s=75, instance="b"))
        assert of_service(url, "new", (start, start + 3)).valid.tolist() == [40, 42, 40]

    def test_a_failed_scrape_loses_nothing_and_a_long_gap_only_its_own(self, url: str, start: int) -> None:
        values = [0, 10, STALE, 30, 40, *[STALE] * 8, 130, 140, *[STALE] * 47, 900, 910]
        write(url, scraped(start, "gap", *values))
        found = of_service(url, "gap", (start, start + 16))
        assert found.valid.tolist() == [40, 0, 0, 100, *[0] * 11, 10]
        assert found.measured.tolist() == [True, False, False, True, *[False] * 11, True]

    def test_a_restart_whose_series_are_not_there_at_once(self, url: str, start: int) -> None:
        write(url, scraped(start, "restart", 100, 110, 120, 4, 8, 12))
        write(url, scraped(start, "restart", 7, 7, 7, STALE, 9, 9, status="500"))
        found = of_service(url, "restart", (start, start + 2))
        assert found.bad.tolist() == [9, 0] and found.valid.tolist() == [20 + 8 + 9, 4]

    def test_nan_is_reported_with_its_time(self, url: str, start: int) -> None:
        write(url, scraped(start, "nan", 0, 10, 20, 30, 40, float("nan"), 60, 70, 80))
        at = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(60 * (start + 2)))
        assert f"returned nan at {at}, not a number of requests" in refused(url, "nan", (start, start + 3))
        assert of_service(url, "nan", (start - 1, start + 1)).valid.sum() == 40

    def test_what_begins_with_nan_is_not_counted_from_nothing(self, url: str, start: int) -> None:
        write(url, scraped(start, "nan-first", 7000, 7000, 7000, 7000, float("nan"), 7010, 7020, 7030))
        assert "returned nan" in refused(url, "nan-first", (start + 1, start + 2))

    def test_a_metric_that_is_not_a_counter_is_refused(self, url: str, start: int) -> None:
        write(url, scraped(start, "gauge", 0.5, 1.25, 3))
        message = refused(url, "gauge", (start, start + 1))
        assert "returned 2.5 requests at " in message
        assert message.endswith("check that each metric of [slo.prometheus] is a counter")

    def test_a_missing_metric_is_reported(self, url: str, start: int) -> None:
        assert refused(url, "nobody", (start, start + 5)).endswith(": check that the metric still exists")


@dataclass
class Fleet:
    """Processes under load, their scrapes, and what these can tell of the requests of each minute."""

    start: int
    minutes: int
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    samples: list[Sample] = field(default_factory=list)
    valid: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    bad: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    quick: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    measured: set[tuple[str, str, int]] = field(default_factory=set)

    def live(
        self,
        instance: str,
        phase_s: int,
        born_min: int,
        dies_min: int,
        *,
        restarts: Collection[int] = (),
        gaps: Collection[range] = (),
    ) -> None:
        """Run one instance; `gaps` are minutes in which its scrapes fail, as one in thirty does anyway."""
        counters: Counter[tuple[str, str, str, str]] = Counter()
        shown: set[tuple[str, str, str, str]] = set()
        pending: list[tuple[str, str, bool, bool]] = []
        seen_s, age = -10_000, 0
        for at in range(60 * born_min + phase_s, 60 * dies_min, SCRAPE_S):
            if at // SCRAPE_S in [60 * restart // SCRAPE_S for restart in restarts]:
                counters, pending, age = Counter(), [], 0
            self._requests(counters, pending, at // 60, age)
            age += 1
            fails = any(at // 60 in gap for gap in gaps) or self.chance.random() < 1 / 30
            now = set() if fails else set(counters)
            self.samples += [self._sample(instance, key, at, counters[key]) for key in now]
            self.samples += [self._sample(instance, key, at, STALE) for key in shown - now]
            shown = now
            if fails:
                continue
            if at - seen_s <= GAP_S:
                self._credit(pending, {key[:2] for key in now}, (at - 1) // 60)
            pending.clear()
            seen_s = at

    def _requests(
        self,
        counters: Counter[tuple[str, str, str, str]],
        pending: list[tuple[str, str, bool, bool]],
        minute: int,
        age: int,
    ) -> None:
        for module, routes in ROUTES.items():
            for route in routes if module != "late" or minute >= 70 else ():
                for _ in range(self.chance.randint(1, 6)):
                    status = self.chance.choice(["200"] * 9 + ["404", "500"]) if age > 3 else "200"
                    took = self.chance.choice([0.05, 0.15, 0.2, 0.3, 2.0])
                    counters[module, route, status, "count"] += 1
                    for le, bound in LES.items():
                        counters[module, route, status, le] += took <= bound
                    pending.append((module, route, status == "500", took <= 0.2))

    def _credit(self, pending: list[tuple[str, str, bool, bool]], places: set[tuple[str, ...]], minute: int) -> None:
        self.measured |= {(module, route, minute) for module, route in places}
        for module, route, bad, quick in pending:
            self.valid[module, route, minute] += 1
            self.bad[module, route, minute] += bad
            self.quick[module, route, minute] += quick

    def _sample(self, instance: str, key: tuple[str, str, str, str], at: int, value: float) -> Sample:
        module, route, status, le = key
        more = {} if le == "count" else {"le": le, "__name__": BUCKET}
        named = labels("fleet", instance=instance, module=module, route=route, status=status, **more)
        return Sample(named, 60 * self.start + at, value)

    def of(self, counted: Collection[tuple[str, str, int]], scope: Scope) -> list[int]:
        """What was counted of a scope in each minute."""
        how = counted if isinstance(counted, Counter) else Counter(counted)
        found = [0] * self.minutes
        for (module, route, minute), n in how.items():
            if 0 <= minute < self.minutes and scope.module in (None, module) and scope.route in (None, route):
                found[minute] += n
        return found


@pytest.fixture(scope="module")
def fleet(url: str, start: int) -> Fleet:
    """Three instances, restarts, gaps, failed scrapes, and a module that appears later."""
    fleet = Fleet(start, 180)
    fleet.live("a:1", 3, -10, 180, restarts=(41, 100), gaps=(range(60, 62), range(120, 130)))
    fleet.live("b:1", 7, 30, 150)
    fleet.live("c:1", 15, -10, 180, restarts=(90,))
    write(url, fleet.samples)
    return fleet


class TestFleet:
    """Hours of many series, against counts that were kept when they were made."""

    def test_every_minute_of_every_scope_is_exact(self, url: str, fleet: Fleet) -> None:
        scopes = [SERVICE, *map(Scope, ROUTES), Scope("shop", "/items"), Scope(None, "/login"), Scope("gone")]
        span = fleet.start, fleet.start + fleet.minutes
        found = dict(traffic(url, PrometheusSli(selector='job="fleet"'), span, scopes, [200.0, 500.0]))
        gone = found.pop(Scope("gone"))
        assert isinstance(gone, Unobserved) and gone.reason.params["there"] == "late, shop, users"
        for scope, counted in found.items():
            assert isinstance(counted, ScopeTraffic)
            assert counted.valid.tolist() == fleet.of(fleet.valid, scope)
            assert counted.bad.tolist() == fleet.of(fleet.bad, scope)
            assert counted.within[200.0].tolist() == fleet.of(fleet.quick, scope)
            assert counted.timed[200.0].tolist() == counted.timed[500.0].tolist() == counted.valid.tolist()
            assert counted.measured.tolist() == [n > 0 for n in fleet.of(Counter(fleet.measured), scope)]
            assert counted.valid.sum() > 1000 and counted.bad.sum() > 100

    def test_a_time_of_several_parts(self, url: str, fleet: Fleet) -> None:
        span, heard = (fleet.start - 650, fleet.start + fleet.minutes), list[str]()
        found = traffic(url, PrometheusSli(selector='job="fleet"'), span, bounds_ms=[200.0], heard=heard)[SERVICE]
        assert len(heard) == 3
        assert isinstance(found, ScopeTraffic) and not found.measured[:630].any()
        assert found.valid[650:].tolist() == fleet.of(fleet.valid, SERVICE)
        assert found.within[200.0][650:].tolist() == fleet.of(fleet.quick, SERVICE)

    def test_as_many_requests_for_one_scope_as_for_fifty(self, url: str, fleet: Fleet) -> None:
        span, settings = (fleet.start, fleet.start + fleet.minutes), PrometheusSli(selector='job="fleet"')
        many = [SERVICE, *map(Scope, ROUTES), Scope("shop", "/items"), *(Scope(f"m{n}") for n in range(45))]
        one_heard, many_heard = list[str](), list[str]()
        one = traffic(url, settings, span, [SERVICE], [200.0], one_heard)[SERVICE]
        fifty = traffic(url, settings, span, many, [100.0, 200.0, 500.0], many_heard)[SERVICE]
        assert len(many) == 50 and one_heard == many_heard == ["/api/v1/query_range"] * 2
        assert isinstance(one, ScopeTraffic) and isinstance(fifty, ScopeTraffic)
        assert np.array_equal(one.valid, fifty.valid) and np.array_equal(one.within[200.0], fifty.within[200.0])


class TestNames:
    """Another exporter's names, and buckets as they are spelt."""

    SETTINGS = PrometheusSli(
        requests="http_requests_total",
        selector='env=~"prod|live"',
        status_label="code",
        bad_status=r"5\d\d",
        duration="http_server_duration_milliseconds",
        duration_unit="ms",
        module_label="service_module",
        route_label="path",
        instance_labels=("pod",),
    )

    def test_another_exporter(self, url: str, start: int) -> None:
        named = {"env": "prod", "pod": "x-1", "service_module": "shop", "path": '/a "b"'}
        for code, per_scrape in (("200", 10), ("502", 2)):
            write(url, self._written(start, per_scrape, __name__="http_requests_total", code=code, **named))
        histogram = self.SETTINGS.duration or ""
        write(url, self._written(start, 9, __name__=f"{histogram}_count", **named))
        for le, per_scrape in (("100", 3), ("200.0", 6), ("+Inf", 9)):
            write(url, self._written(start, per_scrape, __name__=f"{histogram}_bucket", le=le, **named))
        scope = Scope("shop", '/a "b"')
        found = traffic(url, self.SETTINGS, (start, start + 2), [scope], [200.0, 100.0])[scope]
        assert isinstance(found, ScopeTraffic)
        assert found.valid.tolist() == [48, 48] and found.bad.tolist() == [8, 8]
        assert found.timed[200.0].tolist() == [36, 36] and found.within[200.0].tolist() == [24, 24]
        assert found.within[100.0].tolist() == [12, 12]

    def _written(self, start: int, per_scrape: int, **named: str) -> list[Sample]:
        return [Sample(named, 60 * start + SCRAPE_S * n, 1000 + per_scrape * n) for n in range(9)]

    def test_one_bound_in_two_spellings(self, url: str, start: int) -> None:
        for le, instance in (("1", "a"), ("1.0", "b"), ("+Inf", "a"), ("+Inf", "b"), ("0.2", "a")):
            more = {"__name__": BUCKET, "le": le, "instance": instance}
            write(url, scraped(start, "spelt", *range(0, 90, 10), **more))
        for instance in "ab":
            write(url, scraped(start, "spelt", *range(0, 180, 20), instance=instance))
        found = of_service(url, "spelt", (start, start + 2), [1000.0])
        assert found.within[1000.0].tolist() == [80, 80] and found.timed[1000.0].tolist() == [160, 160]
        message = refused(url, "spelt", (start, start + 2), [200.0])
        assert message.startswith(f"Not every series of {BUCKET} has a bucket with the bound 200 ms")
        assert message.endswith("existing bounds: 1000 ms")

    def test_the_bounds_that_there_are_now(self, url: str) -> None:
        now = int(time.time()) // 60
        for le in ("0.25", "0.1", "+Inf"):
            write(url, scraped(now - 1, "now", 1, 2, 3, 4, __name__=BUCKET, le=le))
        for job, bounds in (("now", (100.0, 250.0)), ("nobody", None)):
            settings = PrometheusSli(selector=f'job="{job}"')
            if bounds:
                assert asked(url, lambda at, by=settings: read_bucket_bounds(at, by)) == bounds
            else:
                with pytest.raises(ObservationError, match=f"no series of {BUCKET}"):
                    asked(url, lambda at, by=settings: read_bucket_bounds(at, by))


class TestProbes:
    """One series of 1 and 0."""

    def probes(self, url: str, start: int, promql: str) -> Probes:
        settings = PrometheusSli(probe=promql)
        return asked(url, lambda at: read_probes(at, settings, start, start + 5))

    def test_what_failed_and_what_was_not_asked(self, url: str, start: int) -> None:
        for instance, values in (("a", [1] * 6 + [STALE]), ("b", [1, 1, 0, 0, 1, 1, STALE])):
            write(url, scraped(start, "up", *values, late_s=15, __name__="probe_success", instance=instance))
        found = self.probes(url, start, 'min(probe_success{job="up"})')
        assert found.asked.tolist() == [4, 2, 0, 0, 0] and found.failed.tolist() == [2, 0, 0, 0, 0]
        with pytest.raises(ObservationError, match="probe returned 2 series"):
            self.probes(url, start, 'probe_success{job="up"}')
        with pytest.raises(ObservationError, match=r"probe returned 0\.5 at 20.*Z, not 1 or 0"):
            self.probes(url, start, 'avg(probe_success{job="up"})')
        with pytest.raises(ObservationError, match="probe returned no series"):
            self.probes(url, start, 'min(probe_success{job="nobody"})')


class TestDemo:
    """The demo service under load, scraped every second, against its own access log."""

    @pytest.fixture
    def demo(self, tmp_path: Path) -> Iterator[DemoEnvironment]:
        with demo_environment(tmp_path / "demo", faults=frozenset({Fault.ERRORS})) as running:
            yield running

    @pytest.mark.deep
    def test_the_counts_are_those_of_the_access_log(self, demo: DemoEnvironment, tmp_path: Path) -> None:
        targets = [base_url.removeprefix("http://") for base_url in demo.base_urls]
        job = {"job_name": "shop", "scrape_interval": "1s", "static_configs": [{"targets": targets}]}
        with running_prometheus(tmp_path, [job]) as url:
            self._wait(url, lambda: self._scrapes(url) >= 2)
            first, logged = int(time.time()) // 60, demo.log.stat().st_size
            sent = asyncio.run(make_traffic(demo.base_urls, requests=1500, seconds=10, concurrency=6))
            before = self._scrapes(url)
            self._wait(url, lambda: self._scrapes(url) >= before + 2)
            lines = [json.loads(line) for line in demo.log.read_bytes()[logged:].splitlines()]
            modules = {line["module"] for line in lines} - {"platform"}
            settings = PrometheusSli(selector='job="shop"', resolution_s=1)
            # A value holds for a while: the end of this minute already has the last scrape's.
            span = first, int(time.time()) // 60 + 1
            found = traffic(url, settings, span, [SERVICE, *map(Scope, modules)], [200.0])
        assert sent.answered > 300 and len(modules) == 3
        service = found.pop(SERVICE)
        assert isinstance(service, ScopeTraffic) and service.valid.sum() > sent.answered  # metrics pages, too
        for module in modules:
            counted, own = found[Scope(module)], [line for line in lines if line["module"] == module]
            assert isinstance(counted, ScopeTraffic)
            assert counted.valid.sum() == counted.timed[200.0].sum() == len(own)
            assert counted.bad.sum() == sum(line["status"] >= 500 for line in own)
            assert counted.within[200.0].sum() == sum(line["duration"] <= 200 for line in own)
        assert sum(counted.bad.sum() for counted in found.values() if isinstance(counted, ScopeTraffic)) > 0

    def _scrapes(self, url: str) -> float:
        """How often each instance has been scraped at least; 0 before both have been."""
        params = {"query": 'min(sum_over_time(up{job="shop"}[10m])) and count(up{job="shop"}) == 2'}
        result = httpx.get(f"{url}/api/v1/query", params=params, timeout=30).json()["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def _wait(self, url: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not done():
            assert time.monotonic() < deadline
            time.sleep(0.2)
