"""Runs whose process is gone are freed; those that live, or are a worker's, are left alone."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import State
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling, Pending, Running

from deployments.dead_runs import crash_dead_runs, describe
from deployments.runner import pause_others
from deployments.schedules import deployments_of
from tasks.settings import Settings, load_settings

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def prefect_api(own_prefect_api: str) -> str:
    """A server that other tests do not use: here runs are crashed and deployments paused, whosever they are."""
    return own_prefect_api


@pytest.fixture
def services(tmp_path: Path) -> dict[str, Settings]:
    """A service that no other test has."""
    name = f"dead-{uuid.uuid4().hex[:8]}"
    file = tmp_path / "service.toml"
    file.write_text(f'[service]\nname = "{name}"\nbase_url = "http://127.0.0.1:1"\n')
    return {name: load_settings(file)}


@pytest.fixture
def served(services: dict[str, Settings], prefect: SyncPrefectClient) -> UUID:
    """The daily deployment as this machine's runner serves it."""
    place: Any = deployments_of(services)[0].apply()
    assert isinstance(place, UUID)
    return place


def begun(prefect: SyncPrefectClient, deployment: UUID, *states: State[Any]) -> FlowRun:
    """A run that went through these states."""
    run = prefect.create_flow_run_from_deployment(deployment)
    for state in states:
        prefect.set_flow_run_state(run.id, state)
    return prefect.read_flow_run(run.id)


def state_of(prefect: SyncPrefectClient, run: FlowRun) -> tuple[str, str | None]:
    state = prefect.read_flow_run(run.id).state
    assert state is not None
    return str(state.name), state.message


@pytest.fixture
def process_of() -> Iterator[Any]:
    """Starts a process such as the runner starts for a run."""
    started = []

    def start(run: FlowRun) -> None:
        environment = {**os.environ, "PREFECT__FLOW_RUN_ID": str(run.id)}
        command = [sys.executable, "-c", "print(flush=True); input()"]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "\n"
        started.append(process)

    yield start
    for process in started:
        process.communicate("")


def test_a_run_without_a_process_is_crashed_after_its_minute_and_its_round_is_free_again(
    prefect: SyncPrefectClient, served: UUID
) -> None:
    dead = begun(prefect, served, Pending(), Running())
    blocked = begun(prefect, served, Pending())
    assert state_of(prefect, dead)[0] == "Running"
    assert state_of(prefect, blocked)[0] == "Cancelled"  # the slot is taken

    found = crash_dead_runs(prefect, datetime.now(UTC))
    assert dead.id in {run.id for run in found}
    assert dead.name in describe(found)
    assert state_of(prefect, dead) == ("Crashed", "its process is gone")
    assert dead.id not in {run.id for run in crash_dead_runs(prefect, datetime.now(UTC) + MINUTE)}

    free = begun(prefect, served, Pending(), Running())
    assert state_of(prefect, free)[0] == "Running"
    crash_dead_runs(prefect, datetime.now(UTC) + MINUTE)


@pytest.mark.parametrize("states", [(Pending,), (Pending, Running, Cancelling)], ids=["Pending", "Cancelling"])
def test_one_that_was_starting_or_stopping_is_crashed_too(
    prefect: SyncPrefectClient, served: UUID, states: tuple[Any, ...]
) -> None:
    dead = begun(prefect, served, *(state() for state in states))
    assert state_of(prefect, dead)[0] == states[-1].__name__
    # Its process may be on its way, or its runner about to say that it was cancelled.
    assert dead.id not in {run.id for run in crash_dead_runs(prefect, datetime.now(UTC))}
    crash_dead_runs(prefect, datetime.now(UTC) + MINUTE)
    assert state_of(prefect, dead)[0] == "Crashed"


def test_the_deployments_of_a_service_that_is_gone_are_paused(
    services: dict[str, Settings], prefect: SyncPrefectClient, served: UUID
) -> None:
    [daily, *_] = deployments_of(services)
    served_elsewhere = [f"{d.flow_name}/{d.name}" for d in deployments_of(services)]
    pause_others(prefect, {*served_elsewhere, *_every_other(prefect, served)})
    assert not prefect.read_deployment(served).paused
    pause_others(prefect, _every_other(prefect, served))
    assert prefect.read_deployment(served).paused
    daily.apply()  # its file is back
    assert not prefect.read_deployment(served).paused


def _every_other(prefect: SyncPrefectClient, mine: UUID) -> set[str]:
    """The deployments of other tests on the shared server."""
    others = [deployment for deployment in prefect.read_deployments() if deployment.id != mine]
    return {f"{prefect.read_flow(other.flow_id).name}/{other.name}" for other in others}


def test_a_run_that_has_a_process_is_left_alone(prefect: SyncPrefectClient, served: UUID, process_of: Any) -> None:
    alive = begun(prefect, served, Pending(), Running())
    process_of(alive)
    assert alive.id not in {run.id for run in crash_dead_runs(prefect, datetime.now(UTC) + MINUTE)}
    assert state_of(prefect, alive)[0] == "Running"


def test_a_run_that_waits_for_its_time_is_left_alone(prefect: SyncPrefectClient, served: UUID) -> None:
    waiting = begun(prefect, served)
    crash_dead_runs(prefect, datetime.now(UTC) + MINUTE)
    assert state_of(prefect, waiting)[0] == "Scheduled"


def test_a_run_of_a_work_pool_is_its_workers_business(
    prefect: SyncPrefectClient, services: dict[str, Settings]
) -> None:
    pool = f"pool-{uuid.uuid4().hex[:8]}"
    prefect.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    place: Any = deployments_of(services)[0].apply(work_pool_name=pool)
    run = begun(prefect, place, Pending(), Running())
    assert run.work_pool_name == pool
    crash_dead_runs(prefect, datetime.now(UTC) + MINUTE)
    assert state_of(prefect, run)[0] == "Running"


def test_a_run_of_somebody_elses_deployment_is_left_alone(
    prefect: SyncPrefectClient, services: dict[str, Settings]
) -> None:
    deployment = deployments_of(services)[0]
    deployment.tags = ["theirs"]
    place: Any = deployment.apply()
    run = begun(prefect, place, Pending(), Running())
    crash_dead_runs(prefect, datetime.now(UTC) + MINUTE)
    assert state_of(prefect, run)[0] == "Running"
