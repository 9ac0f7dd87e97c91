"""Which metrics count a service's requests: by a real Prometheus that holds what usual clients expose."""

import asyncio
import shutil
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deployments.init.command import Given, write_service_file
from deployments.init.metrics import Known, ask_prometheus
from deployments.init.requests import Requests
from tests.prometheus_history import Sample, running_prometheus
from tests.prometheus_history import write as store

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Prometheus (Debian: prometheus)"),
]
AT = time.time()
Series = list[tuple[str, dict[str, str], float]]


def histogram(name: str, *les: str, **labels: str) -> Series:
    buckets: Series = [(f"{name}_bucket", {**labels, "le": le}, 10.0 * n) for n, le in enumerate((*les, "+Inf"), 1)]
    return [*buckets, (f"{name}_count", labels, buckets[-1][2])]


OTEL = "http_server_request_duration_seconds"
JOBS: dict[str, Series] = {
    "otel": [
        *histogram(OTEL, "0.1", "0.2", http_response_status_code="200", http_route="/a", server_port="443"),
        *histogram(OTEL, "0.1", "0.2", http_response_status_code="500", http_route="/b", server_port="443"),
        ("http_client_request_duration_seconds_count", {"http_response_status_code": "200"}, 999.0),
    ],
    "spring": [
        *histogram("http_server_requests_seconds", "0.1", "0.25", status="200", uri="/a", outcome="SUCCESS"),
        ("http_server_requests_active_seconds_count", {"status": "200", "uri": "/a"}, 1.0),
    ],
    "no-buckets": [("http_server_requests_seconds_count", {"status": "200", "uri": "/a"}, 9.0)],
    "fastapi": [
        ("http_requests_total", {"handler": "/a", "status": "2xx"}, 100.0),
        ("http_requests_total", {"handler": "/a", "status": "5xx"}, 3.0),
        *histogram("http_request_duration_seconds", "0.1", "0.5", handler="/a"),
        *histogram("http_request_duration_highr_seconds", "0.1", "0.25", "0.5"),
    ],
    # The same name as one of fastapi's, with other bounds: together more than fastapi's finest.
    "guide": histogram("http_request_duration_seconds", "0.2", "1", status="200", module="items", route="/a"),
    "millis": histogram("request_latency", "100", "200", code="200", shop="items"),
    "gap": [
        *histogram("http_request_duration_seconds", "0.2", status="200"),
        ("http_request_duration_seconds_count", {"route": "/b"}, 5.0),
    ],
    "idle": [("http_requests_total", {"code": "200"}, 0.0)],
    "no-status": [("http_requests_total", {"method": "GET"}, 9.0), ("grpc_requests_total", {"code": "OK"}, 9.0)],
    "prometheus": [("prometheus_http_requests_total", {"code": "200"}, 9.0)],
}
PORTS = {job: 8000 + n for n, job in enumerate(JOBS)}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as url:
        of_job = ((job, name, labels, value) for job, series in JOBS.items() for name, labels, value in series)
        store(
            url,
            (
                Sample({"__name__": name, "job": job, "instance": f"127.0.0.1:{PORTS[job]}", **labels}, AT, value)
                for job, name, labels, value in of_job
            ),
        )
        yield url


def found(prometheus: str, base_url: str) -> Requests | None:
    known = asyncio.run(ask_prometheus(prometheus, base_url, {"items", "users"}))
    assert isinstance(known, Known)
    return known.requests


def of(prometheus: str, job: str) -> Requests:
    requests = found(prometheus, f"http://localhost:{PORTS[job]}")
    assert requests is not None and requests.sli.selector == f'job="{job}"' and not requests.others
    return requests


@pytest.mark.parametrize(
    ("job", "named", "within_ms", "total", "bad"),
    [
        (
            "otel",
            {
                "requests": "http_server_request_duration_seconds_count",
                "duration": "http_server_request_duration_seconds",
                "duration_unit": "s",
                "status_label": "http_response_status_code",
                "route_label": "http_route",
            },
            (100, 200),
            60,
            30,
        ),
        ("spring", {"duration": "http_server_requests_seconds", "route_label": "uri"}, (100, 250), 30, 0),
        ("no-buckets", {"requests": "http_server_requests_seconds_count", "duration": None}, (), 9, 0),
        (
            "fastapi",
            {"requests": "http_requests_total", "duration": "http_request_duration_highr_seconds"}
            | {"status_label": "status", "route_label": "handler"},
            (100, 250, 500),
            103,
            3,
        ),
        ("guide", {"module_label": "module", "route_label": "route", "status_label": "status"}, (200, 1000), 30, 0),
        (
            "millis",
            {
                "requests": "request_latency_count",
                "duration_unit": "ms",
                "status_label": "code",
                "module_label": "shop",
            },
            (100, 200),
            30,
            0,
        ),
    ],
)
def test_names_and_labels_of_usual_clients(
    prometheus: str, job: str, named: dict[str, Any], within_ms: tuple[float, ...], total: float, bad: float
) -> None:
    requests = of(prometheus, job)
    assert {key: getattr(requests.sli, key) for key in named} == named
    assert (requests.within_ms, requests.total, requests.bad) == (within_ms, total, bad)
    assert requests.certain and requests.has_guide_bound == (200 in within_ms)


def test_what_gave_no_figures_or_not_all_of_them_is_not_certain(prometheus: str) -> None:
    idle, gap = of(prometheus, "idle"), of(prometheus, "gap")
    assert (idle.total, idle.certain) == (0, False)
    assert (gap.total, set(gap.statuses), gap.certain) == (25, {"200", ""}, False)


def test_nothing_of_another_server_and_nothing_without_a_status_is_taken(prometheus: str) -> None:
    assert found(prometheus, f"http://localhost:{PORTS['no-status']}") is None
    elsewhere = found(prometheus, "http://shop.example.com")
    assert elsewhere is not None and not elsewhere.certain  # which of them it is nobody can tell
    assert len(elsewhere.others) > 2 and not any("prometheus_" in other for other in elsewhere.others)


@pytest.mark.parametrize(("job", "active"), [("otel", True), ("idle", False)])
def test_the_file_names_them_as_they_stand_or_as_a_comment(
    prometheus: str, site: Any, tmp_path: Path, job: str, active: bool
) -> None:
    printed: list[str] = []
    output = tmp_path / "service.toml"
    given = Given(site.url, output, prometheus=prometheus, name="shop")
    store(
        prometheus,
        (
            Sample({"__name__": n, "job": job, "instance": site.url.removeprefix("http://"), **labels}, AT, value)
            for n, labels, value in JOBS[job]
        ),
    )
    settings = write_service_file(given, datetime.now(UTC), printed.append).settings
    assert any(line.startswith("found: requests http_") and f'{{job="{job}"}}' in line for line in printed)
    text = output.read_text()
    assert ("prometheus" in tomllib.loads(text).get("slo", {})) is active
    if active:
        assert settings.slo.prometheus.status_label == "http_response_status_code"
        assert "# within_ms of a latency objective, by the bounds / レイテンシ目標に使える境界: 100 | 200" in text
    else:
        uncommented = text.replace("# [slo.prometheus]\n# ", "[slo.prometheus]\n").replace("\n# selector", "\nselector")
        assert tomllib.loads(uncommented)["slo"]["prometheus"]["requests"] == "http_requests_total"
        assert any("nothing was counted yet" in line for line in printed)
