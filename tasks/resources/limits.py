"""The limits of machines and containers."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.bounds import check_order
from tasks.configuration import Model

Percent = Annotated[float, Field(gt=0, le=100)]


class ResourceLimits(Model):
    """Limits of hosts and containers; each can be set under [resources.limits]."""

    warn_cpu_percent: Percent = 80.0
    """CPU usage: mean of the busiest `cpu_window_samples` minutes of 24 hours. Source: opsrounds' default; at 80 % work
    waits four times its own length (M/M/1 queue; Little, Kleinrock)."""

    fail_cpu_percent: Percent = 95.0
    """The same; a single reading is WARN at most. Source: opsrounds' default; nothing is left for a burst."""

    cpu_window_samples: Annotated[int, Field(ge=2)] = 15
    """Minutes in a row that make a mean. Without that many, only a single reading is judged, which is WARN at most.
    Source: opsrounds' default; a quarter of an hour is load, a minute is noise."""

    cpu_window_gaps: Annotated[int, Field(ge=0)] = 3
    """Of these minutes, how many may be missing; below `cpu_window_samples`. Source: opsrounds' default; a minute or
    two are missed while a round or a deployment runs."""

    warn_load_per_core: Annotated[float, Field(gt=0)] = 1.5
    """Load of one minute for each CPU. Source: Zabbix's template for Linux ({$LOAD_AVG_PER_CPU.MAX.WARN})."""

    warn_steal_percent: Percent = 10.0
    """Time that the hypervisor gave to other machines (steal). Source: opsrounds' default."""

    warn_cpu_pressure_percent: Percent = 50.0
    """Time in which some task waited for a CPU (PSI). Source: opsrounds' default."""

    warn_memory_pressure_percent: Percent = 10.0
    """Time in which all tasks waited for memory (PSI). Source: opsrounds' default."""

    fail_memory_pressure_percent: Percent = 60.0
    """The same. Source: systemd-oomd's DefaultMemoryPressureLimit, from which on it kills."""

    warn_io_pressure_percent: Percent = 40.0
    """Time in which all tasks waited for the disk (PSI). Source: opsrounds' default."""

    warn_memory_percent: Percent = 85.0
    """Memory that is not available. Source: opsrounds' default, a little before Zabbix's template for Linux (90 %,
    {$MEMORY.UTIL.MAX})."""

    fail_memory_percent: Percent = 95.0
    """The same. Source: opsrounds' default; the kernel will soon kill a process."""

    warn_swap_percent: Percent = 50.0
    """Used swap space. Source: Zabbix's template for Linux, less than 50 % free ({$SWAP.PFREE.MIN.WARN})."""

    warn_disk_percent: Percent = 80.0
    """Used disk space, as `df` shows it. Source: Zabbix's template for Linux ({$VFS.FS.PUSED.MAX.WARN})."""

    fail_disk_percent: Percent = 90.0
    """The same. Source: Zabbix's template for Linux ({$VFS.FS.PUSED.MAX.CRIT})."""

    warn_inodes_percent: Percent = 80.0
    """Used inodes. Source: Zabbix's template for Linux, less than 20 % free ({$VFS.FS.INODE.PFREE.MIN.WARN})."""

    fail_inodes_percent: Percent = 90.0
    """The same. Source: Zabbix's template for Linux, less than 10 % free ({$VFS.FS.INODE.PFREE.MIN.CRIT})."""

    warn_network_lost_percent: Percent = 1.0
    """Errors and drops as a share of an interface's packets. Source: the node_exporter mixin's
    NodeNetworkReceiveErrs."""

    min_network_packets: Annotated[int, Field(ge=1)] = 1000
    """Interfaces with fewer packets are not judged. Source: opsrounds' default; 1 % of fewer packets is luck."""

    warn_throttled_percent: Percent = 25.0
    """Throttled share of the container's scheduling periods. Source: the Kubernetes mixin's CPUThrottlingHigh."""

    min_throttle_periods: Annotated[int, Field(ge=1)] = 10
    """With fewer scheduling periods throttling is UNKNOWN. Source: opsrounds' default, one second of the usual periods
    of 100 ms."""

    warn_container_memory_percent: Percent = 85.0
    """Working set as a share of the container's memory limit. Source: opsrounds' default, as warn_memory_percent."""

    fail_container_memory_percent: Percent = 95.0
    """The same. Source: opsrounds' default; at the limit the kernel kills in the container."""

    max_oom_kills_per_day: Annotated[int, Field(ge=0)] = 0
    """OOM kills in 24 hours; more are FAIL. Source: opsrounds' default; an OOM kill is never normal."""

    history_growth_days: Annotated[int, Field(ge=1, le=366)] = 30
    """Days of the history's growth that must fit into the free space of its disk. Source: opsrounds' default; a month
    is the time to order a disk."""

    max_history_late_days: Annotated[int, Field(ge=1)] = 2
    """Days that minutes may be stored beyond `[history] keep_minutes_days`. Source: opsrounds' default; housekeeping
    runs once a day, and one run may fail."""

    min_day_samples: Annotated[int, Field(ge=1)] = 1200
    """Minutes that the samples must reach back to stand for a day. Source: opsrounds' default; a kill before the first
    of them cannot be ruled out."""

    @model_validator(mode="after")
    def _warns_before_it_fails(self) -> Self:
        check_order(self)
        if self.cpu_window_gaps >= self.cpu_window_samples:
            raise ValueError("cpu_window_gaps must be below cpu_window_samples: a mean needs a sample")
        return self
