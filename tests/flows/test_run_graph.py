"""What somebody sees who opens a run in the Prefect UI: lines, looks and steps by name, each with what it came to."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prefect import State, flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from deployments.prefect_server import PrefectServer
from deployments.run import flush_prefect
from tasks.check_result import Message, in_english, msg
from tasks.visible import StepState, async_step, speaking, step
from tests.cycles import MINUTE, Clock, watched
from tests.operated import ServerView

if TYPE_CHECKING:
    from tests.operated import Operate, Site

pytestmark = pytest.mark.deep  # a server with its services, beside the one that all tests share
START = datetime.min.replace(tzinfo=UTC)
RECORDED_S = 60.0
"""Task runs reach the server's database by its own services, a while after they ended."""


@pytest.fixture(scope="module")
def api_url(prefect_folder: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server with its services: without them it records no task run."""
    server = PrefectServer(prefect_folder(tmp_path_factory.mktemp("graph") / "prefect"), auth=None)
    with server.child:
        server.wait_until_healthy()
        yield server.api_url


@pytest.fixture
def client(api_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncPrefectClient]:
    flush_prefect()  # events of tests before go to their server; the next ones go to this
    settings: dict[Any, Any] = {PREFECT_API_URL: api_url, PREFECT_HOME: tmp_path_factory.mktemp("home")}
    with temporary_settings(settings), get_client(sync_client=True) as client:
        yield client
        flush_prefect()


def task_runs(client: SyncPrefectClient, state: State[Any], least: int) -> list[tuple[str, str]]:
    """The task runs of a flow run as (name, state) by their start, once so many have ended on the server."""
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[ServerView.run_id(state)]))
    deadline = time.monotonic() + RECORDED_S
    while True:
        found = client.read_task_runs(flow_run_filter=mine)
        ended = [run for run in found if run.state is not None and run.state.is_final()]
        if len(ended) >= least:
            return [(run.name, str(run.state_name)) for run in sorted(ended, key=lambda run: run.start_time or START)]
        assert time.monotonic() < deadline, [(run.name, run.state_name) for run in found]
        time.sleep(0.2)


def test_a_minute_of_the_monitoring_is_one_task_run(client: SyncPrefectClient, operate: "Operate") -> None:
    operate()
    operate(name="bar")
    clock = Clock()
    state = watched(2, clock).state
    minutes = [f"{clock.begin + number * MINUTE:%H:%MZ}" for number in range(2)]
    assert task_runs(client, state, 2) == [(minute, "Collected") for minute in minutes]
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[ServerView.run_id(state)]))
    assert {run.state.message for run in client.read_task_runs(flow_run_filter=mine) if run.state is not None} == {
        "bar: 4 figures, 0 log lines; shop: 4 figures, 0 log lines"
    }


def test_a_checklist_shows_the_guides_lines_and_its_observations(
    client: SyncPrefectClient, operate: "Operate", site: "Site"
) -> None:
    site.fall_ill()
    shop = operate()
    state = shop.run_daily()
    assert client.read_flow_run(ServerView.run_id(state)).name == f"shop {shop.report().period}"
    runs = task_runs(client, state, 7)
    assert [run for run in runs if ": " in run[0]] == [
        ("health: Confirm the health check", "ChecksFailed"),
        ("error-logs: Review the error log", "NotApplicable"),
        ("resources: Check resource usage", "NotApplicable"),
        ("schedule: Monitoring and scheduled flows", "NotApplicable"),
    ]
    looks = [(name, ended) for name, ended in runs if ": " not in name]
    assert {ended for _, ended in looks} == {"Completed"}  # and not RolledBack by the line that failed
    assert {name for name, _ in looks} == {
        "read-health service",
        "read-answers service /live",
        "read-answers service /ready",
        "read-answers service /items",
    }
    log = ServerView(client).log(state)
    assert "health: Confirm the health check: Checks failed: 3 of 8 checks failed" in log
    assert f"{shop.folder(shop.runs()[0]).resolve()}/report.html" in log
    assert "NoneType: None" not in log


def test_the_lines_are_in_the_language_of_the_service(client: SyncPrefectClient, operate: "Operate") -> None:
    shop = operate(locales='["ja", "en"]')
    [first, *_] = task_runs(client, shop.run_daily(), 3)
    assert first == ("health: ヘルスチェックの確認", "Passed")


def outcome(value: int) -> StepState:
    return StepState("Passed" if value else "Failed", msg("{value} came out", value=value), bool(value))


@flow(name="steps", retries=0)
async def steps() -> list[int]:
    """A step within a step in a thread, after one that failed."""
    first = await async_step("first", lambda: asyncio.sleep(0, 0), outcome)

    def second() -> int:
        return step("inner", lambda: 0, outcome) + 2

    return [first, await asyncio.to_thread(step, "second", second, outcome)]


def test_steps_within_steps_keep_their_own_states(client: SyncPrefectClient) -> None:
    state: State[Any] = asyncio.run(steps(return_state=True))  # type: ignore[arg-type]
    assert asyncio.run(state.aresult()) == [0, 2]
    assert sorted(task_runs(client, state, 3)) == [("first", "Failed"), ("inner", "Failed"), ("second", "Passed")]


def test_reasons_are_given_in_the_language_that_is_set(client: SyncPrefectClient) -> None:
    messages: list[Message] = []

    def say(message: Message) -> str:
        messages.append(message)
        return "日本語"

    with speaking(say):
        asyncio.run(steps())
    assert [message.params["value"] for message in messages] == [0, 0, 2]
    assert in_english(messages[2]) == "2 came out"
