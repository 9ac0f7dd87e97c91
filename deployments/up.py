"""`rounds up`: Prefect server, runner and archive on one machine, watched until they are stopped."""

import errno
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from deployments.archive_server import ArchiveServer
from deployments.child_environment import rounds_environment
from deployments.credential import credential_lines, made_credential
from deployments.dead_runs import crash_dead_runs, describe
from deployments.keep_monitoring import keep_monitoring
from deployments.prefect_server import PrefectServer, client_settings, is_healthy
from deployments.serving.child import ServerUnavailable
from deployments.serving.orders import AUTH_VARIABLE
from deployments.state import AsksFor, UpState, announced, read_state
from reports.archive import write_index
from tasks.configuration import is_loopback
from tasks.errors import UsageError
from tasks.history.opened import history_of
from tasks.processes import Child, free_port
from tasks.settings import SERVICES_VARIABLE, Settings, find_services
from tasks.state import state_folder

_SWEEP_EVERY_S = 15.0
_WATCH_EVERY_S = 1.0
_RESTART_AFTER_S = 5.0
_UNHEALTHY_FOR_S = 30.0
_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:]{2,45}")
_LOG_BYTES = 20_000_000
"""A log longer than this becomes the one before, which is overwritten."""


class UpRefused(UsageError):
    """`rounds up` cannot start as asked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Where to listen, and whom to let in; port None means the usual one if it is free, else any."""

    services: Path
    host: str = "127.0.0.1"
    port: int | None = None
    archive_port: int | None = None
    allowed_hosts: tuple[str, ...] = ()
    new_credential: bool = False
    no_auth: bool = False


def up(options: UpOptions, say: Callable[[str], None], stop: threading.Event) -> None:
    """Run everything until `stop` is set.

    Raises UpRefused, ServerUnavailable, ConfigurationError, or HistoryError for another version's schema.
    """
    _check(options)
    if (other := read_state()) is not None:
        raise UpRefused(f"rounds up is already running (process {other.pid}, {other.api_url}); stop it first")
    services = find_services(options.services)
    output = _one_archive(services)
    for settings in services.values():
        history_of(settings).dispose()
    write_index(output, next(iter(services.values())).reports.locales)
    archive_port = _port(options.host, options.archive_port, 4280, "--archive-port")
    port = _port(options.host, options.port, 4200, "--port")
    access = _access(options)
    with ExitStack() as stack:
        archive = _archive(options, output, archive_port, access.auth, services)
        stack.callback(archive.stop)
        server = _start_server(options, port, access.auth, stack)
        archive.wait_until_serving()
        variables = client_settings(server.api_url, access.auth)
        stack.enter_context(temporary_settings({PREFECT_API_URL: server.api_url, PREFECT_API_AUTH_STRING: access.auth}))
        client = stack.enter_context(get_client(sync_client=True))
        _sweep(client, say)
        runner = _Runner(
            rounds_environment(services.values()) | variables | {SERVICES_VARIABLE: str(options.services.absolute())}
        )
        stack.callback(runner.stop)
        state = UpState(server.api_url, archive.url, os.getpid(), access.asks_for)
        stack.enter_context(announced(state))
        for line in (*state.lines, f"Services    {', '.join(sorted(services))}", *access.lines):
            say(line)
        _watch(server, archive, runner, partial(_sweep, client, say), say, stop)


@dataclass(frozen=True, slots=True)
class _Access:
    auth: str | None
    asks_for: AsksFor
    lines: tuple[str, ...]


def _access(options: UpOptions) -> _Access:
    """What the servers ask for, and what is said of it: a credential only once, and only on a terminal."""
    if options.no_auth:
        warning = "WARNING     --no-auth: every account of this machine can run code here, with your secrets"
        return _Access(None, AsksFor.NOTHING, (warning,))
    if (own := os.environ.get(AUTH_VARIABLE)) is not None:
        return _Access(own, AsksFor.CHOSEN, (f"Credential  that of {AUTH_VARIABLE}",))
    credential, is_new = made_credential(anew=options.new_credential)
    if is_new and sys.stdout.isatty():
        return _Access(credential, AsksFor.CREDENTIAL, tuple(credential_lines(credential)))
    return _Access(credential, AsksFor.CREDENTIAL, ("Credential  shown by: rounds ui",))


