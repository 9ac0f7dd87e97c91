"""The questions of the resource usage section that concern machines and containers."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

CPU: Final = Check(
    "resources.cpu",
    msg("Processor"),
    msg("Is there processor time left on every host?"),
    Severity.WARNING,
)
PRESSURE: Final = Check(
    "resources.pressure",
    msg("Pressure"),
    msg("Does work on every host go on without waiting for processor, memory or disk?"),
    Severity.WARNING,
)
MEMORY: Final = Check(
    "resources.memory",
    msg("Memory"),
    msg("Is there memory available on every host?"),
    Severity.EMERGENCY,
)
SWAP: Final = Check(
    "resources.swap",
    msg("Swap"),
    msg("Do the hosts get by without much swap space?"),
    Severity.INFORMATION,
)
DISK: Final = Check(
    "resources.disk",
    msg("Disk space"),
    msg("Is there space left on every mounted disk?"),
    Severity.EMERGENCY,
)
INODES: Final = Check(
    "resources.inodes",
    msg("Inodes"),
    msg("Can new files be created on every mounted disk?"),
    Severity.WARNING,
)
NETWORK: Final = Check(
    "resources.network",
    msg("Network errors"),
    msg("Do packets pass the network interfaces without errors and drops?"),
    Severity.WARNING,
)
CONTAINER_CPU: Final = Check(
    "resources.container-cpu",
    msg("Container processor"),
    msg("Does the container run without being throttled by its processor quota?"),
    Severity.WARNING,
)
CONTAINER_MEMORY: Final = Check(
    "resources.container-memory",
    msg("Container memory"),
    msg("Does the container's working set stay away from its memory limit?"),
    Severity.EMERGENCY,
)
OOM: Final = Check(
    "resources.oom",
    msg("Killed for want of memory"),
    msg("Was no process killed for want of memory?"),
    Severity.EMERGENCY,
)
HOST_CHECKS: Final = (CPU, PRESSURE, MEMORY, SWAP, DISK, INODES, NETWORK, OOM)
CONTAINER_CHECKS: Final = (CONTAINER_CPU, CONTAINER_MEMORY, OOM)
CHECKS: Final = (CPU, PRESSURE, MEMORY, SWAP, DISK, INODES, NETWORK, CONTAINER_CPU, CONTAINER_MEMORY, OOM)
LINE: Final = GuideLine("resources", msg("Check resource usage"), ("resources.*", "kpi.*"), also="リソース使用率の確認")
