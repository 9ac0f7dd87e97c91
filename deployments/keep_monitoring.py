"""Starts a run of the monitoring where none is under way: the schedule's next one may be a quarter of an hour away."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from deployments.names import MONITORING

LONGEST = timedelta(minutes=17)
"""What a run of the monitoring may take at most."""
_UNDER_WAY = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
_SOON = timedelta(seconds=45)
_APART = timedelta(seconds=30)
"""A run that breaks at once is not followed by many."""


def keep_monitoring(client: SyncPrefectClient, now: datetime) -> FlowRun | None:
    """The run that was started, if one had to be.

    None is where one is under way or due, where the deployment is paused, and where a person cancelled the last run:
    then the schedule goes on with the next quarter.
    """
    flow, _, name = MONITORING.partition("/")
    span = {"after_": now - LONGEST, "before_": now + _SOON}
    runs = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[name])),
        flow_run_filter=FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime.model_validate(span)),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
    )
    if not is_needed(runs, now):
        return None
    try:
        deployment = client.read_deployment_by_name(MONITORING)
    except ObjectNotFound:  # the runner is about to register it
        return None
    return None if deployment.paused else client.create_flow_run_from_deployment(deployment.id)


def is_needed(runs: Sequence[FlowRun], now: datetime) -> bool:
    """True where none of the runs is under way or due; they are those of the last quarter, the newest first."""
    if any(run.state_type in _UNDER_WAY or run.state_type is StateType.SCHEDULED for run in runs):
        return False
    if not runs:
        return True
    last = runs[0]
    begun = last.expected_start_time
    return last.state_type is not StateType.CANCELLED and (begun is None or now - begun > _APART)
