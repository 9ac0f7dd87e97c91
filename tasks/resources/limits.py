"""The limits of machines and containers."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.bounds import check_order
from tasks.configuration import Model

Percent = Annotated[float, Field(gt=0, le=100)]


class ResourceLimits(Model):
    """Limits of hosts and containers; each can be set under [resources.limits]."""

    warn_cpu_percent: Percent = 80.0
    """opsrounds' default: in an M/M/1 queue work waits four times its own length at 80 % (Little, Kleinrock)."""

    fail_cpu_percent: Percent = 95.0
    """opsrounds' default: nothing is left for a burst."""

    cpu_window_samples: Annotated[int, Field(ge=2)] = 15
    """Minutes in a row of one mean: a quarter of an hour is load, a minute is noise. Without such only the reading."""

    cpu_window_gaps: Annotated[int, Field(ge=0)] = 3
    """opsrounds' default: a minute or two are missed when a round or a deployment is in the way."""

    warn_load_per_core: Annotated[float, Field(gt=0)] = 1.5
    """Zabbix's template for Linux: {$LOAD_AVG_PER_CPU.MAX.WARN}."""

    warn_steal_percent: Percent = 10.0
    """opsrounds' default: every tenth moment the hypervisor gave to another machine."""

    warn_cpu_pressure_percent: Percent = 50.0
    """opsrounds' default: half of the time some task waited for a processor (Linux, accounting/psi)."""

    warn_memory_pressure_percent: Percent = 10.0
    """opsrounds' default: a tenth of the time nothing went on for want of memory."""

    fail_memory_pressure_percent: Percent = 60.0
    """systemd-oomd's DefaultMemoryPressureLimit: from here on it kills."""

    warn_io_pressure_percent: Percent = 40.0
    """opsrounds' default: nothing went on for want of the disk."""

    warn_memory_percent: Percent = 85.0
    """opsrounds' default, a little before Zabbix's template for Linux (90 %, {$MEMORY.UTIL.MAX})."""

    fail_memory_percent: Percent = 95.0
    """opsrounds' default: the kernel will soon kill a process."""

    warn_swap_percent: Percent = 50.0
    """Zabbix's template for Linux: less than 50 % of the swap free ({$SWAP.PFREE.MIN.WARN})."""

    warn_disk_percent: Percent = 80.0
    """Zabbix's template for Linux: 80 % ({$VFS.FS.PUSED.MAX.WARN})."""

    fail_disk_percent: Percent = 90.0
    """Zabbix's template for Linux: 90 % ({$VFS.FS.PUSED.MAX.CRIT})."""

    warn_inodes_percent: Percent = 80.0
    """Zabbix's template for Linux: less than 20 % of the inodes free ({$VFS.FS.INODE.PFREE.MIN.WARN})."""

    fail_inodes_percent: Percent = 90.0
    """Zabbix's template for Linux: less than 10 % of the inodes free ({$VFS.FS.INODE.PFREE.MIN.CRIT})."""

    warn_network_lost_percent: Percent = 1.0
    """The node_exporter mixin's NodeNetworkReceiveErrs: 1 % of the packets."""

    min_network_packets: Annotated[int, Field(ge=1)] = 1000
    """opsrounds' default: a share of 1 % of fewer packets is luck."""

    warn_throttled_percent: Percent = 25.0
    """The Kubernetes mixin's CPUThrottlingHigh: 25 % of the periods."""

    min_throttle_periods: Annotated[int, Field(ge=1)] = 10
    """opsrounds' default: one second of the usual periods of 100 ms."""

    warn_container_memory_percent: Percent = 85.0
    """opsrounds' default, as warn_memory_percent."""

    fail_container_memory_percent: Percent = 95.0
    """opsrounds' default: above the limit the kernel kills in the container."""

    max_oom_kills_per_day: Annotated[int, Field(ge=0)] = 0
    """A process killed for want of memory is never normal."""

    min_day_samples: Annotated[int, Field(ge=1)] = 1200
    """Minutes that samples must reach back to stand for a day; a kill before the first of them cannot be ruled out."""

    @model_validator(mode="after")
    def _warns_before_it_fails(self) -> Self:
        check_order(self)
        if self.cpu_window_gaps >= self.cpu_window_samples:
            raise ValueError("cpu_window_gaps must be below cpu_window_samples: a mean needs a sample")
        return self
