"""Which Prefect server a command uses, and what it says when there is none."""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from deployments.credential import made_credential
from deployments.prefect_server import PrefectServer, client_settings, is_healthy, usable_server
from deployments.serving.child import ServerUnavailable
from deployments.serving.orders import AUTH_VARIABLE
from deployments.state import AsksFor, UpState, announced
from tasks.processes import free_port
from tasks.state import STATE_VARIABLE


@pytest.fixture(autouse=True)
def nothing_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    for variable in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", AUTH_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


def dead_url() -> str:
    return f"http://127.0.0.1:{free_port()}/api"


def test_only_a_server_that_answers_is_healthy(prefect_api: str) -> None:
    assert is_healthy(prefect_api)
    assert not is_healthy(dead_url())
    assert not is_healthy(prefect_api.replace("/api", "/nowhere"))


def test_the_named_one_comes_first(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    with announced(UpState(dead_url(), "", os.getpid())), usable_server() as variables:
        assert variables == client_settings(prefect_api, None)


def test_a_named_one_that_is_dead_is_an_error_and_no_other_is_taken(
    prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = dead_url()
    monkeypatch.setenv("PREFECT_API_URL", dead)
    with (
        announced(UpState(prefect_api, "", os.getpid())),
        pytest.raises(ServerUnavailable, match=f"PREFECT_API_URL names {dead}, but no Prefect server answers there"),
        usable_server(),
    ):
        pass


def test_then_the_one_of_rounds_up(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(AUTH_VARIABLE, "ops:sesame")
    with announced(UpState(prefect_api, "", os.getpid(), AsksFor.CHOSEN)), usable_server() as variables:
        assert variables["PREFECT_API_URL"] == prefect_api
        assert variables["PREFECT_API_AUTH_STRING"] == "ops:sesame"


@pytest.mark.parametrize("named", [True, False])
def test_the_credential_of_rounds_up_is_used_for_its_own_server(
    prefect_api: str, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    if named:
        monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    credential, _ = made_credential()
    with announced(UpState(prefect_api, "", os.getpid(), AsksFor.CREDENTIAL)), usable_server() as variables:
        assert variables["PREFECT_API_AUTH_STRING"] == credential


def test_the_credential_goes_to_no_other_server(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    made_credential()
    with announced(UpState(dead_url(), "", os.getpid(), AsksFor.CREDENTIAL)), usable_server() as variables:
        assert "PREFECT_API_AUTH_STRING" not in variables


@pytest.mark.deep
def test_writes_at_once_wait_for_each_other_and_none_is_refused(own_prefect_api: str) -> None:
    def started(number: int) -> list[int]:
        with httpx.Client(base_url=own_prefect_api, timeout=60) as client:
            flow = client.post("/flows/", json={"name": f"flow-{number}"}).json()["id"]
            run = {"flow_id": flow, "name": "run", "state": {"type": "PENDING"}}
            return [client.post("/flow_runs/", json=run).status_code for _ in range(25)]

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(status for statuses in pool.map(started, range(8)) for status in statuses)
    assert answers == {201: 200}


@pytest.mark.deep
def test_a_server_that_cannot_start_is_reported_with_its_last_log_lines(
    prefect_folder: Callable[[Path], Path], tmp_path: Path
) -> None:
    nowhere = "192.0.2.1"  # no address of this machine
    server = PrefectServer(
        prefect_folder(tmp_path / "prefect"), auth=None, host=nowhere, port=free_port(), services=False
    )
    with server.child, pytest.raises(ServerUnavailable, match=r"the Prefect server ended at once:\n(?s:.*)\S"):
        server.wait_until_healthy()


def test_a_client_gets_the_address_and_the_password_if_there_is_one() -> None:
    assert client_settings("http://x/api", None) == {
        "PREFECT_API_URL": "http://x/api",
        "PREFECT_CLIENT_METRICS_ENABLED": "false",
    }
    assert client_settings("http://x/api", "ops:sesame")["PREFECT_API_AUTH_STRING"] == "ops:sesame"
