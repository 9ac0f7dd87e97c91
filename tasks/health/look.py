"""Opens the instances of a service, and probes each of them once: shared by the checklist and the monitoring."""

from contextlib import AbstractAsyncContextManager

from tasks.health.facts import Sampled
from tasks.health.observe import Target, open_target, read_answers
from tasks.health.readings import probe_readings
from tasks.health.settings import Health
from tasks.observation import Unobserved, seen
from tasks.samples.facts import Reading
from tasks.secrets import resolve
from tasks.settings import Instance, Settings


def open_instance(settings: Settings, instance: Instance) -> AbstractAsyncContextManager[Target]:
    """A client of one instance, as the service file says.

    Raises ConfigurationError for a secret that cannot be resolved, UsageError for a CA file or header that cannot be
    used.
    """
    health = settings.health or Health()
    headers = {name: resolve(value, settings, f"health.headers.{name}") for name, value in health.headers.items()}
    ca_file = None if health.ca_file is None else settings.path.parent / health.ca_file
    return open_target(instance.base_url, headers=headers, ca_file=ca_file, timeout_s=health.timeout_s)


async def health_readings(settings: Settings) -> tuple[tuple[Reading, ...], tuple[Unobserved, ...]]:
    """One probe of every instance's liveness and readiness, and why others are missing."""
    health = settings.health or Health()
    readings: list[Reading] = []
    blind: list[Unobserved] = []
    for instance in settings.targets():
        async with open_instance(settings, instance) as target:
            for name, path in (("probe.live", health.live), ("probe.ready", health.ready)):
                if path is None:
                    continue
                probe: Sampled | Unobserved = await seen(read_answers(target, path, 0))
                if isinstance(probe, Unobserved):
                    blind.append(probe)
                else:
                    readings += probe_readings(name, probe, instance.name)
    return tuple(readings), tuple(blind)
