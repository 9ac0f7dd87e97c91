"""Judges what was seen of machines and containers by the limits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from tasks.bounds import Bound, Part, judge_worst, not_measured
from tasks.check_result import Chart, CheckResult, Message, Scalar, Status, Table, msg
from tasks.observation import Absent, Unobserved
from tasks.resources.checks import (
    CONTAINER_CPU,
    CONTAINER_MEMORY,
    CPU,
    DISK,
    HISTORY,
    INODES,
    MEMORY,
    NETWORK,
    OOM,
    PRESSURE,
    SWAP,
)
from tasks.resources.facts import (
    Cpu,
    CpuQuota,
    Disk,
    HistoryGrowth,
    Host,
    Interface,
    Memory,
    MemoryLimit,
    OomKills,
    PacketCounts,
    Pressure,
    Swap,
)
from tasks.resources.limits import ResourceLimits

Samples = Mapping[str, Sequence[float | None]]
"""The samples of the last 24 hours by subject: one a minute up to now, oldest first, None where none was taken."""

_OWN = msg("opsrounds' default")
_ZABBIX = msg("Zabbix's template for Linux")
_FREE, _KEPT = msg("free space of its disk"), msg("[history] keep_minutes_days of the service file")
_GIB = 1024**3
_COUNTER = "/counter:"


def judge_cpu(
    seen: Cpu | Unobserved | Absent,
    subject: str,
    limits: ResourceLimits,
    now: datetime,
    samples: Samples,
    machine: str | None = None,
) -> CheckResult:
    """Processor time in use now and in the busiest stretch of the minute samples, load and steal.

    `machine` is shown beside the figures: the host of the round need not be the same one every day.
    """
    bound = Bound("%", _OWN, limits.warn_cpu_percent, limits.fail_cpu_percent)
    if isinstance(seen, Unobserved | Absent):
        return not_measured(CPU, seen, subject, now, bound)
    load = round(seen.load1 / seen.cores, 2)
    taken = samples.get(subject, ())
    parts = [
        *_busy(seen, bound, limits, taken),
        Part(
            load,
            Bound("", _ZABBIX, warn=limits.warn_load_per_core),
            msg("Load {load} per CPU", load=load),
        ),
    ]
    if seen.steal_percent is not None:
        steal = round(seen.steal_percent, 1)
        text = msg("Steal: {steal} % of CPU time went to other virtual machines", steal=steal)
        parts.append(Part(steal, Bound("%", _OWN, warn=limits.warn_steal_percent), text))
    return judge_worst(CPU, parts, subject, now, (_cpu_table(seen, machine, _taken(taken)),))


def busiest_percent(hosts: Iterable[Host | Unobserved]) -> float | None:
    """How busy the busiest machine's processors are, as it is shown; None if none was seen."""
    busy = [host.cpu.busy_percent for host in hosts if isinstance(host, Host) and isinstance(host.cpu, Cpu)]
    return round(max(busy), 1) if busy else None


def busiest_mean(samples: Sequence[float | None], window: int, least: int) -> float | None:
    """The highest mean of `window` minutes in a row of which at least `least` have a sample; None without such."""
    windows = (present(samples[start : start + window]) for start in range(len(samples) - window + 1))
    return max((sum(found) / len(found) for found in windows if len(found) >= least), default=None)


def present(samples: Sequence[float | None]) -> list[float]:
    """The samples that were taken."""
    return [sample for sample in samples if sample is not None]


def judge_pressure(
    seen: Pressure | Unobserved | Absent, subject: str, limits: ResourceLimits, now: datetime
) -> CheckResult:
    """The share of time in which work waited for a resource."""
    memory = Bound("%", _OWN, limits.warn_memory_pressure_percent, limits.fail_memory_pressure_percent)
    if isinstance(seen, Unobserved | Absent):
        return not_measured(PRESSURE, seen, subject, now, memory)
    cpu, mem, io = (round(share, 1) for share in (seen.cpu_percent, seen.memory_percent, seen.io_percent))
    parts = (
        Part(
            cpu,
            Bound("%", _OWN, warn=limits.warn_cpu_pressure_percent),
            msg("Tasks waited for CPU {share} % of the time", share=cpu),
        ),
        Part(mem, memory, msg("All tasks waited for memory {share} % of the time", share=mem)),
        Part(
            io,
            Bound("%", _OWN, warn=limits.warn_io_pressure_percent),
            msg("All tasks waited for disk {share} % of the time", share=io),
        ),
    )
    rows = ((msg("CPU (PSI some)"), cpu), (msg("Memory (PSI full)"), mem), (msg("Disk (PSI full)"), io))
    table = Table(msg("Time spent waiting"), (msg("Resource"), msg("Share (%)")), rows)
    return judge_worst(PRESSURE, parts, subject, now, (table,))


