"""A load test that is running, shown on the terminal and as a progress artifact of its flow run."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import PrefectException

from tasks.load.facts import Live
from tasks.progress import LOAD
from tasks.progress import tell as tell_terminal

_EVERY_S = 2.0
_MOST_S = 5.0


@asynccontextmanager
async def shown_live(key: str) -> AsyncIterator[Callable[[Live], None]]:
    """What `measure_load` tells, shown; `key` names the artifact in Prefect's UI. An API that fails costs nothing."""
    last: list[Live] = []

    def tell(live: Live) -> None:
        last[:] = [live]
        tell_terminal(LOAD, round(live.elapsed_s), round(live.planned_s), figures(live))

    within = FlowRunContext.get() is not None or TaskRunContext.get() is not None
    over = asyncio.Event()
    artifact = asyncio.create_task(_keep_artifact(key, last, over)) if within else None
    try:
        yield tell
    finally:
        over.set()
        if artifact is not None:
            await artifact


def figures(live: Live) -> str:
    """The figures of a running test in a few words, the same in every language."""
    p95 = "–" if live.p95_ms is None else f"{live.p95_ms:.0f} ms"
    step = f"step {live.step}/{live.steps}, " if live.steps > 1 else ""
    return f"{step}{live.users} users, {live.per_second:.0f} requests/s, p95 {p95}, {live.failed} failed"


async def _keep_artifact(key: str, last: list[Live], over: asyncio.Event) -> None:
    """Until the test is over, and once more then: what it came to stays."""
    made: Any = None
    ended = False
    while not ended:
        ended = over.is_set()
        if last:
            live = last[0]
            percent = min(100 * live.elapsed_s / live.planned_s, 100.0)
            words = f"{live.elapsed_s:.0f} of {live.planned_s:.0f} s, {figures(live)}"
            with suppress(httpx.HTTPError, PrefectException, OSError, TimeoutError):
                async with asyncio.timeout(_MOST_S):
                    if made is None:
                        made = await acreate_progress_artifact(percent, key=key, description=words)
                    else:
                        await aupdate_progress_artifact(made, percent, description=words)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _EVERY_S)
