"""Logs read one after another, and what Prefect shows of each."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from prefect import flow

from tasks.check_result import msg
from tasks.history.runs import RunKey
from tasks.logs.facts import SourceRead
from tasks.logs.look import read_sources, read_state
from tasks.observation import Unobserved
from tasks.round import Round
from tasks.visible import StepState, take_step

if TYPE_CHECKING:
    from tests.tasks.logs.conftest import Service

GONE = '[[logs.source]]\nname = "gone"\nkind = "command"\ncommand = ["/nowhere/tail", "--since={since}"]\n'


def round_of(service: "Service") -> Round:
    day = f"{service.now.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d}"
    key = RunKey("kondate", "daily-checklist", day, "hand")
    ends_at = service.now + timedelta(minutes=5)
    return Round(key, service.settings, service.history, service.now, ends_at, None, False)


def test_every_log_is_read_and_one_that_cannot_be_is_not_observed(service: "Service") -> None:
    service.sources += GONE
    (service.logs / "app.log").write_text(f'{{"timestamp": "{service.now.isoformat()}", "message": "done"}}\n')
    read = asyncio.run(read_sources(round_of(service), service.settings.logs.source, 60.0))
    assert list(read) == ["app", "gone"]
    assert read["app"] == SourceRead("app", 1, ())
    assert isinstance(read["gone"], Unobserved)
    assert asyncio.run(read_sources(round_of(service), (), 60.0)) == {}


def test_each_log_is_one_task_run_named_by_its_result(service: "Service", prefect: Any) -> None:
    service.sources += GONE
    (service.logs / "app.log").write_text(f'{{"timestamp": "{service.now.isoformat()}", "message": "done"}}\n')
    runs: list[tuple[str, str]] = []

    def note(_task: Any, run: Any, state: Any) -> None:
        runs.append((run.name, state.name))

    @flow
    async def checklist() -> None:
        await read_sources(round_of(service), service.settings.logs.source, 60.0)

    watched = [take_step.on_completion_hooks, take_step.on_failure_hooks]
    for hooks in watched:
        hooks.append(note)
    try:
        asyncio.run(checklist())
    finally:
        for hooks in watched:
            hooks.remove(note)
    assert runs == [("read-log app", "Read"), ("read-log gone", "Unknown")]


def test_the_result_of_a_log_is_shown_with_its_first_problem() -> None:
    torn, late = msg("{file}: torn", file="a.gz"), msg("There was no time left")
    assert read_state(SourceRead("app", 12, ())) == StepState("Read", msg("{lines} new lines", lines=12), good=True)
    assert read_state(SourceRead("app", 0, (torn, late))) == StepState("Incomplete", torn, good=False)
    assert read_state(Unobserved(torn)) == StepState("Unknown", torn, good=False)