def judge_memory(
    seen: Memory | Unobserved | Absent, subject: str, limits: ResourceLimits, now: datetime
) -> CheckResult:
    """Memory that is not available."""
    bound = Bound("%", _OWN, limits.warn_memory_percent, limits.fail_memory_percent)
    if isinstance(seen, Unobserved | Absent):
        return not_measured(MEMORY, seen, subject, now, bound)
    reason = msg(
        "{available} of {total} GiB available",
        available=_gib(seen.available_bytes),
        total=_gib(seen.total_bytes),
    )
    return judge_worst(MEMORY, [Part(round(seen.used_percent, 1), bound, reason)], subject, now)


def judge_swap(seen: Swap | Unobserved | Absent, subject: str, limits: ResourceLimits, now: datetime) -> CheckResult:
    """Swap space in use."""
    bound = Bound("%", _ZABBIX, warn=limits.warn_swap_percent)
    if isinstance(seen, Unobserved | Absent):
        return not_measured(SWAP, seen, subject, now, bound)
    used = seen.total_bytes - seen.free_bytes
    reason = msg("{used} of {total} GiB of swap in use", used=_gib(used), total=_gib(seen.total_bytes))
    return judge_worst(SWAP, [Part(round(seen.used_percent, 1), bound, reason)], subject, now)


def judge_disks(
    seen: Mapping[str, Disk | Unobserved] | Unobserved | Absent, host: str, limits: ResourceLimits, now: datetime
) -> tuple[CheckResult, ...]:
    """Space and inodes of every mount; the fullest one carries a table and a chart of all."""
    space = Bound("%", _ZABBIX, limits.warn_disk_percent, limits.fail_disk_percent)
    inodes = Bound("%", _ZABBIX, limits.warn_inodes_percent, limits.fail_inodes_percent)
    if isinstance(seen, Unobserved | Absent):
        return (not_measured(DISK, seen, host, now, space), not_measured(INODES, seen, host, now, inodes))
    if not seen:
        nothing = Unobserved(msg("No mounted disk was found"))
        return (not_measured(DISK, nothing, host, now, space), not_measured(INODES, nothing, host, now, inodes))
    disks = {disk_subject(host, mount): disk for mount, disk in seen.items()}
    used = {
        subject: round(disk.used_percent, 1)
        for subject, disk in disks.items()
        if isinstance(disk, Disk) and disk.used_percent is not None
    }
    fullest = max(used, key=lambda subject: used[subject], default=None)
    spaces = [_judge_space(disk, subject, space, now) for subject, disk in disks.items()]
    evidence = (_disk_table(seen), _disk_chart(used, limits)) if used else ()
    return (
        *(replace(r, evidence=evidence) if r.subject == fullest else r for r in spaces),
        *(_judge_inodes(disk, subject, inodes, now) for subject, disk in disks.items()),
    )


def disk_subject(host: str, mount: str) -> str:
    """What a mount is called in results and samples."""
    return f"{host}/disk:{mount}"


def judge_network(
    seen: tuple[Interface, ...] | Unobserved | Absent, subject: str, limits: ResourceLimits, now: datetime
) -> CheckResult:
    """The share of packets lost on the worst interface, in the watched span and since the interface came up."""
    bound = Bound("%", msg("the node_exporter mixin"), warn=limits.warn_network_lost_percent)
    if isinstance(seen, Unobserved | Absent):
        return not_measured(NETWORK, seen, subject, now, bound)
    parts = [part for interface in seen for part in _lost(interface, bound, limits)]
    if not parts:
        least = limits.min_network_packets
        few = Absent(msg("No interface has carried {least} packets yet", least=least))
        return not_measured(NETWORK, few, subject, now, bound)
    parts.sort(key=lambda part: part.value, reverse=True)
    return judge_worst(NETWORK, parts, subject, now, (_network_table(seen),))


