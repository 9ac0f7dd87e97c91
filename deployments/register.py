"""The same deployments on an existing Prefect server, for the workers of a work pool."""

from collections.abc import Mapping
from pathlib import Path

from prefect.deployments.runner import DeploymentApplyError

from deployments.schedules import deployments_of
from tasks.errors import UsageError
from tasks.settings import SERVICES_VARIABLE, Settings


class RegisterRefused(UsageError):
    """The server did not take a deployment; the text says why."""


def register_deployments(services: Mapping[str, Settings], work_pool: str, worker_services: Path) -> list[str]:
    """Create or update every deployment; returns their names.

    `worker_services` is where the workers find the service files. opsrounds must be installed beside the worker.
    Raises RegisterRefused, for a work pool that is not there first of all.
    """
    names = []
    for deployment in deployments_of(services):
        deployment.job_variables = {"env": {SERVICES_VARIABLE: str(worker_services)}}
        name = f"{deployment.flow_name}/{deployment.name}"
        try:
            deployment.apply(work_pool_name=work_pool)
        except DeploymentApplyError as error:
            raise RegisterRefused(f"{name}: {error}") from None
        names.append(name)
    return names
