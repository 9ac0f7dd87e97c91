"""When a run was planned, as Prefect tells it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from flows import monitoring
from flows.cycle import Cycles, Quarter
from flows.timing import planned_start

AT = datetime(2026, 11, 27, 15, 29, 30, tzinfo=UTC)


def running(at: datetime = AT, **fields: Any) -> FlowRunContext:
    """The context of a flow run that was read from a server."""
    told = {"id": str(uuid4()), "flow_id": str(uuid4()), "expected_start_time": at.isoformat(), "run_count": 1}
    run = FlowRun.model_validate({"auto_scheduled": True, **told, **fields})
    return FlowRunContext.model_construct(flow_run=run, parameters={"service": None})


def test_the_planned_start_is_one_that_all_arithmetic_of_times_takes() -> None:
    with running():
        planned = planned_start()
    assert planned == AT
    assert type(planned) is datetime
    assert (planned - AT) % timedelta(minutes=15) == timedelta(0)


def test_what_a_person_starts_or_prefect_tries_again_was_not_planned() -> None:
    with running(auto_scheduled=False):
        assert planned_start() is None
    with running(run_count=2):
        assert planned_start() is None


@pytest.mark.parametrize("early_s", [0.1, -3.0])
def test_a_run_that_begins_a_little_early_or_late_monitors_its_quarter(
    monkeypatch: pytest.MonkeyPatch, early_s: float
) -> None:
    held: list[tuple[datetime, datetime]] = []

    async def hold(_: Cycles, begin: datetime, end: datetime) -> Quarter:
        held.append((begin, end))
        return Quarter(15, 15)

    monkeypatch.setattr(Cycles, "hold", hold)
    monkeypatch.setattr(monitoring, "utc_now", lambda: AT - timedelta(seconds=early_s))
    with running():
        state = asyncio.run(monitoring.monitoring.fn(None))
    assert state.name == "Collected"
    assert held == [(AT + timedelta(seconds=30), AT + timedelta(minutes=15, seconds=30))]