def _archive(
    options: UpOptions, output: Path, port: int, auth: str | None, services: Mapping[str, Settings]
) -> ArchiveServer:
    """The archive's server; the names under which the service files say it is found are its own too."""
    addresses = (settings.reports.base_url for settings in services.values())
    names = {urlsplit(address).hostname or "" for address in addresses if address is not None}
    log = state_folder() / "archive.log"
    allowed = sorted({*options.allowed_hosts, *names} - {""})
    return ArchiveServer(output, host=options.host, port=port, auth=auth, log=log, allowed=allowed)


def _start_server(options: UpOptions, port: int, auth: str | None, stack: ExitStack) -> PrefectServer:
    """A healthy server that ends with `stack`; where no port was named, one that was just taken is given up."""
    ports = [port]
    if options.port is None:
        ports.append(free_port(options.host))
    while True:
        folder = state_folder() / "prefect"
        server = PrefectServer(
            folder, auth=auth, host=options.host, port=ports.pop(0), allowed=sorted(set(options.allowed_hosts))
        )
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
        self._variables = {"PREFECT_RUNNER_POLL_FREQUENCY": "5", **variables}
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


def _watch(
    server: PrefectServer,
    archive: ArchiveServer,
    runner: _Runner,
    sweep: Callable[[], None],
    say: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Sweep; start the runner again when it ended or when the server was away; end when the server ends."""
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
        if not archive.child.running:
            say(f"the server of the archive ended, restarting; last log lines:\n{archive.child.tail(5)}")
            stop.wait(_RESTART_AFTER_S)
            archive.restart()
        if now < sweep_at:
            continue
        sweep_at = now + _SWEEP_EVERY_S
        server.child.trim_log(_LOG_BYTES)
        archive.child.trim_log(_LOG_BYTES)
        runner.trim_log()
        if not is_healthy(server.api_url):
            away_since = away_since or now
            continue
        if away_since is not None and now - away_since > _UNHEALTHY_FOR_S:
            say("the Prefect server answers again, restarting the runner")
            runner.restart()
        away_since = None
        sweep()


def _sweep(client: SyncPrefectClient, say: Callable[[str], None]) -> None:
    """End the runs whose process is gone, and see to it that the services are monitored."""
    try:
        if dead := crash_dead_runs(client, datetime.now(UTC)):
            say(f"set to Crashed because their process is gone: {describe(dead)}")
        if (started := keep_monitoring(client, datetime.now(UTC))) is not None:
            say(f"nobody was monitoring: started the run {started.name}")
    except (httpx.HTTPError, PrefectException) as error:  # busy or away for a moment; the next sweep tries again
        say(f"could not check the runs: {type(error).__name__}")


def _check(options: UpOptions) -> None:
    """Raise UpRefused for what cannot be meant."""
    own = os.environ.get(AUTH_VARIABLE)
    if options.no_auth and not is_loopback(options.host):
        raise UpRefused(f"--no-auth: {options.host} is reachable from other machines; leave out --no-auth or --host")
    if options.no_auth and (options.new_credential or own is not None):
        other = AUTH_VARIABLE if own is not None else "--new-credential"
        raise UpRefused(f"--no-auth and {other} exclude each other: leave out one")
    if own is not None and options.new_credential:
        raise UpRefused(f"--new-credential: {AUTH_VARIABLE} is set and is used in its place; unset it, or change it")
    if own is not None and not all(own.partition(":")):
        raise UpRefused(f"{AUTH_VARIABLE} must be user:password")
    for name in options.allowed_hosts:
        if not _NAME.fullmatch(name):
            raise UpRefused(f"--allowed-host {name}: a host name or an address, without http:// and without a port")


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
