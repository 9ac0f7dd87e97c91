"""A Prefect server of our own on this machine, and how a command finds one."""

import json
import os
import secrets
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from deployments.child_environment import program_environment
from deployments.credential import read_credential
from deployments.serving.child import ServerUnavailable, connectable, wait_until_serving
from deployments.serving.orders import AUTH_VARIABLE, arguments
from deployments.state import AsksFor, UpState, read_state
from tasks.files import PRIVATE_FOLDER, make_folder, narrow
from tasks.processes import Child, free_port
from tasks.state import state_folder

_HEALTHY_WITHIN_S = 120.0
_TRIES = 4
_PASSING_EVENTS = ("prefect.task-run.Pending", "prefect.task-run.Running", "prefect.flow-run.heartbeat")
"""Kept for an hour."""
_SETTINGS = {
    "PREFECT_SERVER_UI_API_URL": "/api",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # SQLite stalls for seconds under task load with the defaults.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    # Flow runs are kept for ever by default. The checklists' own history is elsewhere, and keeps everything.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(14 * 24 * 3600),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P1D",
    # Two of the three events of each task run, and signs of life, say nothing that the last one does not.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES": json.dumps(dict.fromkeys(_PASSING_EVENTS, 3600)),
    # What looks for work every few seconds by default, and finds none on a machine with a run a quarter of an hour.
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
}


def client_settings(api_url: str, auth: str | None) -> dict[str, str]:
    """The environment with which a process uses a server."""
    settings = {"PREFECT_API_URL": api_url, "PREFECT_CLIENT_METRICS_ENABLED": "false"}
    return settings if auth is None else {**settings, "PREFECT_API_AUTH_STRING": auth}


class PrefectServer:
    """A server in a child process, with its data in `folder`; healthy after `wait_until_healthy`.

    `auth` is the `user:password` that it asks for, None for nothing; `allowed` are names that it has besides its own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        auth: str | None,
        host: str = "127.0.0.1",
        port: int | None = None,
        services: bool = True,
        allowed: Collection[str] = (),
    ) -> None:
        make_folder(folder, PRIVATE_FOLDER)
        narrow(folder, PRIVATE_FOLDER)
        self.port = free_port(host) if port is None else port
        self.url = f"http://{connectable(host)}:{self.port}"
        self.api_url = f"{self.url}/api"
        self.auth = auth
        argv = [sys.executable, "-m", "deployments.serving.prefect", *arguments(host, self.port, allowed)]
        own = {
            "PREFECT_HOME": str(folder),
            "PREFECT_SERVER_API_PORT": str(self.port),
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": self.url,
            **_SETTINGS,
            **({} if auth is None else {AUTH_VARIABLE: auth}),
        }
        self.child = Child(
            argv if services else [*argv, "--no-services"],
            log=folder / "server.log",
            env=program_environment() | own,
            cwd=folder,
        )

    def wait_until_healthy(self) -> None:
        """Return when the server answers; raises ServerUnavailable with its last words if it ends or is too slow."""
        wait_until_serving("Prefect server", self.child, self.port, _HEALTHY_WITHIN_S, lambda: is_healthy(self.api_url))


def one_time_credential() -> str:
    """For a server that one command starts for itself and that nobody else is to use."""
    return f"opsrounds:{secrets.token_urlsafe(24)}"


def is_healthy(api_url: str, tries: int = 1) -> bool:
    """True when a Prefect server answers there; a busy one may need more than one of these tries of five seconds."""
    answer = _asked(f"{api_url}/health", None, tries)
    return answer is not None and answer.status_code == 200


@contextmanager
def usable_server() -> Iterator[Mapping[str, str]]:
    """The client settings of a server: PREFECT_API_URL's, else that of `rounds up`, else one of our own.

    Raises ServerUnavailable if PREFECT_API_URL names one that does not answer, or if one refuses the credential.
    """
    state = read_state()
    if named := os.environ.get("PREFECT_API_URL"):
        if not is_healthy(named, _TRIES):
            raise ServerUnavailable(f"PREFECT_API_URL names {named}, but no Prefect server answers there")
        yield _accepted(named, state if state is not None and state.api_url == named.rstrip("/") else None)
        return
    if state is not None and is_healthy(state.api_url, _TRIES):
        yield _accepted(state.api_url, state)
        return
    # In a folder of its own: two servers on one SQLite file wait for each other.
    server = PrefectServer(state_folder() / "prefect-of-run", auth=one_time_credential(), services=False)
    with server.child:
        server.wait_until_healthy()
        yield client_settings(server.api_url, server.auth)


def _accepted(api_url: str, state: UpState | None) -> Mapping[str, str]:
    auth = os.environ.get("PREFECT_API_AUTH_STRING", os.environ.get(AUTH_VARIABLE))
    if state is not None and state.asks_for is AsksFor.CREDENTIAL:
        auth = read_credential()
    answer = _asked(f"{api_url}/admin/version", auth, _TRIES)
    # Prefect Cloud refuses in other words: its key is not ours to judge.
    if answer is not None and answer.status_code == 401 and "exception_message" in answer.text:
        raise ServerUnavailable(
            f"the Prefect server at {api_url} refuses the user and password: "
            "set PREFECT_API_AUTH_STRING=user:password to those it was started with"
        )
    return client_settings(api_url, auth)


def _asked(url: str, auth: str | None, tries: int) -> httpx.Response | None:
    user, _, password = (auth or "").partition(":")
    for _ in range(tries):
        try:
            return httpx.get(url, timeout=5, auth=None if auth is None else (user, password), trust_env=False)
        except httpx.TimeoutException:
            continue
        except httpx.HTTPError:
            return None
    return None
