"""`rounds up`: Prefect server, runner and archive on one machine, watched until they are stopped."""

import errno
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from deployments.archive_server import serving_archive
from deployments.dead_runs import crash_dead_runs, describe
from deployments.prefect_server import AUTH_VARIABLE, PrefectServer, ServerUnavailable, client_settings, is_healthy
from deployments.state import UpState, announced, read_state, state_folder
from reports.archive import write_index
from tasks.errors import UsageError
from tasks.history.opened import history_of
from tasks.processes import Child, free_port
from tasks.settings import SERVICES_VARIABLE, Settings, find_services

_SWEEP_EVERY_S = 30.0
_WATCH_EVERY_S = 1.0
_RESTART_AFTER_S = 5.0
_UNHEALTHY_FOR_S = 30.0
_LOG_BYTES = 20_000_000
"""A log longer than this becomes the one before, which is overwritten."""


class UpRefused(UsageError):
    """`rounds up` cannot start as asked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Where to listen; port None means the usual one if it is free, else any."""

    services: Path
    host: str = "127.0.0.1"
    port: int | None = None
    archive_port: int | None = None


def up(options: UpOptions, say: Callable[[str], None], stop: threading.Event) -> None:
    """Run everything until `stop` is set.

    Raises UpRefused, ServerUnavailable, ConfigurationError, or HistoryError for another version's schema.
    """
    auth = _authentication(options.host)
    if (other := read_state()) is not None:
        raise UpRefused(f"rounds up is already running (process {other.pid}, {other.api_url}); stop it first")
    services = find_services(options.services)
    output = _one_archive(services)
    for settings in services.values():
        history_of(settings).dispose()
    write_index(output, next(iter(services.values())).reports.locales)
    with ExitStack() as stack:
        archive_port = _port(options.host, options.archive_port, 4280, "--archive-port")
        stack.enter_context(serving_archive(output, host=options.host, port=archive_port, auth=auth))
        server = _start_server(options, stack)
        variables = client_settings(server.api_url, auth)
        stack.enter_context(temporary_settings({PREFECT_API_URL: server.api_url, PREFECT_API_AUTH_STRING: auth}))
        _sweep(say)
        runner = _Runner(variables | {SERVICES_VARIABLE: str(options.services.absolute())})
        stack.callback(runner.stop)
        archive_url = f"http://{server.api_url.split('/')[2].rsplit(':', 1)[0]}:{archive_port}/"
        stack.enter_context(announced(UpState(server.api_url, archive_url, os.getpid())))
        say(f"Prefect UI  {server.api_url.removesuffix('/api')}")
        say(f"Archive     {archive_url}")
        say(f"Services    {', '.join(sorted(services))}")
        _watch(server, runner, say, stop)


def _start_server(options: UpOptions, stack: ExitStack) -> PrefectServer:
    """A healthy server that ends with `stack`; where no port was named, one that was just taken is given up."""
    ports = [_port(options.host, options.port, 4200, "--port")]
    if options.port is None:
        ports.append(free_port(options.host))
    while True:
        server = PrefectServer(state_folder() / "prefect", host=options.host, port=ports.pop(0))
        try:
            stack.enter_context(server.child)
            server.wait_until_healthy()
            return server
        except ServerUnavailable:
            if not ports:
                raise


def stop_on_signals() -> threading.Event:
    """An event that Ctrl-C and SIGTERM set; until somebody waits for it they raise KeyboardInterrupt."""
    stop = _Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.on_signal)
    return stop


class _Stop(threading.Event):
    """Knows whether somebody waits for it: a start takes a minute, in which nobody does."""

    _waited_for = False

    def wait(self, timeout: float | None = None) -> bool:
        self._waited_for = True
        return super().wait(timeout)

    def on_signal(self, *_: object) -> None:
        if not self._waited_for:
            raise KeyboardInterrupt
        self.set()