def judge_container_cpu(
    seen: CpuQuota | Unobserved | Absent, subject: str, limits: ResourceLimits, now: datetime
) -> CheckResult:
    """The share of scheduling periods in which the quota stopped the container, now and since its start."""
    bound = Bound("%", msg("the Kubernetes mixin"), warn=limits.warn_throttled_percent)
    if isinstance(seen, Unobserved | Absent):
        return not_measured(CONTAINER_CPU, seen, subject, now, bound)
    parts = []
    if seen.periods >= limits.min_throttle_periods:
        share = round(100 * seen.throttled / seen.periods, 1)
        text = msg(
            "{share} % of scheduling periods since the start were throttled (limit: {cores} CPUs)", **_of(seen, share)
        )
        parts.append(Part(share, bound, text))
    if seen.recent_periods >= limits.min_throttle_periods:
        share = round(100 * seen.recent_throttled / seen.recent_periods, 1)
        text = msg("{share} % of recent scheduling periods were throttled (limit: {cores} CPUs)", **_of(seen, share))
        parts.append(Part(share, bound, text))
    if not parts:
        few = msg("Only {n} scheduling periods were counted, {least} are needed", n=seen.periods, **_least(limits))
        return not_measured(CONTAINER_CPU, Unobserved(few), subject, now, bound)
    return judge_worst(CONTAINER_CPU, parts, subject, now)


def judge_container_memory(
    seen: MemoryLimit | Unobserved | Absent, subject: str, limits: ResourceLimits, now: datetime
) -> CheckResult:
    """The working set against the limit."""
    bound = Bound("%", _OWN, limits.warn_container_memory_percent, limits.fail_container_memory_percent)
    if isinstance(seen, Unobserved | Absent):
        return not_measured(CONTAINER_MEMORY, seen, subject, now, bound)
    reason = msg("Working set: {used} of {total} GiB", used=_gib(seen.working_set_bytes), total=_gib(seen.limit_bytes))
    return judge_worst(CONTAINER_MEMORY, [Part(round(seen.used_percent, 1), bound, reason)], subject, now)


def judge_oom(
    seen: OomKills | Unobserved | Absent, subject: str, limits: ResourceLimits, now: datetime, samples: Samples
) -> CheckResult:
    """Kills of the last day fail, those of other machines included; older ones only warn."""
    recent = Bound("", _OWN, fail=limits.max_oom_kills_per_day)
    if isinstance(seen, Unobserved | Absent):
        return not_measured(OOM, seen, subject, now, recent)
    own = counter_subject(subject, seen)
    here = samples.get(own, ())
    others = [taken for name, taken in samples.items() if name != own and name.startswith(f"{subject}{_COUNTER}")]
    elsewhere = sum(counted(present(taken)) for taken in others)
    parts = []
    if seen.last_day is not None:
        kills = round(seen.last_day + elsewhere)
        parts.append(Part(kills, recent, msg("OOM kills in the last 24 hours: {n}", n=kills)))
    elif seen.total is not None and (minutes := max(map(_reach, (here, *others)))):
        kills = round(counted((*present(here), seen.total)) + elsewhere)
        text = msg("OOM kills in the last {minutes} minutes: {n}", n=kills, minutes=minutes)
        parts.append(Part(kills, recent, text))
    if seen.last_day is None and seen.total is not None and _reach(here) < limits.min_day_samples:
        text = msg("No OOM kills since the start")
        if seen.total:
            text = msg("OOM kills since the start: {n}; too few samples to know when", n=seen.total)
        parts.append(Part(seen.total, Bound("", _OWN, warn=limits.max_oom_kills_per_day), text))
    return judge_worst(OOM, parts, subject, now)


