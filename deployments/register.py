"""The same deployments on an existing Prefect server, for the workers of a work pool."""

from collections.abc import Mapping
from pathlib import Path

from deployments.schedules import deployments_of
from tasks.settings import SERVICES_VARIABLE, Settings


def register_deployments(services: Mapping[str, Settings], work_pool: str, worker_services: Path) -> list[str]:
    """Create or update every deployment; returns their names.

    `worker_services` is where the workers find the service files. opsrounds must be installed beside the worker.
    """
    names = []
    for deployment in deployments_of(services):
        deployment.job_variables = {"env": {SERVICES_VARIABLE: str(worker_services)}}
        deployment.apply(work_pool_name=work_pool)
        names.append(f"{deployment.flow_name}/{deployment.name}")
    return names