class _Runner:
    """The runner's process, started again when it ends."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = {"PREFECT_RUNNER_POLL_FREQUENCY": "2", **os.environ, **variables}
        self._child = self._start()

    @property
    def running(self) -> bool:
        return self._child.running

    @property
    def last_log_lines(self) -> str:
        return self._child.tail(5)

    def trim_log(self) -> None:
        self._child.trim_log(_LOG_BYTES)

    def restart(self) -> None:
        self.stop()
        self._child = self._start()

    def stop(self) -> None:
        self._child.stop()

    def _start(self) -> Child:
        command = [sys.executable, "-m", "deployments.runner"]
        # Prefect imports from the working folder first: there, the folder `reports` would stand for our package.
        own = state_folder()
        return Child(command, log=own / "runner.log", env=self._variables, cwd=own, grace_s=20)


def _watch(server: PrefectServer, runner: _Runner, say: Callable[[str], None], stop: threading.Event) -> None:
    """Sweep dead runs; start the runner again when it ended or when the server was away; end when the server ends."""
    sweep_at = time.monotonic() + _SWEEP_EVERY_S
    away_since: float | None = None
    while not stop.wait(_WATCH_EVERY_S):
        now = time.monotonic()
        if not server.child.running:
            raise ServerUnavailable(f"the Prefect server ended:\n{server.child.tail(10)}")
        if not runner.running:
            say(f"the runner ended, restarting; last log lines:\n{runner.last_log_lines}")
            stop.wait(_RESTART_AFTER_S)
            runner.restart()
        if now < sweep_at:
            continue
        sweep_at = now + _SWEEP_EVERY_S
        server.child.trim_log(_LOG_BYTES)
        runner.trim_log()
        if not is_healthy(server.api_url, server.auth):
            away_since = away_since or now
            continue
        if away_since is not None and now - away_since > _UNHEALTHY_FOR_S:
            say("the Prefect server answers again, restarting the runner")
            runner.restart()
        away_since = None
        _sweep(say)


def _sweep(say: Callable[[str], None]) -> None:
    try:
        with get_client(sync_client=True) as client:
            dead = crash_dead_runs(client, datetime.now(UTC))
    except (httpx.HTTPError, PrefectException) as error:  # busy or away for a moment; the next sweep tries again
        say(f"could not check for dead runs: {type(error).__name__}")
        return
    if dead:
        say(f"set to Crashed because their process is gone: {describe(dead)}")


def _authentication(host: str) -> str | None:
    auth = os.environ.get(AUTH_VARIABLE)
    if auth is not None and ":" not in auth:
        raise UpRefused("PREFECT_SERVER_API_AUTH_STRING must be user:password")
    if auth is None and not _is_loopback(host):
        raise UpRefused(
            f"{host} is reachable from other machines: set PREFECT_SERVER_API_AUTH_STRING=user:password, "
            "or leave out --host to listen on this machine only"
        )
    return auth


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _one_archive(services: Mapping[str, Settings]) -> Path:
    outputs = {settings.output.resolve() for settings in services.values()}
    if len(outputs) > 1:
        listed = ", ".join(sorted(str(path) for path in outputs))
        raise UpRefused(f"the services of one folder share one archive; [reports] output names several: {listed}")
    languages = {settings.reports.locales for settings in services.values()}
    if len(languages) > 1:
        listed = ", ".join(sorted(str(list(found)) for found in languages))
        raise UpRefused(f"the services of one folder share one archive; [reports] locales differ: {listed}")
    return outputs.pop()


def _port(host: str, wanted: int | None, usual: int, option: str) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, usual if wanted is None else wanted))
        except OSError as error:
            if wanted is None and error.errno == errno.EADDRINUSE:
                return free_port(host)
            port = usual if wanted is None else wanted
            raise UpRefused(f"{option} {port} on {host}: {error.strerror}; choose another port or --host") from None
        return int(probe.getsockname()[1])
