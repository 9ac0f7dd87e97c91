"""The process that runs due deployments on this machine: `python -m deployments.runner`."""

import sys
from collections.abc import Collection
from datetime import UTC, datetime

from prefect import serve
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

from deployments.names import TAG
from deployments.schedules import deployments_of, note_schedules
from tasks.settings import services_folder, usable_services


def main() -> None:
    """Register every deployment and run what is due, until stopped; a service whose file is broken is left out."""
    services, broken = usable_services(services_folder())
    for error in broken:
        print(error, file=sys.stderr, flush=True)
    deployments = deployments_of(services)
    for problem in note_schedules(services, datetime.now(UTC)):
        print(problem, file=sys.stderr, flush=True)
    with get_client(sync_client=True) as client:
        pause_others(client, {f"{deployment.flow_name}/{deployment.name}" for deployment in deployments})
    serve(*deployments, pause_on_shutdown=False)


def pause_others(client: SyncPrefectClient, served: Collection[str]) -> None:
    """Pause the deployments of services that are gone: nobody would start their runs, which pile up as late ones."""
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    for deployment in client.read_deployments(deployment_filter=tagged):
        flow = client.read_flow(deployment.flow_id)
        if f"{flow.name}/{deployment.name}" not in served and not deployment.paused and not deployment.work_pool_name:
            client.update_deployment(deployment.id, DeploymentUpdate(paused=True))


if __name__ == "__main__":
    main()