def judge_history(seen: HistoryGrowth | Unobserved, limits: ResourceLimits, now: datetime) -> CheckResult:
    """Whether the history is tidied, and its growth of some days fits on its disk."""
    subject = "history"
    if isinstance(seen, Unobserved):
        return not_measured(HISTORY, seen, subject, now)
    if seen.growth_bytes is None:
        later = msg("{size} MB; its growth is known from tomorrow on", size=megabytes(seen.total_bytes))
        return HISTORY.judged(Status.SKIPPED, subject, later, at=now)
    ahead = megabytes(max(0.0, seen.growth_bytes) * limits.history_growth_days)
    free = None if seen.free_bytes is None else megabytes(seen.free_bytes)
    stored = round(seen.minutes_days, 1)
    grown = msg(
        "{size} MB, {growth} MB more a day over the last {days} days",
        size=megabytes(seen.total_bytes),
        growth=megabytes(seen.growth_bytes),
        days=round(seen.over_days, 1),
    )
    late = msg(
        "Minutes of the last {stored} days are stored, of which {kept} are to be kept: see the last run of "
        "housekeeping",
        stored=stored,
        kept=seen.kept_days,
    )
    most = seen.kept_days + limits.max_history_late_days
    tidied = Part(stored, Bound("d", _KEPT, warn=most), grown if stored <= most else late)
    parts = (*(() if free is None else (Part(ahead, Bound("MB", _FREE, warn=free), grown),)), tidied)
    return judge_worst(HISTORY, parts, subject, now, (_history_table(seen, ahead, free, limits),))


def megabytes(of: float) -> float:
    """Bytes as they are shown, in MB of 10⁶."""
    return round(of / 1_000_000, 1)


def _history_table(seen: HistoryGrowth, ahead: float, free: float | None, limits: ResourceLimits) -> Table:
    growth = None if seen.growth_bytes is None else megabytes(seen.growth_bytes)
    rows: list[tuple[Message, Scalar]] = [
        (msg("Size on the disk (MB)"), megabytes(seen.total_bytes)),
        (msg("of it free for new rows (MB)"), megabytes(seen.unused_bytes)),
        (msg("Growth a day (MB)"), growth),
        (msg("Growth in {days} days (MB)", days=limits.history_growth_days), ahead),
        (msg("Free on its disk (MB); empty: not visible from here"), free),
        (msg("Minutes are stored of so many days"), round(seen.minutes_days, 1)),
    ]
    return Table(msg("History database"), (msg("Figure"), msg("Value")), tuple(rows))


def counter_subject(subject: str, kills: OomKills) -> str:
    """Under which name a counter of kills is sampled: rounds may take turns on several machines."""
    return f"{subject}{_COUNTER}{kills.counter}" if kills.counter else subject


def counted(counter: Sequence[float]) -> float:
    """By how much a counter has grown that begins anew at each start."""
    return sum(after - before if after >= before else after for before, after in pairwise(counter))


def _reach(samples: Sequence[float | None]) -> int:
    """How many minutes ago the oldest sample was taken; 0 when there is none."""
    return next((len(samples) - at for at, sample in enumerate(samples) if sample is not None), 0)


def _taken(samples: Sequence[float | None]) -> int:
    return len(present(samples))


def _busy(seen: Cpu, bound: Bound, limits: ResourceLimits, samples: Sequence[float | None]) -> list[Part]:
    """The reading, which alone only warns: one moment is no state of the machine; and the busiest stretch, if any."""
    reading, n, window = round(seen.busy_percent, 1), _taken(samples), limits.cpu_window_samples
    mean = busiest_mean(samples, window, least=window - limits.cpu_window_gaps)
    if mean is None:
        text = msg(
            "{used} % over {seconds} s (single reading; {n} minute samples, {window} in a row needed)",
            used=reading,
            seconds=seen.span_s,
            window=window,
            n=n,
        )
        return [Part(reading, replace(bound, fail=None), text)]
    busiest = round(mean, 1)
    text = msg(
        "{mean} % in the busiest {window} of {n} minutes, {used} % now",
        mean=busiest,
        window=window,
        n=n,
        used=reading,
    )
    return [Part(busiest, bound, text), Part(reading, replace(bound, fail=None), text)]


def _judge_space(disk: Disk | Unobserved, subject: str, bound: Bound, now: datetime) -> CheckResult:
    if isinstance(disk, Unobserved):
        return not_measured(DISK, disk, subject, now, bound)
    if disk.used_percent is None:
        return not_measured(DISK, Unobserved(msg("The file system reports no size")), subject, now, bound)
    reason = msg(
        "{available} of {total} GiB available",
        available=_gib(disk.available_bytes),
        total=_gib(disk.size_bytes),
    )
    return judge_worst(DISK, [Part(round(disk.used_percent, 1), bound, reason)], subject, now)


