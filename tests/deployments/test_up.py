"""`rounds up` as a person starts it: real server, runner and archive, killed and stopped."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from flows.catalogue import FLOWS
from tasks.processes import Child, free_port

ROUNDS = [str(Path(sys.executable).with_name("rounds"))]
SLOW_SERVICE = """
import asyncio, pathlib, sys
async def serve(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    if not pathlib.Path(sys.argv[2]).exists():
        await asyncio.sleep(3600)
    writer.write(b"HTTP/1.1 503 Out\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""
SCHEDULED = {
    f"{entry.flow.name}/{'slow' if entry.per_service else 'every-service'}": [entry.schedule.slug]
    if entry.schedule is not None and not (entry.checklist is not None and entry.checklist.only_if_configured)
    else []
    for entry in FLOWS
}
"""The service has no backups."""
START_S = 240.0
"""The longest that the start of a server or of a run may take on a busy machine; a round that hangs takes longer."""
CRASH_S = 300.0
"""Within five minutes a round is freed whose process is gone."""


class Patient(httpx.HTTPTransport):
    """Asks again while the server is too busy (503, nothing was done), as Prefect's own client does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline = time.monotonic() + 60
        while (answer := super().handle_request(request)).status_code == 503 and time.monotonic() < deadline:
            answer.close()
            time.sleep(0.5)
        return answer


@dataclass
class Up:
    """A running `rounds up` and what a test asks of it."""

    process: Child
    api: httpx.Client
    archive_url: str
    state: Path
    log: Path

    def deployment(self, flow: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = self.api.post(
            "/deployments/filter", json={"flows": {"name": {"any_": [flow]}}}
        ).json()
        return found[0]

    def ready(self) -> bool:
        answer = self.api.post("/deployments/filter", json={}).raise_for_status()
        return {deployment["status"] for deployment in answer.json()} == {"READY"}

    def scheduled(self) -> dict[str, list[str]]:
        """The slug of each deployment's schedule; a form has none."""
        answer = self.api.post("/deployments/filter", json={}).raise_for_status().json()
        flows = {flow["id"]: flow["name"] for flow in self.api.post("/flows/filter", json={}).raise_for_status().json()}
        return {
            f"{flows[found['flow_id']]}/{found['name']}": [schedule["slug"] for schedule in found["schedules"]]
            for found in answer
        }

    def start(self, flow: str = "daily-checklist") -> str:
        answer = self.api.post(f"/deployments/{self.deployment(flow)['id']}/create_flow_run", json={})
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def state_of(self, run: str) -> str:
        return str(self.api.get(f"/flow_runs/{run}").raise_for_status().json()["state"]["name"])

    def wait(self, what: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(httpx.HTTPError):  # a server that is too busy for a moment
                if what():
                    return
            assert self.process.running, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.3)


def service_file(folder: Path, port: int) -> None:
    """A service whose every request hangs, so that a round lasts six minutes: long enough to be killed in."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slow.toml").write_text(
        f'[service]\nname = "slow"\nbase_url = "http://127.0.0.1:{port}"\ntimezone = "Asia/Tokyo"\n'
        '[health]\nlive = "/live"\nready = "/ready"\ntimeout_s = 60\n'
    )


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Once this file is there, the service answers at once that it is out of order."""
    return tmp_path / "answers"


@pytest.fixture
def services(tmp_path: Path, answers: Path) -> Iterator[Path]:
    port = free_port()
    with Child([sys.executable, "-c", SLOW_SERVICE, str(port), str(answers)], log=tmp_path / "service.log"):
        service_file(tmp_path / "services", port)
        yield tmp_path / "services"


@pytest.fixture
def state(prefect_folder: Callable[[Path], Path], tmp_path: Path) -> Path:
    """Where `rounds up` keeps what it has: a Prefect server's database that is not to be migrated first."""
    return prefect_folder(tmp_path / "state" / "prefect").parent


@contextmanager
def rounds_up(services: Path, state: Path, log: Path) -> Iterator[Up]:
    environment = {**os.environ, "OPSROUNDS_STATE": str(state)}
    environment.pop("PREFECT_API_URL", None)
    here = services.parent / "here"  # where a report has been written: that folder is named like one of our packages
    (here / "reports").mkdir(parents=True, exist_ok=True)
    process = Child([*ROUNDS, "up", "--services", str(services)], log=log, env=environment, cwd=here)
    try:
        deadline = time.monotonic() + START_S
        while not (state / "up.json").exists() or json.loads((state / "up.json").read_text())["pid"] != process.pid:
            assert process.running, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        announced = json.loads((state / "up.json").read_text())
        with httpx.Client(base_url=announced["api_url"], timeout=120, transport=Patient()) as api:
            running = Up(process, api, announced["archive_url"], state / "up.json", log)
            running.wait(running.ready, START_S)
            yield running
    finally:
        kill(process)
        process.stop()


def kill(process: Child) -> None:
    """Kill it and all that it started, each in a group of its own."""
    if not process.running:
        return
    parent = psutil.Process(process.pid)
    for left in [parent, *parent.children(recursive=True)]:
        with suppress(psutil.Error):
            left.kill()


def flow_process(run: str) -> psutil.Process | None:
    for process in psutil.process_iter():
        try:
            if process.environ().get("PREFECT__FLOW_RUN_ID") == run and "prefect" in " ".join(process.cmdline()):
                return process
        except psutil.Error:
            continue
    return None


def test_every_flow_has_its_schedule_and_stopping_leaves_no_process(
    services: Path, state: Path, tmp_path: Path
) -> None:
    with rounds_up(services, state, tmp_path / "up.log") as up:
        assert httpx.get(up.archive_url, timeout=60).status_code == 200  # before the first report too
        assert up.scheduled() == SCHEDULED
        stopping(up)


@pytest.mark.deep
def test_a_killed_run_frees_its_round(services: Path, answers: Path, state: Path, tmp_path: Path) -> None:
    with rounds_up(services, state, tmp_path / "up.log") as up:
        killed_run(up, answers)
        stopping(up)


@pytest.mark.deep
def test_runs_of_a_killed_machine_are_freed_at_the_next_start(services: Path, state: Path, tmp_path: Path) -> None:
    with rounds_up(services, state, tmp_path / "first.log") as up:
        lost = up.start()
        up.wait(lambda: up.state_of(lost) == "Running" and flow_process(lost) is not None, START_S)
        kill(up.process)
    with rounds_up(services, state, tmp_path / "second.log") as up:
        assert up.state_of(lost) in ("Running", "Crashed")
        up.wait(lambda: up.state_of(lost) == "Crashed", CRASH_S)
        again = up.start()
        up.wait(lambda: up.state_of(again) == "Running", START_S)
        assert "their process is gone" in up.log.read_text()


def killed_run(up: Up, answers: Path) -> None:
    first = up.start()
    up.wait(lambda: up.state_of(first) == "Running" and flow_process(first) is not None, START_S)
    second = up.start()
    up.wait(lambda: up.state_of(second) == "Cancelled", START_S)

    killed = flow_process(first)
    assert killed is not None
    killed.send_signal(signal.SIGKILL)
    up.wait(lambda: up.state_of(first) == "Crashed", CRASH_S)
    answers.touch()
    third = up.start()
    up.wait(lambda: up.state_of(third) == "ChecksFailed", START_S)
    assert httpx.get(up.archive_url + "slow/daily-checklist/latest.html", timeout=60).status_code == 200


def stopping(up: Up) -> None:
    children = psutil.Process(up.process.pid).children(recursive=True)
    assert children
    os.kill(up.process.pid, signal.SIGTERM)
    assert up.process.wait(180) == 0
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
    assert not up.state.exists()
