"""Processes of this machine that scan pieces of logs."""

import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

from tasks.processes import Respondent

_ARGV: Final = (sys.executable, "-P", "-m", "tasks.logs.backlog.worker")
_PASSED: Final = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONPYCACHEPREFIX")
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1"}
"""numpy would start a thread for each processor; nothing here needs one."""


class Workers:
    """Runs functions in processes of its own, each started when it is first needed; ends them with itself.

    What is submitted and returned is pickled. A process that dies takes its piece with it: the future raises EOFError
    or OSError, and the next piece has a new process.
    """

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="log-worker")
        self._lock, self._ended = Lock(), False
        self._idle: list[Respondent] = []
        self._all: list[Respondent] = []

    def submit(self, function: Any, *arguments: Any) -> "Future[Any]":
        """Call a function of a module in one of the processes."""
        return self._threads.submit(self._ask, function, arguments)

    def _ask(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        worker = self._free()
        try:
            done, answer = worker.ask((function, arguments))
        except BaseException:
            worker.stop()
            raise
        self._idle.append(worker)
        if not done:
            raise answer
        return answer

    def _free(self) -> Respondent:
        with self._lock:
            if self._ended:
                raise EOFError
            if self._idle:
                return self._idle.pop()
            environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
            self._all.append(Respondent(_ARGV, env=environment | _ONE_THREAD))
            return self._all[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._ended = True
        for worker in self._all:  # what waits for an answer goes on
            worker.stop()
        self._threads.shutdown()
        for worker in self._all:
            worker.close()
