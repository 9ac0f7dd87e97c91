"""When `rounds up` starts a run of the monitoring: where none is under way or due, and nobody wanted it so."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType

from deployments.keep_monitoring import LONGEST, is_needed
from deployments.names import MONITORING
from flows import monitoring

NOW = datetime(2026, 11, 24, 12, 7, tzinfo=UTC)
ENDS = (StateType.COMPLETED, StateType.FAILED, StateType.CRASHED)


def run(state: StateType, minutes: float) -> FlowRun:
    """A run that was to start so many minutes from now."""
    at = NOW + timedelta(minutes=minutes)
    return FlowRun(flow_id=uuid4(), state=State(type=state), state_type=state, expected_start_time=at)


def test_the_names_and_times_are_those_of_the_flow() -> None:
    assert MONITORING.startswith(f"{monitoring.monitoring.name}/") and monitoring.TIMING.deadline == LONGEST


def test_where_there_is_none() -> None:
    assert is_needed([], NOW)


@pytest.mark.parametrize("state", [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
def test_not_beside_one_that_is_under_way(state: StateType) -> None:
    assert not is_needed([run(StateType.CRASHED, -1.5), run(state, -7.5)], NOW)


def test_not_where_one_is_due() -> None:
    assert not is_needed([run(StateType.SCHEDULED, 0.5), run(StateType.CRASHED, -7.5)], NOW)


@pytest.mark.parametrize("state", ENDS)
def test_after_one_that_has_ended(state: StateType) -> None:
    assert is_needed([run(state, -1), run(StateType.CANCELLED, -7.5)], NOW)


def test_not_after_one_that_somebody_cancelled() -> None:
    assert not is_needed([run(StateType.CANCELLED, -7.5), run(StateType.CRASHED, -8)], NOW)


@pytest.mark.parametrize("state", ENDS)
def test_a_run_that_breaks_at_once_is_not_followed_by_many(state: StateType) -> None:
    assert not is_needed([run(state, -0.4)], NOW)
