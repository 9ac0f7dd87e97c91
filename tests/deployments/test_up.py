"""`rounds up` as a person starts it: real server, runner and archive, killed and stopped."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from flows.catalogue import FLOWS
from tasks.history.opened import history_of
from tasks.processes import Child, free_port
from tasks.schedule.store import read_scheduled
from tasks.settings import load_settings
from tests.up import START_S, Up, kill, rounds_up

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
CRASH_S = 300.0
"""Within five minutes a round is freed whose process is gone."""


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
        assert httpx.get(up.archive_url, auth=up.login, timeout=60).status_code == 200  # before the first report too
        assert up.scheduled() == SCHEDULED
        stopping(up)
    history = history_of(load_settings(services / "slow.toml"))
    noted = {flow.schedule.flow for flow in read_scheduled(history, "slow", datetime.now(UTC))}
    history.dispose()
    assert noted == {name.partition("/")[0] for name, slugs in SCHEDULED.items() if slugs}


@pytest.mark.deep
def test_killed_runs_are_freed_and_somebody_monitors_unless_a_person_cancels_it(
    services: Path, answers: Path, state: Path, tmp_path: Path
) -> None:
    with rounds_up(services, state, tmp_path / "up.log") as up:
        first = monitoring_run(up, ())
        process = flow_process(first)
        assert process is not None
        process.send_signal(signal.SIGKILL)
        second = monitoring_run(up, (first,))
        assert up.state_of(first) == "Crashed"
        up.api.post(f"/flow_runs/{second}/set_state", json={"state": {"type": "CANCELLING"}}).raise_for_status()
        up.wait(lambda: up.state_of(second) == "Cancelled", START_S)
        ended = f"Execution of flow run '{second}' was terminated."  # by itself: the runner did not have to kill it
        assert ended in up.state.with_name("runner.log").read_text()
        killed_run(up, answers)
        assert [run for run in running(up) if not up.run(run)["auto_scheduled"]] == []
        stopping(up)


def running(up: Up) -> list[str]:
    """The runs of the monitoring that are under way and have begun a minute.

    In its first tenth of a second Prefect takes one that is cancelled for one that has crashed.
    """
    asked = {"flows": {"name": {"any_": ["monitoring"]}}, "flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}
    begun = {run["flow_run_id"] for run in up.api.post("/task_runs/filter", json=asked).raise_for_status().json()}
    runs = up.api.post("/flow_runs/filter", json=asked).raise_for_status().json()
    return [run["id"] for run in runs if run["id"] in begun]


def monitoring_run(up: Up, known: tuple[str, ...]) -> str:
    """A run of the monitoring that is under way, and none of those known, once there is one."""
    found: list[str] = []

    def seen() -> bool:
        found[:] = [run for run in running(up) if run not in known and flow_process(run) is not None]
        return bool(found)

    up.wait(seen, START_S)
    return found[0]


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
    assert httpx.get(up.archive_url + "slow/daily-checklist/latest.html", auth=up.login, timeout=60).status_code == 200


def stopping(up: Up) -> None:
    children = psutil.Process(up.process.pid).children(recursive=True)
    assert children
    os.kill(up.process.pid, signal.SIGTERM)
    assert up.process.wait(180) == 0
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
    assert not up.state.exists()
