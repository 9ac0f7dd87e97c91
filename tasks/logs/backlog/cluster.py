"""A Dask cluster that scans pieces of logs."""

import logging
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

_log = logging.getLogger(__name__)
_CONNECT_S: Final = 10
_MOST_AT_ONCE: Final = 256


class Cluster:
    """Runs functions of modules on the workers of a cluster, which need opsrounds of this version.

    A worker that dies loses nothing: the scheduler gives its piece to another one, and the counts come from whoever
    answers.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    @property
    def pieces_at_once(self) -> int:
        """How many pieces keep every worker busy."""
        threads: int = sum(self._client.nthreads().values())
        return min(max(threads, 1) + 2, _MOST_AT_ONCE)

    def submit(self, function: Any, *arguments: Any) -> "Future[Any]":
        """Call a function; its future raises OSError for whatever went wrong on the cluster."""
        answer: Future[Any] = Future()
        answer.set_running_or_notify_cancel()  # it is the cluster's now, and nobody's here
        asked = self._client.submit(function, *arguments, pure=False)
        asked.add_done_callback(lambda done: _hand_over(done, answer))
        return answer


def _hand_over(done: Any, answer: "Future[Any]") -> None:
    try:
        answer.set_result(done.result())
    except Exception as error:
        _log.warning("a piece of a log could not be scanned on the cluster: %s", type(error).__name__)
        answer.set_exception(OSError(type(error).__name__))


@contextmanager
def connected(address: str) -> Iterator[Cluster | None]:
    """The cluster; None, with a warning, where it cannot be used: then this machine scans alone."""
    try:
        distributed = import_module("distributed")  # an extra, and it takes a second
    except ImportError:
        _log.warning("[logs] cluster is not used: install opsrounds[dask]")
        yield None
        return
    try:
        client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False, name="opsrounds")
    except (OSError, ValueError) as error:
        _log.warning("[logs] cluster %s does not answer (%s): this machine scans alone", address, type(error).__name__)
        yield None
        return
    try:
        yield Cluster(client)
    finally:
        client.close(timeout=_CONNECT_S)
