"""What was seen of machines and containers."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.observation import Absent, Unobserved


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor time over `span_s`; iowait and steal are None where the system does not report them."""

    busy_percent: float
    iowait_percent: float | None
    steal_percent: float | None
    cores: int
    load1: float
    span_s: float


@dataclass(frozen=True, slots=True)
class Pressure:
    """Share of the last minutes in which work waited for a resource (PSI).

    CPU: some task waited; memory and IO: all tasks that had work waited at once.
    """

    cpu_percent: float
    memory_percent: float
    io_percent: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory; `available` is what new work can get without swapping, page cache included."""

    total_bytes: int
    available_bytes: int

    @property
    def used_percent(self) -> float:
        """What is not available, in per cent of all."""
        return 100 * (1 - self.available_bytes / self.total_bytes)


@dataclass(frozen=True, slots=True)
class Swap:
    """Swap space; there is some."""

    total_bytes: int
    free_bytes: int

    @property
    def used_percent(self) -> float:
        """What is in use, in per cent of all."""
        return 100 * (1 - self.free_bytes / self.total_bytes)


@dataclass(frozen=True, slots=True)
class Disk:
    """One file system; `available` is what an ordinary account can still write, less than what is free."""

    size_bytes: int
    free_bytes: int
    available_bytes: int
    inodes: int
    inodes_free: int

    @property
    def used_percent(self) -> float | None:
        """As `df` shows it: used of used and available; None for a file system without room at all."""
        used = self.size_bytes - self.free_bytes
        writable = used + self.available_bytes
        return 100 * used / writable if writable > 0 else None

    @property
    def inodes_used_percent(self) -> float | None:
        """Inodes in use; None where the file system has no fixed number (btrfs, many network file systems)."""
        return 100 * (1 - self.inodes_free / self.inodes) if self.inodes > 0 else None


@dataclass(frozen=True, slots=True)
class PacketCounts:
    """Packets that a network interface took or sent, and those of them that went wrong or were thrown away."""

    packets: float
    errors: float
    drops: float

    @property
    def every(self) -> float:
        """All that was to travel."""
        return self.packets + self.errors + self.drops

    @property
    def lost_percent(self) -> float | None:
        """Errors and drops of all packets; None when nothing travelled."""
        return 100 * (self.errors + self.drops) / self.every if self.every > 0 else None


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface: since it came up (None when unknown) and in the `span_s` that was watched."""

    name: str
    total: PacketCounts | None
    recent: PacketCounts
    span_s: float


@dataclass(frozen=True, slots=True)
class OomKills:
    """Processes killed because memory ran out: since the start of the host or container, and in the last day if known.

    `counter` distinguishes counters that each begin at zero: the boot of a machine, a control group of it.
    """

    total: int | None
    last_day: float | None = None
    counter: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """One machine; `name` is what it calls itself, `disks` are by mount point."""

    name: str
    cpu: Cpu | Unobserved
    pressure: Pressure | Absent | Unobserved
    memory: Memory | Unobserved
    swap: Swap | Absent | Unobserved
    disks: Mapping[str, Disk | Unobserved] | Unobserved
    network: tuple[Interface, ...] | Absent | Unobserved
    oom: OomKills | Absent | Unobserved


@dataclass(frozen=True, slots=True)
class CpuQuota:
    """The tightest CPU quota: scheduling periods and throttled ones, since the start and in the watched span."""

    cores: float
    periods: int
    throttled: int
    recent_periods: int
    recent_throttled: int
    span_s: float


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """The memory limit that is nearest; the working set is what cannot be dropped without being read again."""

    limit_bytes: int
    working_set_bytes: int

    @property
    def used_percent(self) -> float:
        """The working set of the limit."""
        return 100 * self.working_set_bytes / self.limit_bytes


@dataclass(frozen=True, slots=True)
class Container:
    """The control group that the round itself runs in."""

    cpu: CpuQuota | Absent | Unobserved
    memory: MemoryLimit | Absent | Unobserved
    oom: OomKills | Absent | Unobserved


@dataclass(frozen=True, slots=True)
class HistoryGrowth:
    """The history database; `growth_bytes` is by how much it grew a day over the last `over_days`, None: not known yet.

    Of its bytes `unused_bytes` are free for new rows; `free_bytes` are those of its disk, None where that is not
    visible. Its minutes go back `minutes_days`, of which `kept_days` are to be kept.
    """

    total_bytes: int
    unused_bytes: int
    free_bytes: int | None
    growth_bytes: float | None
    over_days: float
    minutes_days: float
    kept_days: int
