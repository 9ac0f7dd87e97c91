"""Figures of machines and containers as minute samples."""

from collections.abc import Iterator, Mapping
from dataclasses import fields

from tasks.observation import Absent, Unobserved
from tasks.resources.facts import Container, Cpu, CpuQuota, Host, Memory, MemoryLimit, OomKills, Pressure, Swap
from tasks.resources.judge import counter_subject, disk_subject
from tasks.samples.facts import Reading

CONTAINER = "container"


def host_readings(host: Host, subject: str) -> tuple[Reading, ...]:
    """Every figure of one machine that was seen."""
    return tuple(Reading(name, place, value, unit) for name, place, value, unit in _host(host, subject))


def container_readings(container: Container) -> tuple[Reading, ...]:
    """Every figure of the container that was seen."""
    found = []
    if isinstance(container.cpu, CpuQuota) and container.cpu.recent_periods:
        share = 100 * container.cpu.recent_throttled / container.cpu.recent_periods
        found.append(Reading("container.throttled", CONTAINER, share, "%"))
    if isinstance(container.memory, MemoryLimit):
        found.append(Reading("container.memory", CONTAINER, container.memory.used_percent, "%"))
    if isinstance(container.oom, OomKills) and container.oom.total is not None:
        found.append(Reading("oom.kills", counter_subject(CONTAINER, container.oom), container.oom.total, ""))
    return tuple(found)


def unseen_parts(facts: Host | Container) -> tuple[Unobserved, ...]:
    """Why figures are missing, mounts included."""
    parts = [getattr(facts, field.name) for field in fields(facts)]
    inner = [value for part in parts if isinstance(part, Mapping) for value in part.values()]
    return tuple(part for part in (*parts, *inner) if isinstance(part, Unobserved))


def _host(host: Host, subject: str) -> Iterator[tuple[str, str, float, str]]:
    if isinstance(host.cpu, Cpu):
        yield "cpu.used", subject, host.cpu.busy_percent, "%"
        yield "cpu.load-per-core", subject, host.cpu.load1 / host.cpu.cores, ""
        for name, share in (("cpu.iowait", host.cpu.iowait_percent), ("cpu.steal", host.cpu.steal_percent)):
            if share is not None:
                yield name, subject, share, "%"
    if isinstance(host.pressure, Pressure):
        yield "pressure.cpu", subject, host.pressure.cpu_percent, "%"
        yield "pressure.memory", subject, host.pressure.memory_percent, "%"
        yield "pressure.io", subject, host.pressure.io_percent, "%"
    if isinstance(host.memory, Memory):
        yield "memory.used", subject, host.memory.used_percent, "%"
    if isinstance(host.swap, Swap):
        yield "swap.used", subject, host.swap.used_percent, "%"
    if isinstance(host.disks, Mapping):
        yield from _disks(host, subject)
    if not isinstance(host.network, Absent | Unobserved):
        for interface in host.network:
            lost = interface.recent.errors + interface.recent.drops
            yield "network.lost", f"{subject}/interface:{interface.name}", lost / interface.span_s, "/s"
    if isinstance(host.oom, OomKills) and host.oom.total is not None:
        yield "oom.kills", counter_subject(subject, host.oom), host.oom.total, ""


def _disks(host: Host, subject: str) -> Iterator[tuple[str, str, float, str]]:
    assert isinstance(host.disks, Mapping)
    for mount, disk in host.disks.items():
        if isinstance(disk, Unobserved):
            continue
        place = disk_subject(subject, mount)
        if disk.used_percent is not None:
            yield "disk.used", place, disk.used_percent, "%"
            yield "disk.available", place, disk.available_bytes, "B"
        if disk.inodes_used_percent is not None:
            yield "inodes.used", place, disk.inodes_used_percent, "%"
