"""The report archive over HTTP, in a process of its own."""

import sys
from collections.abc import Collection
from pathlib import Path

from deployments.child_environment import program_environment
from deployments.serving.child import connectable, wait_until_serving
from deployments.serving.orders import AUTH_VARIABLE, arguments
from tasks.processes import Child

_SERVING_WITHIN_S = 60.0


class ArchiveServer:
    """Serves a folder of reports; ready after `wait_until_serving`, and started again by `restart`."""

    def __init__(
        self,
        output: Path,
        *,
        host: str,
        port: int,
        auth: str | None,
        log: Path,
        allowed: Collection[str] = (),
    ) -> None:
        self.port = port
        self.url = f"http://{connectable(host)}:{port}/"
        self._argv = [sys.executable, "-m", "deployments.serving.archive", *arguments(host, port, allowed)]
        self._argv += ["--output", str(output.absolute())]
        self._environment = program_environment() | ({} if auth is None else {AUTH_VARIABLE: auth})
        self._log = log
        self.child = self._start()

    def wait_until_serving(self) -> None:
        """Return when it answers; raises ServerUnavailable."""
        wait_until_serving("server of the archive", self.child, self.port, _SERVING_WITHIN_S)

    def restart(self) -> None:
        """A new process in place of the one that ended."""
        self.stop()
        self.child = self._start()

    def stop(self) -> None:
        """End it."""
        self.child.stop()

    def _start(self) -> Child:
        # Python imports from the working folder first: there, `deployments` could stand for something else.
        return Child(self._argv, log=self._log, env=self._environment, cwd=self._log.parent)
