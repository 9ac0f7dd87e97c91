"""The section as a flow runs it: on this machine, on a real database, against a Prometheus, and for a past day."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from prefect import flow

from flows.daily_checklist import CHECKLIST as DAILY
from tasks.check_result import Status, msg
from tasks.configuration import ConfigurationError
from tasks.guide.known import every_check
from tasks.history.opened import history_of
from tasks.history.runs import RunKey
from tasks.observation import Unobserved
from tasks.postgres.server import PostgresServer
from tasks.resources.look import resource_readings
from tasks.resources.node_exporter import queries
from tasks.resources.section import resource_usage
from tasks.resources.watch import Watch
from tasks.round import Round
from tasks.samples.facts import Reading
from tasks.section import Section
from tasks.settings import load_settings

pytestmark = pytest.mark.usefixtures("prefect")
PAST = Unobserved(msg("Only the present can be checked, not {day}", day="2026-01-01"))
SERVICE = '[service]\nname = "shop"\nbase_url = "http://127.0.0.1:1"\n'
NUMBERS = (
    '[[queues]]\nname = "mail"\ndepth = { sql = "SELECT 3" }\nmax_depth = 2\n'
    '[[kpi]]\nname = "orders"\nsql = "SELECT NULL::int"\nfloor = 1\n'
)
SELECTOR = 'job="node"'
OURS = {check.id for check in every_check() if check.id.startswith(("resources.", "kpi."))}


def everything(postgres: PostgresServer) -> str:
    url = f"postgresql://postgres@{postgres.host}:{postgres.port}/postgres"
    return f'[resources]\ninterval_s = 0.1\n[database]\nurl = "{url}"\n{NUMBERS}'


def hold(tmp_path: Path, text: str, past: Unobserved | None = None) -> Section:
    """The section inside a flow."""
    file = tmp_path / "shop.toml"
    file.write_text(SERVICE + text, encoding="utf-8")
    settings = load_settings(file)
    key = RunKey("shop", "daily-checklist", "2026-11-25", "hand")
    history = history_of(settings)
    now = datetime.now(UTC)
    run = Round(key, settings, history, now, now + timedelta(minutes=30), past, False)

    @flow(name="resource-usage-test")
    async def section() -> Section:
        return await resource_usage(run)

    try:
        return asyncio.run(section())  # type: ignore[arg-type]
    finally:
        history.dispose()


def statuses(section: Section) -> dict[str, set[Status]]:
    found: dict[str, set[Status]] = {}
    for result in section.results:
        found.setdefault(result.check, set()).add(result.status)
    return found


def test_this_machine_a_database_a_queue_and_a_figure(tmp_path: Path, postgres: PostgresServer) -> None:
    section = hold(tmp_path, everything(postgres))
    found = statuses(section)
    assert set(found) == OURS
    for check in ("cpu", "memory", "disk", "database-connections", "database-locks"):
        assert Status.UNKNOWN not in found[f"resources.{check}"]
        assert found[f"resources.{check}"] & {Status.PASS, Status.WARN, Status.FAIL}
    assert found["resources.queue"] == {Status.FAIL}
    assert found["kpi.value"] == {Status.UNKNOWN}
    assert all(kpi.value is not None for kpi in section.kpis)
    [line] = [line for line in [s.line for s in DAILY.systems] if line.id == "resources"]
    assert all(line.covers(result.check) for result in section.results)


def test_a_file_that_names_nothing_is_skipped_with_the_key_to_set(tmp_path: Path) -> None:
    section = hold(tmp_path, "")
    assert {s for found in statuses(section).values() for s in found} == {Status.SKIPPED}
    assert set(statuses(section)) == OURS
    reasons = {result.reason.text for result in section.results}
    assert reasons == {
        "[resources] is not set in the service file",
        "[database] url is not set in the service file",
        "[[queues]] is not set in the service file",
        "[[kpi]] is not set in the service file",
        "{size} MB; its growth is known from tomorrow on",
    }
    assert [kpi.value for kpi in section.kpis[:-1]] == [None] * 4
    size = section.kpis[-1]
    assert (size.id, size.unit) == ("resources.history", "MB") and size.value is not None and 0.1 < size.value < 10


def test_a_past_day_is_not_measured_by_the_present(tmp_path: Path, postgres: PostgresServer) -> None:
    section = hold(tmp_path, everything(postgres), PAST)
    assert {(r.status, r.reason.text) for r in section.results} == {(Status.UNKNOWN, PAST.reason.text)}
    assert {result.check for result in section.results} == OURS


def test_a_database_that_is_away_is_unknown_and_the_machine_is_judged(tmp_path: Path) -> None:
    away = 'interval_s = 0.1\n[database]\nurl = "postgresql://u@127.0.0.1:1/x"\n'
    section = hold(tmp_path, f"[resources]\n{away}{NUMBERS}")
    found = statuses(section)
    assert {s for check, s in found.items() if check.startswith("resources.database") for s in s} == {Status.UNKNOWN}
    assert found["resources.queue"] == found["kpi.value"] == {Status.UNKNOWN}
    assert Status.UNKNOWN not in found["resources.memory"]


def test_a_secret_that_is_no_address_is_a_mistake_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2-secret")
    with pytest.raises(ConfigurationError, match=r"database\.url: must be postgresql://") as error:
        hold(tmp_path, '[database]\nurl = { file = "secret" }\n')
    assert "hunter2" not in str(error.value)


def test_a_container_that_must_be_there_and_is_not(tmp_path: Path) -> None:
    # Where the tests themselves run in a container with a limit, that limit is judged instead.
    section = hold(tmp_path, "[resources]\ninterval_s = 0.1\nhost = false\ncontainer = true\n")
    found = statuses(section)
    assert found["resources.cpu"] == {Status.SKIPPED}
    assert found["resources.container-memory"] != {Status.SKIPPED} or found["resources.container-cpu"] != {
        Status.SKIPPED
    }


def test_readings_of_a_minute(tmp_path: Path, postgres: PostgresServer) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(SERVICE + everything(postgres), encoding="utf-8")

    @flow(name="readings-test")
    async def minute() -> tuple[tuple[Reading, ...], tuple[Unobserved, ...]]:
        return await resource_readings(load_settings(file), Watch())

    readings, blind = asyncio.run(minute())  # type: ignore[arg-type]
    names = {reading.name for reading in readings}
    assert {"cpu.used", "memory.used", "disk.used", "database.connections", "queue.depth"} <= names
    assert "kpi.value" not in names
    assert [look.reason.text for look in blind] == ["The query returned NULL, not a number"]
    assert len({(reading.name, reading.subject) for reading in readings}) == len(readings)


class Exporter:
    """A Prometheus that knows one host that is up and one that is down."""

    def __init__(self) -> None:
        self.broken = ""
        a, gauge = {"instance": "a"}, "node_memory_Mem{}_bytes"
        answers = {
            "up": [({**a, "job": "node"}, 1), ({"instance": "b", "job": "node"}, 0)],
            "now": [
                ({**a, "__name__": gauge.format("Total")}, 100),
                ({**a, "__name__": gauge.format("Available")}, 10),
            ],
            "disks": [],
            "rates": [],
        }
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                name = next(key for key, query in queries(SELECTOR).items() if form["query"] == [query])
                result = [{"metric": labels, "value": [0, str(value)]} for labels, value in answers[name]]
                body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
                self.send_response(500 if name == exporter.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.settings = (
            f'[metrics]\nprometheus_url = "http://127.0.0.1:{self.server.server_port}"\n'
            f"[resources]\ncontainer = false\n[resources.prometheus]\nselector = '{SELECTOR}'\n"
        )


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    exporter = Exporter()
    yield exporter
    exporter.server.shutdown()
    exporter.server.server_close()


def test_several_hosts_through_prometheus(tmp_path: Path, exporter: Exporter) -> None:
    results = {(r.check, r.subject): r for r in hold(tmp_path, exporter.settings).results}
    assert results["resources.memory", "a"].status is Status.WARN
    assert results["resources.cpu", "a"].status is Status.UNKNOWN
    down = [r for (_, subject), r in results.items() if subject == "b"]
    assert {(r.status, r.reason.text) for r in down} == {
        (Status.UNKNOWN, "Prometheus cannot scrape this host (up = 0)")
    }


def test_one_query_that_fails_leaves_no_host_half_judged(tmp_path: Path, exporter: Exporter) -> None:
    exporter.broken = "now"
    section = hold(tmp_path, exporter.settings)
    assert statuses(section)["resources.memory"] == {Status.UNKNOWN}
    assert Status.PASS not in {s for found in statuses(section).values() for s in found}
