"""One objective from two sources: the log's lines, and a real Prometheus that scraped the same requests."""

import asyncio
import json
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.options import SloOptions
from flows.slo_report import slo_report
from tasks.check_result import CheckResult, Status, Table
from tasks.processes import free_port
from tests.prometheus_history import Sample, running_prometheus, write

if TYPE_CHECKING:
    from tests.operated import Operate, Operated, ServerView

SCRAPE_S = 15
BOUNDS_S = (0.1, 0.2, 0.5)
ROUTES = (("users", "/api/users"), ("shopping", "/api/lists"))
SECRET = "s3cret-of-prometheus"
OWN = ""
OTHER = """
requests = "http_requests_total"
selector = 'job="other"'
status_label = "code"
duration = "http_server_duration_milliseconds"
duration_unit = "ms"
module_label = "service_module"
route_label = "path"
"""


@contextmanager
def answering(status: int, answer: object) -> Iterator[str]:
    """A server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


def objectives(source: str) -> str:
    shared = f'source = "{source}"\nwindow = "1d"\nmin_coverage = 0.03\nalerts = false\n'
    named = f'[[slo.objective]]\nname = "{source}-'
    return (
        f'{named}availability"\nkind = "availability"\ntarget = 0.9\n{shared}'
        f'{named}users"\nkind = "availability"\ntarget = 0.9\nscope = {{ module = "users" }}\n{shared}'
        f'{named}lists"\nkind = "error-rate"\nmax_share = 0.2\nscope = {{ route = "/api/lists" }}\n{shared}'
        f'{named}latency"\nkind = "latency"\nwithin_ms = 200\ntarget = 0.5\n{shared}'
    )


def file_text(url: str, names: str, *sources: str) -> str:
    routes = "".join(f'[[routes]]\npattern = "{route}"\nmodule = "{module}"\n' for module, route in ROUTES)
    log = '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["app.log"]\n'
    metrics = f'[metrics]\nprometheus_url = "{url}"\ntimeout_s = 20\n[slo.prometheus]\n{names}'
    return routes + log + metrics + "".join(objectives(source) for source in sources)


def requests(end_s: int) -> list[tuple[float, str, str, int, float]]:
    """An hour of requests: time, module, route, status and duration in ms."""
    chance, at, found = random.Random(3), end_s - 3600.0, []
    while (at := at + chance.expovariate(1.5)) < end_s:
        module, route = chance.choice(ROUTES)
        status = chance.choices((200, 404, 500, 503), (90, 5, 4, 1))[0]
        found.append((at, module, route, status, round(chance.lognormvariate(4.8, 0.7), 1)))
    return found


def lines(of: list[tuple[float, str, str, int, float]]) -> Iterator[str]:
    for at, module, route, status, ms in of:
        stamp = datetime.fromtimestamp(at, UTC).isoformat()
        yield json.dumps(
            {"timestamp": stamp, "level": "info", "module": module, "url": route, "status": status, "duration": ms}
        )


def scraped(
    of: list[tuple[float, str, str, int, float]], end_s: int, *, other: bool, job: str = "shop"
) -> Iterator[Sample]:
    """What an exporter of either kind would have counted, scraped from a minute before the hour to its end."""
    job = "other" if other else job
    for scrape in range(end_s - 3660, end_s + 1, SCRAPE_S):
        counted: Counter[tuple[str, ...]] = Counter()
        for module, route in ROUTES:
            for status in ("200", "404", "500", "503"):
                mine = [ms for at, m, r, s, ms in of if at <= scrape and (m, r, str(s)) == (module, route, status)]
                counted[module, route, status, ""] = len(mine)
                for bound in BOUNDS_S:
                    counted[module, route, status, str(bound)] = sum(ms <= bound * 1000 for ms in mine)
                counted[module, route, status, "+Inf"] = len(mine)
        for (module, route, status, le), number in counted.items():
            yield Sample(_labels(job, module, route, status, le, other=other), scrape, number)


def _labels(job: str, module: str, route: str, status: str, le: str, *, other: bool) -> dict[str, str]:
    base = "http_server_duration_milliseconds" if other else "http_request_duration_seconds"
    names = ("service_module", "path", "code") if other else ("module", "route", "status")
    plain = "http_requests_total" if other else f"{base}_count"
    found = {"__name__": f"{base}_bucket" if le else plain, "job": job, "instance": "a:1"}
    found |= dict(zip(names, (module, route, status), strict=True))
    if le:
        found["le"] = le if le == "+Inf" or not other else f"{float(le) * 1000:g}"
    return found


def hold(shop: "Operated") -> dict[str, CheckResult]:
    week = f"{datetime.now(shop.settings.zone):%G-W%V}"
    state: Any = asyncio.run(slo_report(shop.name, SloOptions(for_period=week), return_state=True))
    assert state.name in ("Incomplete", "ChecksFailed", "Passed", "Attention"), state
    wanted = ("slo.availability", "slo.error-rate", "slo.latency")
    return {r.subject.split("/")[0]: r for r in shop.report().results if r.check in wanted}


def counts(result: CheckResult) -> tuple[int, int]:
    [table] = [piece for piece in result.evidence[:1] if isinstance(piece, Table)]
    rows = {row[0].text: row[1] for row in table.rows}  # type: ignore[union-attr]
    return rows["Bad"], rows["Total"]  # type: ignore[return-value]


@pytest.mark.prometheus
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Prometheus (Debian: prometheus)")
@pytest.mark.parametrize("other", [False, True], ids=["own names", "another exporter's names"])
def test_both_sources_say_the_same_of_an_hour(
    operate: "Operate", prefect: Any, prometheus: str, tmp_path: Path, other: bool
) -> None:
    end_s = int(time.time()) // 60 * 60
    made = requests(end_s)
    write(prometheus, scraped(made, end_s, other=other))
    names = OTHER if other else "selector = 'job=\"shop\"'\n"
    shop = operate(more=file_text(prometheus, names, "logs", "prometheus"))
    (shop.settings.path.parent / "app.log").write_text("".join(f"{line}\n" for line in lines(made)))
    found = hold(shop)
    for kind in ("availability", "users", "lists", "latency"):
        log, metrics = found[f"objective:logs-{kind}"], found[f"objective:prometheus-{kind}"]
        assert log.status is metrics.status is Status.PASS, (log.reason, metrics.reason)
        # The counters were scraped before the first request and at the end of the hour: not one of them is lost.
        assert counts(log) == counts(metrics)
    assert counts(found["objective:logs-availability"])[1] == len(made)


@pytest.mark.prometheus
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Prometheus (Debian: prometheus)")
def test_a_histogram_without_the_bucket_leaves_only_latency_unknown(
    operate: "Operate", prefect: Any, prometheus: str
) -> None:
    end_s = int(time.time()) // 60 * 60
    made = requests(end_s)
    # A job of its own: in the same minutes, another test's samples of the shared server may differ.
    write(prometheus, scraped(made, end_s, other=False, job="buckets"))
    text = file_text(prometheus, "selector = 'job=\"buckets\"'\n", "prometheus").replace(
        "within_ms = 200", "within_ms = 250"
    )
    found = hold(operate(more=text))
    assert found["objective:prometheus-availability"].status is Status.PASS
    latency = found["objective:prometheus-latency"]
    assert latency.status is Status.UNKNOWN
    assert latency.reason.params["bounds"] == "100, 200, 500"


@pytest.mark.parametrize("names", [OWN])
def test_a_prometheus_that_is_down_is_unknown_and_the_reason_says_so(
    operate: "Operate", prefect: Any, names: str
) -> None:
    shop = operate(more=file_text(f"http://127.0.0.1:{free_port()}", names, "prometheus"))
    found = hold(shop)
    assert {result.status for result in found.values()} == {Status.UNKNOWN}
    assert {result.reason.text for result in found.values()} == {
        "Prometheus cannot be reached: check prometheus_url and the network"
    }


def test_a_secret_that_prometheus_repeats_is_shown_nowhere(
    operate: "Operate", prefect: Any, server_view: "ServerView", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_TOKEN", SECRET)
    answer = {"status": "error", "errorType": "bad_data", "error": f"who is {SECRET}? <script>boo()</script>"}
    with answering(400, answer) as url:
        text = file_text(url, OWN, "prometheus").replace(
            "timeout_s = 20\n", 'timeout_s = 20\nheaders = { Authorization = { env = "PROMETHEUS_TOKEN" } }\n'
        )
        shop = operate(more=text)
        week = f"{datetime.now(shop.settings.zone):%G-W%V}"
        state: Any = asyncio.run(slo_report(shop.name, SloOptions(for_period=week), return_state=True))
    folder = shop.folder(shop.runs()[-1])
    shown = [path.read_bytes().decode("utf-8", "replace") for path in folder.iterdir()]
    places = [
        *shown,
        *server_view.artifacts(state).values(),
        server_view.log(state),
        str(state.message),
        shop.runs()[-1].report,
    ]
    assert any("who is" in place for place in places)
    assert not [place for place in places if SECRET in place]
    assert not [page for page in shown if "<script>boo" in page and page.startswith("<!")]
