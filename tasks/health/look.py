"""Opens the instances of a service, probes each of them once and asks its version: for checklist and monitoring."""

import asyncio
import math
from contextlib import AbstractAsyncContextManager

from tasks.health.facts import HealthReport, Sampled
from tasks.health.observe import Target, open_target, read_answers, read_health
from tasks.health.readings import probe_readings
from tasks.health.settings import Health
from tasks.observation import Unobserved, seen
from tasks.samples.facts import Reading
from tasks.secrets import resolve
from tasks.settings import Instance, Settings

LONGEST_PROBE_S = 10.0
"""A probe of the monitoring waits at most so long, whatever the timeout: a minute must be enough for all."""
_AT_ONCE = 4


def open_instance(
    settings: Settings, instance: Instance, longest_s: float = math.inf
) -> AbstractAsyncContextManager[Target]:
    """A client of one instance, as the service file says; a request takes at most `longest_s`.

    Raises ConfigurationError for a secret that cannot be resolved, UsageError for a CA file or header that cannot be
    used.
    """
    health = settings.health or Health()
    headers = {name: resolve(value, settings, f"health.headers.{name}") for name, value in health.headers.items()}
    ca_file = None if health.ca_file is None else settings.path.parent / health.ca_file
    timeout_s = min(health.timeout_s, longest_s)
    return open_target(instance.name, instance.base_url, headers=headers, ca_file=ca_file, timeout_s=timeout_s)


async def health_readings(settings: Settings) -> tuple[tuple[Reading, ...], tuple[Unobserved, ...]]:
    """One probe of every instance's liveness and readiness, and why others are missing.

    Few instances are probed at once: more would spoil each other's latency, fewer would take all of a minute when
    many do not answer.
    """
    few = asyncio.Semaphore(_AT_ONCE)

    async def probe(instance: Instance) -> tuple[list[Reading], list[Unobserved]]:
        async with few:
            return await _probe(settings, instance)

    probed = await asyncio.gather(*(probe(instance) for instance in settings.targets()))
    return tuple(r for readings, _ in probed for r in readings), tuple(b for _, blind in probed for b in blind)


async def read_versions(settings: Settings) -> tuple[str | None, tuple[Unobserved, ...]]:
    """The version in the health reports of all instances, and why reports could not be read.

    The version is None without a report, or unless all report the same. Once they cannot agree any more, no further
    instance is asked.
    """
    path = None if settings.health is None else settings.health.report
    if path is None:
        return None, ()
    few = asyncio.Semaphore(_AT_ONCE)
    versions: set[str | None] = set()
    blind: list[Unobserved] = []

    async def ask(instance: Instance) -> None:
        async with few:
            if len(versions) < 2 and None not in versions:
                version = await _version(settings, instance, path)
                blind.extend((version,) if isinstance(version, Unobserved) else ())
                versions.add(None if isinstance(version, Unobserved) else version)

    await asyncio.gather(*(ask(instance) for instance in settings.targets()))
    return versions.pop() if len(versions) == 1 else None, tuple(blind)


async def _version(settings: Settings, instance: Instance, path: str) -> str | Unobserved | None:
    async with open_instance(settings, instance, longest_s=LONGEST_PROBE_S) as target:
        report: HealthReport | Unobserved = await seen(read_health(target, path))
    body = report if isinstance(report, Unobserved) else report.body
    return body if isinstance(body, Unobserved) else body.version


async def _probe(settings: Settings, instance: Instance) -> tuple[list[Reading], list[Unobserved]]:
    health = settings.health or Health()
    readings: list[Reading] = []
    blind: list[Unobserved] = []
    async with open_instance(settings, instance, longest_s=LONGEST_PROBE_S) as target:
        for name, path in (("probe.live", health.live), ("probe.ready", health.ready)):
            if path is None:
                continue
            probe: Sampled | Unobserved = await seen(read_answers(target, path, 0))
            if isinstance(probe, Unobserved):
                blind.append(probe)
                continue
            good = all(answer.succeeded for answer in probe.answers)
            if good and (unsure := probe.unsure(health.limits.max_report_age_s)) is not None:
                blind.append(Unobserved(unsure))  # it shows nothing of this minute
            else:
                readings += probe_readings(name, probe, instance.name)
    return readings, blind
