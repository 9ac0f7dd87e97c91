"""The deployments on an existing server, carried out by a worker of a work pool."""

import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from typer.testing import CliRunner

from deployments.cli.app import app
from deployments.register import RegisterRefused, register_deployments
from deployments.schedules import schedules_of
from flows.catalogue import FLOWS
from tasks.history.opened import history_of
from tasks.history.runs import read_runs
from tasks.schedule.store import read_scheduled
from tasks.settings import find_services


@pytest.fixture
def pool(prefect: SyncPrefectClient) -> str:
    """A work pool of processes."""
    name = f"pool-{uuid.uuid4().hex[:8]}"
    prefect.create_work_pool(WorkPoolCreate(name=name, type="process"))
    return name


def registered(prefect: SyncPrefectClient, pool: str) -> dict[str, DeploymentResponse]:
    """What the server knows of a pool."""
    found = [deployment for deployment in prefect.read_deployments() if deployment.work_pool_name == pool]
    return {f"{prefect.read_flow(deployment.flow_id).name}/{deployment.name}": deployment for deployment in found}


@pytest.mark.deep
def test_registering_twice_changes_nothing_and_a_worker_holds_the_round(
    prefect: SyncPrefectClient, prefect_api: str, pool: str, operate: object, tmp_path: Path
) -> None:
    name = f"shop-{uuid.uuid4().hex[:8]}"
    shop = operate(name=name)  # type: ignore[operator]
    services = find_services(shop.settings.path.parent)
    names = register_deployments(services, pool, shop.settings.path.parent)
    assert names == [f"{e.flow.name}/{name if e.per_service else 'every-service'}" for e in FLOWS]
    scheduled = {e.flow.name for e in FLOWS if e.schedule is not None} - {
        "backup-verification",
        "load-test",
        "security-scan",
    }  # not configured
    first = registered(prefect, pool)
    assert register_deployments(services, pool, shop.settings.path.parent) == names
    again = registered(prefect, pool)
    assert set(again) == set(names)
    assert {key: value.id for key, value in again.items()} == {key: value.id for key, value in first.items()}
    for key, deployment in again.items():
        assert deployment.job_variables == {"env": {"OPSROUNDS_SERVICES": str(shop.settings.path.parent)}}
        assert len(deployment.schedules) == (key.partition("/")[0] in scheduled)

    run = prefect.create_flow_run_from_deployment(again[f"daily-checklist/{name}"].id)
    environment = {key: value for key, value in os.environ.items() if key != "OPSROUNDS_SERVICES"}
    worker = subprocess.run(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--run-once"],
        env={**environment, "PREFECT_API_URL": prefect_api, "PREFECT_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    state = prefect.read_flow_run(run.id).state
    assert state is not None and (state.type.value, state.name) == ("COMPLETED", "Passed"), worker.stderr
    history = history_of(shop.settings)
    [stored] = read_runs(history, name, most=5)
    history.dispose()
    assert (stored.verdict, shop.folder(stored).is_dir()) == ("Passed", True)


def test_a_work_pool_that_is_not_there_is_refused(prefect: SyncPrefectClient, operate: object) -> None:
    shop = operate(name=f"shop-{uuid.uuid4().hex[:8]}")  # type: ignore[operator]
    services = find_services(shop.settings.path)
    with pytest.raises(RegisterRefused, match='Work pool "no-such-pool" not found'):
        register_deployments(services, "no-such-pool", shop.settings.path.parent)


def test_the_command_tells_the_history_what_is_scheduled(
    pool: str, prefect_api: str, operate: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    shop = operate(name=f"shop-{uuid.uuid4().hex[:8]}")  # type: ignore[operator]
    ended = CliRunner().invoke(
        app, ["register", "--work-pool", pool, "--services", str(shop.settings.path.parent)], catch_exceptions=False
    )
    assert ended.exit_code == 0, ended.output
    noted = {flow.schedule.flow for flow in read_scheduled(shop.history, shop.name, datetime.now(UTC))}
    assert noted == {schedule.flow for schedule in schedules_of(shop.settings)} != set()
