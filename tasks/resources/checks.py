"""The questions of the resource usage section that concern machines and containers."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

CPU: Final = Check(
    "resources.cpu",
    msg("CPU usage"),
    msg("Is there CPU time left on every host?"),
    Severity.WARNING,
)
PRESSURE: Final = Check(
    "resources.pressure",
    msg("Resource pressure (PSI)"),
    msg("Do tasks on every host run without waiting for CPU, memory or disk?"),
    Severity.WARNING,
)
MEMORY: Final = Check(
    "resources.memory",
    msg("Memory usage"),
    msg("Is there memory available on every host?"),
    Severity.EMERGENCY,
)
SWAP: Final = Check(
    "resources.swap",
    msg("Swap usage"),
    msg("Do the hosts run without using much swap space?"),
    Severity.INFORMATION,
)
DISK: Final = Check(
    "resources.disk",
    msg("Disk usage"),
    msg("Is there space left on every mounted disk?"),
    Severity.EMERGENCY,
)
INODES: Final = Check(
    "resources.inodes",
    msg("Inode usage"),
    msg("Can new files be created on every mounted disk?"),
    Severity.WARNING,
)
NETWORK: Final = Check(
    "resources.network",
    msg("Network packet loss"),
    msg("Are packets sent and received without errors and drops?"),
    Severity.WARNING,
)
CONTAINER_CPU: Final = Check(
    "resources.container-cpu",
    msg("Container CPU throttling"),
    msg("Does the container run without being throttled by its CPU limit?"),
    Severity.WARNING,
)
CONTAINER_MEMORY: Final = Check(
    "resources.container-memory",
    msg("Container memory usage"),
    msg("Does the container's working set stay well below its memory limit?"),
    Severity.EMERGENCY,
)
OOM: Final = Check(
    "resources.oom",
    msg("OOM kills"),
    msg("Was no process killed because memory ran out?"),
    Severity.EMERGENCY,
)
HISTORY: Final = Check(
    "resources.history",
    msg("Growth of the history"),
    msg("Is opsrounds' own history kept small, and has its disk room for a month of its growth?"),
    Severity.WARNING,
)
HOST_CHECKS: Final = (CPU, PRESSURE, MEMORY, SWAP, DISK, INODES, NETWORK, OOM)
CONTAINER_CHECKS: Final = (CONTAINER_CPU, CONTAINER_MEMORY, OOM)
CHECKS: Final = (CPU, PRESSURE, MEMORY, SWAP, DISK, INODES, NETWORK, CONTAINER_CPU, CONTAINER_MEMORY, OOM, HISTORY)
LINE: Final = GuideLine(
    "resources",
    msg("Check resource usage"),
    ("resources.*", "kpi.*"),
    also="リソース使用率の確認",
    # A queue or a business KPI is no resource that is used up.
    named_by=(CPU.id, MEMORY.id, DISK.id, CONTAINER_CPU.id, CONTAINER_MEMORY.id, "resources.database-connections"),
)
