"""Frees the rounds of flow runs whose process died: Prefect keeps them Running, and their slot taken, for ever."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from deployments.names import TAG

_UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
_CHANGING = timedelta(minutes=1)
"""What a run that is Pending gets for its process to appear, and one that is Cancelling for its runner to say how it
ended; one that is Running was set so by its process."""


def crash_dead_runs(client: SyncPrefectClient, now: datetime) -> list[FlowRun]:
    """Set to Crashed what this machine's runner began and no process of this machine is running any more.

    Runs of work pools are their workers' business.
    """
    unfinished = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED))),
        deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])),
    )
    alive = _living_runs() if unfinished else set()
    gone = [run for run in unfinished if run.work_pool_name is None and str(run.id) not in alive and _settled(run, now)]
    dead = [run for run in gone if _still_unfinished(client, run)]
    for run in dead:
        client.set_flow_run_state(run.id, Crashed(message="its process is gone"), force=True)
    return dead


def _still_unfinished(client: SyncPrefectClient, run: FlowRun) -> bool:
    """False for a run that reported its end, and whose process went, since the runs were read."""
    state = client.read_flow_run(run.id).state
    return state is not None and run.state is not None and state.id == run.state.id


def _settled(run: FlowRun, now: datetime) -> bool:
    state = run.state
    return state is not None and (state.is_running() or now - state.timestamp.astimezone(UTC) > _CHANGING)


def _living_runs() -> set[str]:
    found = set()
    for process in psutil.process_iter():
        try:
            found.add(process.environ().get("PREFECT__FLOW_RUN_ID", ""))
        except psutil.Error:
            continue
    return found


def describe(runs: Sequence[FlowRun]) -> str:
    """The runs by name, for a line of the log."""
    return ", ".join(run.name for run in runs)
