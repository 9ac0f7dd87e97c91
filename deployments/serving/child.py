"""A server in a child process, watched until it answers on its own port."""

import time
from collections.abc import Callable

import psutil

from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.processes import Child

_POLL_S = 0.1


class ServerUnavailable(ExplainedError):
    """A server cannot be reached or started; the text says why."""


def wait_until_serving(
    name: str, child: Child, port: int, within_s: float, answers: Callable[[], bool] = lambda: True
) -> None:
    """Return when the child has its port and `answers`; raises ServerUnavailable with its last words."""
    deadline = Deadline.after(within_s)
    while not deadline.passed:
        if not child.running:
            raise ServerUnavailable(f"the {name} ended at once:\n{child.tail(5)}")
        if _has_port(child, port) and answers():
            return
        time.sleep(_POLL_S)
    raise ServerUnavailable(f"the {name} did not answer within {within_s:.0f} s:\n{child.tail(5)}")


def connectable(host: str) -> str:
    """Where a server is reached from this machine, as it stands in an address."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _has_port(child: Child, port: int) -> bool:
    """True when it is this child that has the port: another's server would answer too."""
    try:
        found = psutil.Process(child.pid)
        sockets = [s for p in (found, *found.children(recursive=True)) for s in p.net_connections(kind="tcp")]
    except psutil.Error:
        return False
    return any(s.status == psutil.CONN_LISTEN and s.laddr.port == port for s in sockets)
