"""Looks at the machine and the container that the round itself runs on."""

from contextlib import suppress
from pathlib import Path

from tasks.observation import Absent, ObservationError, Unobserved
from tasks.resources.cgroups import Group, find_group, no_limit, read_kills, read_memory, read_throttling
from tasks.resources.facts import Container, CpuQuota, Host, MemoryLimit, OomKills
from tasks.resources.host import host_between, moment, read_boot
from tasks.resources.watch import Watch
from tasks.visible import look

ROOT = Path("/")


# No timeout on these decorators: Prefect cannot end a thread, and warns at every run. What can hang is bounded inside.


@look("read-host")
def read_host(interval_s: float, mounts: tuple[str, ...] = (), root: Path = ROOT, watch: Watch | None = None) -> Host:
    """This machine, watched for `interval_s` or since the last look of `watch`; `root` stands before /proc."""
    before, after, span_s = (watch or Watch()).between("host", moment, interval_s)
    return host_between(before, after, span_s, mounts, root)


@look("read-container")
def read_container(interval_s: float, root: Path = ROOT, watch: Watch | None = None) -> Container:
    """The control group of this process, its throttling watched like the machine; `root` stands before /proc."""
    cpu = _watched(root, interval_s, watch or Watch())
    try:
        group = find_group(root, "memory")
    except ObservationError as error:
        blind = Unobserved(error.reason)
        return Container(cpu, blind, blind)
    memory = no_limit() if group is None else read_memory(group)
    return Container(cpu, memory, _kills(root, group, cpu, memory))


def note_counters(watch: Watch, root: Path = ROOT) -> None:
    """Read what the machine and its container are compared with at the next look of `watch`."""
    watch.note("host", moment)
    with suppress(ObservationError):  # the look says so
        if (group := find_group(root, "cpu")) is not None:
            watch.note(group, lambda: read_throttling(group))


def _watched(root: Path, interval_s: float, watch: Watch) -> CpuQuota | Absent | Unobserved:
    try:
        group = find_group(root, "cpu")
        if group is None or read_throttling(group) is None:
            return no_limit()
        before, after, span_s = watch.between(group, lambda: read_throttling(group), interval_s)
    except ObservationError as error:
        return Unobserved(error.reason)
    if before is None or after is None:
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
