"""What is asked of Prometheus, and what Prefect shows of each question."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefect import flow

from tasks.check_result import in_english, msg
from tasks.observation import Unobserved
from tasks.processes import free_port
from tasks.settings import Settings, load_settings
from tasks.slo.facts import Scope, ScopeTraffic
from tasks.slo.settings import Availability, Latency, Objective
from tasks.slo.sli.ask_prometheus import Answers, ask_prometheus, probes_state, requests_state
from tasks.visible import take_async_step
from tests.tasks.slo.figures import FIRST, START, probes, traffic, uptime

SPAN = (FIRST, FIRST + 3)
GONE = Unobserved(msg("No series of {metric}", metric="requests"))
ON_IT: dict[str, Any] = {"target": 0.99, "source": "prometheus"}
OBJECTIVES: tuple[Objective, ...] = (
    Availability(name="availability", kind="availability", **ON_IT),
    Latency(name="latency", kind="latency", within_ms=200, **ON_IT),
    uptime(source="prometheus"),
    uptime(name="own"),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A service whose Prometheus is down."""
    file = tmp_path / "shop.toml"
    file.write_text(
        '[service]\nname = "shop"\nbase_url = "http://127.0.0.1:9"\ntimezone = "Asia/Tokyo"\n[metrics]\n'
        f'prometheus_url = "http://127.0.0.1:{free_port()}"\n'
        '[slo.prometheus]\nrequests = "requests"\nduration = "seconds"\nprobe = "up"\n'
    )
    return load_settings(file)


@pytest.fixture
def shown(prefect: Any) -> Iterator[list[tuple[str, str]]]:
    """Name of each question's task run, and of the state that it ended in."""
    runs: list[tuple[str, str]] = []

    def note(_task: Any, run: Any, state: Any) -> None:
        runs.append((run.name, state.name))

    take_async_step.on_failure_hooks.append(note)
    yield runs
    take_async_step.on_failure_hooks.remove(note)


def ask(settings: Settings, objectives: tuple[Objective, ...], bounds_ms: tuple[float, ...]) -> Answers:
    return asyncio.run(ask_prometheus(settings, objectives, {Scope()}, bounds_ms, SPAN))


def test_each_query_is_shown_with_its_objectives(settings: Settings, shown: list[Any]) -> None:
    @flow
    async def checklist() -> None:
        await ask_prometheus(settings, OBJECTIVES, {Scope()}, (200.0,), SPAN)

    asyncio.run(checklist())
    assert f"{START:%Y-%m-%d}" == "2026-11-01"
    assert shown == [
        ("read-prometheus uptime 2026-11-01…", "Unknown"),
        ("read-prometheus availability, latency 2026-11-01…", "Unknown"),
        ("read-prometheus availability 2026-11-01…", "Unknown"),
    ]


def test_nothing_is_known_of_a_prometheus_that_is_down(settings: Settings) -> None:
    answers = ask(settings, OBJECTIVES, (200.0,))
    assert isinstance(answers.traffic[Scope()], Unobserved) and answers.no_latency is None
    assert isinstance(answers.probes["prometheus"], Unobserved)
    assert ask(settings, OBJECTIVES[:1], ()).probes == {}
    assert asyncio.run(ask_prometheus(settings, OBJECTIVES[3:], set(), (), SPAN)) == Answers({}, {}, None)


def test_states_of_requests_and_probes() -> None:
    whole, half = traffic([1, 2, 3]), traffic([1, 2, 3])
    half = ScopeTraffic(half.first, half.valid, half.bad, np.array([True, True, False]), half.timed, half.within)
    found = [
        requests_state(SPAN, {Scope(): whole}),
        requests_state(SPAN, {Scope(): half}),
        requests_state(SPAN, {Scope(): half, Scope("users"): GONE}),
        requests_state(SPAN, GONE),
        probes_state(SPAN, probes([1, 0, 2], [0, 0, 2])),
        probes_state(SPAN, GONE),
        probes_state(SPAN, probes([0, 0, 0], [0, 0, 0])),
    ]
    assert [(state.good, state.name, in_english(state.reason)) for state in found] == [
        (True, "Read", "3 of 3 minutes measured"),
        (True, "Read", "2 of 3 minutes measured"),
        (False, "Incomplete", "No series of requests"),
        (False, "Unknown", "No series of requests"),
        (True, "Read", "2 of 3 minutes measured"),
        (False, "Unknown", "No series of requests"),
        (False, "Unknown", "0 of 3 minutes measured"),
    ]