def _judge_inodes(disk: Disk | Unobserved, subject: str, bound: Bound, now: datetime) -> CheckResult:
    if isinstance(disk, Unobserved):
        return not_measured(INODES, disk, subject, now, bound)
    if disk.inodes_used_percent is None:
        endless = Absent(msg("The file system has no fixed number of inodes"))
        return not_measured(INODES, endless, subject, now, bound)
    reason = msg("{free} of {all} inodes free", free=disk.inodes_free, all=disk.inodes)
    return judge_worst(INODES, [Part(round(disk.inodes_used_percent, 1), bound, reason)], subject, now)


def _lost(interface: Interface, bound: Bound, limits: ResourceLimits) -> list[Part]:
    parts = []
    for traffic, recent in ((interface.total, False), (interface.recent, True)):
        if traffic is None or traffic.lost_percent is None or traffic.every < limits.min_network_packets:
            continue
        share = round(traffic.lost_percent, 2)
        text = (
            msg("{name}: {share} % packet loss in {seconds} s", **_by(interface, share), seconds=interface.span_s)
            if recent
            else msg("{name}: {share} % packet loss since it came up", **_by(interface, share))
        )
        parts.append(Part(share, bound, text))
    return parts


def _by(interface: Interface, share: float) -> dict[str, str | float]:
    return {"name": interface.name, "share": share}


def _of(quota: CpuQuota, share: float) -> dict[str, float]:
    return {"share": share, "cores": round(quota.cores, 2)}


def _least(limits: ResourceLimits) -> dict[str, int]:
    return {"least": limits.min_throttle_periods}


def _gib(size: int) -> float:
    return round(size / _GIB, 1)


def _cpu_table(seen: Cpu, machine: str | None, sampled: int) -> Table:
    rows: tuple[tuple[Message, str | float | None], ...] = (
        (msg("Host name"), machine),
        (msg("CPU usage (%)"), round(seen.busy_percent, 1)),
        (msg("I/O wait (%)"), _rounded(seen.iowait_percent)),
        (msg("Steal (%)"), _rounded(seen.steal_percent)),
        (msg("Load average (1 min)"), round(seen.load1, 2)),
        (msg("CPUs"), seen.cores),
        (msg("Minutes sampled in the last 24 hours"), sampled),
    )
    return Table(msg("CPU time"), (msg("Measurement"), msg("Value")), rows)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _disk_table(seen: Mapping[str, Disk | Unobserved]) -> Table:
    columns = (msg("Mount point"), msg("Used (%)"), msg("Available (GiB)"), msg("Size (GiB)"), msg("Inode usage (%)"))
    rows = tuple(
        (mount, disk.reason, None, None, None)
        if isinstance(disk, Unobserved)
        else (
            mount,
            _rounded(disk.used_percent),
            _gib(disk.available_bytes),
            _gib(disk.size_bytes),
            _rounded(disk.inodes_used_percent),
        )
        for mount, disk in seen.items()
    )
    return Table(msg("Mounted disks"), columns, rows[:50])


def _disk_chart(used: Mapping[str, float], limits: ResourceLimits) -> Chart:
    fullest = sorted(used, key=lambda subject: used[subject], reverse=True)[:20]
    finding = msg(
        "The fullest disk is {subject} at {used} %; the limit is {limit} %",
        subject=fullest[0],
        used=used[fullest[0]],
        limit=limits.warn_disk_percent,
    )
    values = tuple(used[subject] for subject in fullest)
    return Chart(msg("Disk usage"), finding, "%", tuple(fullest), values, limits.warn_disk_percent)


def _network_table(seen: tuple[Interface, ...]) -> Table:
    columns = (msg("Interface"), msg("Packets"), msg("Errors"), msg("Drops"), msg("Recent errors"), msg("Recent drops"))
    nothing = PacketCounts(0, 0, 0)
    rows = tuple(
        (
            i.name,
            *(None if i.total is None else round(n) for n in _three(i.total or nothing)),
            round(i.recent.errors),
            round(i.recent.drops),
        )
        for i in seen
    )
    return Table(msg("Network interfaces"), columns, rows[:50])


def _three(traffic: PacketCounts) -> tuple[float, float, float]:
    return traffic.packets, traffic.errors, traffic.drops
