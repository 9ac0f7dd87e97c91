"""Reads logs to the end, each shown in Prefect as a task run of its own with its result."""

import asyncio
from collections.abc import Sequence
from functools import partial

from tasks.check_result import msg
from tasks.logs.facts import SourceRead
from tasks.logs.ingest import read_log
from tasks.logs.settings import Source
from tasks.observation import Unobserved, seen_now
from tasks.round import Round
from tasks.visible import StepState, step


async def read_sources(run: Round, sources: Sequence[Source], deadline_s: float) -> dict[str, SourceRead | Unobserved]:
    """The result of each log, one after another; they share the time evenly, and lines that come later wait."""
    read: dict[str, SourceRead | Unobserved] = {}
    for source in sources:
        # The step is the task run, so that a log is not shown twice.
        work = partial(read_log, run.history, run.settings, source, run.now(), deadline_s / len(sources))
        name = f"read-log {source.name}"
        read[source.name] = await asyncio.to_thread(step, name, partial(seen_now, work), read_state)
    return read


def read_state(read: SourceRead | Unobserved) -> StepState:
    """Whether a log was read to the end, as Prefect shows it."""
    if isinstance(read, Unobserved):
        return StepState("Unknown", read.reason, good=False)
    if read.problems:
        return StepState("Incomplete", read.problems[0], good=False)
    return StepState("Read", msg("{lines} new lines", lines=read.lines), good=True)
