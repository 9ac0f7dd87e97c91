"""What Prefect costs: the daily round as a flow on a running server, against the same functions called bare.

Both are timed in turn in one run, on the demo service: `make bench`.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from prefect import Task
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.demo.faults import service_name
from deployments.demo.run import demo_service
from deployments.prefect_server import PrefectServer
from deployments.run import flush_prefect
from flows.daily_checklist import daily_checklist
from tasks.health import section as health
from tasks.resources import look
from tasks.settings import use_services

ROUNDS = 10
SERVICE = service_name(frozenset())


def bare() -> None:
    """The round without flow, tasks, server or artifacts; outside a run a step is a plain call."""
    with ExitStack() as stack:
        for module in (health, look):
            for name, value in list(vars(module).items()):
                if isinstance(value, Task):
                    stack.enter_context(patch.object(module, name, value.fn))
        asyncio.run(daily_checklist.fn(SERVICE))


def as_flow() -> None:
    """The round as Prefect runs it."""
    asyncio.run(daily_checklist(SERVICE))


def seconds(call: Callable[[], None]) -> float:
    """The wall time of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    """Print the medians in seconds and their ratio."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opsrounds-bench-")))
        server = PrefectServer(folder / "prefect", auth=None, services=False)
        stack.enter_context(server.child)
        use_services(stack.enter_context(demo_service(folder / "demo", folder / "reports", frozenset())))
        server.wait_until_healthy()
        stack.enter_context(temporary_settings({PREFECT_API_URL: server.api_url}))
        stack.callback(flush_prefect)
        bare()
        as_flow()
        pairs = [(seconds(bare), seconds(as_flow)) for _ in range(ROUNDS)]
    alone, flow = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    sys.stdout.write(
        f"daily round, median of {ROUNDS}: bare {alone:.3f} s, flow {flow:.3f} s, "
        f"ratio {ratio:.2f}, overhead {flow - alone:.3f} s\n"
    )


if __name__ == "__main__":
    main()
