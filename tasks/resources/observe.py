"""Looks at the machine and the container that the round itself runs on."""

import time
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.observation import Absent, ObservationError, Unobserved
from tasks.resources.cgroups import Group, Throttling, find_group, no_limit, read_kills, read_memory, read_throttling
from tasks.resources.facts import Container, CpuQuota, Host, MemoryLimit, OomKills
from tasks.resources.host import host_between, moment, read_boot

ROOT = Path("/")


# No timeout on these decorators: Prefect cannot end a thread, and warns at every run. What can hang is bounded inside.


@task(task_run_name="read-host", retries=0, cache_policy=NO_CACHE, persist_result=False)
def read_host(interval_s: float, mounts: tuple[str, ...] = (), root: Path = ROOT) -> Host:
    """This machine, watched for `interval_s`; `root` stands before /proc."""
    before, started = moment(), time.monotonic()
    time.sleep(interval_s)
    return host_between(before, moment(), time.monotonic() - started, mounts, root)


@task(task_run_name="read-container", retries=0, cache_policy=NO_CACHE, persist_result=False)
def read_container(interval_s: float, root: Path = ROOT) -> Container:
    """The control group of this process, its throttling watched for `interval_s`; `root` stands before /proc."""
    cpu = _watched(root, interval_s)
    try:
        group = find_group(root, "memory")
    except ObservationError as error:
        blind = Unobserved(error.reason)
        return Container(cpu, blind, blind)
    memory = no_limit() if group is None else read_memory(group)
    return Container(cpu, memory, _kills(root, group, cpu, memory))


def _watched(root: Path, interval_s: float) -> CpuQuota | Absent | Unobserved:
    started = time.monotonic()
    try:
        group = find_group(root, "cpu")
        before = None if group is None else read_throttling(group)
        if group is None or before is None:
            return no_limit()
        time.sleep(interval_s)
        return _between(before, group, time.monotonic() - started)
    except ObservationError as error:
        return Unobserved(error.reason)


def _between(before: Throttling, group: Group, span_s: float) -> CpuQuota | Absent:
    after = read_throttling(group)
    if after is None:
        return no_limit()
    return CpuQuota(
        after.cores,
        after.periods,
        after.throttled,
        max(after.periods - before.periods, 0),
        max(after.throttled - before.throttled, 0),
        round(span_s, 1),
    )


def _kills(
    root: Path, group: Group | None, cpu: CpuQuota | Absent | Unobserved, memory: MemoryLimit | Absent | Unobserved
) -> OomKills | Absent | Unobserved:
    """Outside a container the own group is a login session: its kills are the host's, counted there."""
    limited = isinstance(cpu, CpuQuota) or isinstance(memory, MemoryLimit)
    if isinstance(memory, Unobserved):
        return memory
    return read_kills(group, read_boot(root)) if group is not None and limited else no_limit()
