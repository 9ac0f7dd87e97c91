"""`rounds up` for tests: the real server, runner and archive in processes of their own."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tasks.processes import Child

ROUNDS = [str(Path(sys.executable).with_name("rounds"))]
START_S = 240.0
"""The longest that the start of a server or of a run may take on a busy machine."""


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
    credential: str

    @property
    def login(self) -> tuple[str, str]:
        user, _, password = self.credential.partition(":")
        return user, password

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

    def run(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"/flow_runs/{run}").raise_for_status().json()
        return found

    def state_of(self, run: str) -> str:
        return str(self.run(run)["state"]["name"])

    def wait(self, what: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(httpx.HTTPError):  # a server that is too busy for a moment
                if what():
                    return
            assert self.process.running, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.3)


@contextmanager
def rounds_up(services: Path, state: Path, log: Path, *options: str, **variables: str) -> Iterator[Up]:
    """`rounds up` as a person starts it, until the end of the block; `variables` are set in its environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**kept, "OPSROUNDS_STATE": str(state), **variables}
    here = services.parent / "here"  # where a report has been written: that folder is named like one of our packages
    (here / "reports").mkdir(parents=True, exist_ok=True)
    process = Child([*ROUNDS, "up", "--services", str(services), *options], log=log, env=environment, cwd=here)
    try:
        deadline = time.monotonic() + START_S
        while not (state / "up.json").exists() or json.loads((state / "up.json").read_text())["pid"] != process.pid:
            assert process.running, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        announced = json.loads((state / "up.json").read_text())
        auth = variables.get("PREFECT_SERVER_API_AUTH_STRING", "")
        if announced["asks_for"] == "credential":
            auth = (state / "credential").read_text().strip()
        user, _, password = auth.partition(":")
        with httpx.Client(
            base_url=announced["api_url"], auth=(user, password), timeout=120, transport=Patient()
        ) as api:
            running = Up(process, api, announced["archive_url"], state / "up.json", log, auth)
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
