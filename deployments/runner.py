"""The process that runs due deployments on this machine: `python -m deployments.runner`."""

from prefect import serve

from deployments.schedules import deployments_of
from tasks.settings import find_services, services_folder


def main() -> None:
    """Register every deployment and run what is due, until stopped."""
    serve(*deployments_of(find_services(services_folder())), pause_on_shutdown=False)


if __name__ == "__main__":
    main()
