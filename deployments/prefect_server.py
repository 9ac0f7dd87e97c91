"""A Prefect server of our own on this machine, and how a command finds one."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from deployments.state import read_state, state_folder
from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.files import PRIVATE_FOLDER, make_folder, narrow
from tasks.processes import Child, free_port

AUTH_VARIABLE = "PREFECT_SERVER_API_AUTH_STRING"
_HEALTHY_WITHIN_S = 120.0
_TRIES = 4
_SETTINGS = {
    "PREFECT_SERVER_UI_API_URL": "/api",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # SQLite stalls for seconds under task load with the defaults.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    # Flow runs are kept for ever by default.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
}


class ServerUnavailable(ExplainedError):
    """No Prefect server can be reached or started; the text says why."""


def client_settings(api_url: str, auth: str | None) -> dict[str, str]:
    """The environment with which a process uses a server."""
    settings = {"PREFECT_API_URL": api_url, "PREFECT_CLIENT_METRICS_ENABLED": "false"}
    return settings if auth is None else {**settings, "PREFECT_API_AUTH_STRING": auth}


class PrefectServer:
    """A server in a child process, with its data in `folder`; healthy after `wait_until_healthy`."""

    def __init__(
        self, folder: Path, *, host: str = "127.0.0.1", port: int | None = None, services: bool = True
    ) -> None:
        make_folder(folder, PRIVATE_FOLDER)
        narrow(folder, PRIVATE_FOLDER)
        self.port = free_port(host) if port is None else port
        self.api_url = f"http://{_connectable(host)}:{self.port}/api"
        self.auth = os.environ.get(AUTH_VARIABLE)
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(self.port)]
        own = {"PREFECT_HOME": str(folder), "PREFECT_SERVER_API_PORT": str(self.port), **_SETTINGS}
        self.child = Child(
            command if services else [*command, "--no-services"], log=folder / "server.log", env=_clean() | own
        )

    def wait_until_healthy(self) -> None:
        """Return when the server answers; raises ServerUnavailable with its last words if it ends or is too slow."""
        deadline = Deadline.after(_HEALTHY_WITHIN_S)
        while not deadline.passed:
            if not self.child.running:
                raise ServerUnavailable(f"the Prefect server ended at once:\n{self.child.tail(5)}")
            if self._listens() and is_healthy(self.api_url, self.auth):
                return
            time.sleep(0.1)
        raise ServerUnavailable(f"the Prefect server was not healthy within {_HEALTHY_WITHIN_S:.0f} s")

    def _listens(self) -> bool:
        """True when it is this server that has the port: another's would be healthy too."""
        try:
            child = psutil.Process(self.child.pid)
            sockets = [s for p in (child, *child.children(recursive=True)) for s in p.net_connections(kind="tcp")]
        except psutil.Error:
            return False
        return any(s.status == psutil.CONN_LISTEN and s.laddr.port == self.port for s in sockets)


def is_healthy(api_url: str, auth: str | None, tries: int = 1) -> bool:
    """True when a Prefect server answers there; a busy one may need more than one of these tries of five seconds."""
    user = None if auth is None else tuple(auth.split(":", 1))
    for _ in range(tries):
        try:
            return httpx.get(f"{api_url}/health", timeout=5, auth=user, trust_env=False).status_code == 200  # type: ignore[arg-type]
        except httpx.TimeoutException:
            continue
        except httpx.HTTPError:
            return False
    return False


@contextmanager
def usable_server() -> Iterator[Mapping[str, str]]:
    """The client settings of a server: PREFECT_API_URL's, else that of `rounds up`, else one of our own.

    Raises ServerUnavailable if PREFECT_API_URL names one that does not answer.
    """
    auth = os.environ.get("PREFECT_API_AUTH_STRING", os.environ.get(AUTH_VARIABLE))
    if named := os.environ.get("PREFECT_API_URL"):
        if not is_healthy(named, auth, _TRIES):
            raise ServerUnavailable(f"PREFECT_API_URL names {named}, but no Prefect server answers there")
        yield client_settings(named, auth)
        return
    state = read_state()
    if state is not None and is_healthy(state.api_url, auth, _TRIES):
        yield client_settings(state.api_url, auth)
        return
    # In a folder of its own: two servers on one SQLite file wait for each other.
    server = PrefectServer(state_folder() / "prefect-of-run", services=False)
    with server.child:
        server.wait_until_healthy()
        yield client_settings(server.api_url, server.auth)


def _connectable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def _clean() -> dict[str, str]:
    """The environment without Prefect's settings, which belong to another server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return kept | ({AUTH_VARIABLE: os.environ[AUTH_VARIABLE]} if AUTH_VARIABLE in os.environ else {})
