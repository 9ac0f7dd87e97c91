"""The figures of a machine from what the kernel and psutil say of it."""

import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tasks.check_result import msg
from tasks.observation import Absent, ObservationError, Unobserved, printable
from tasks.resources.facts import Cpu, Disk, Host, Interface, Memory, OomKills, PacketCounts, Pressure, Swap
from tasks.resources.mounts import Mount, parse_mountinfo, read_disks, real_mounts

_DISK_TIMEOUT_S = 5.0
_DAY_S = 86_400.0
_BOOT_CHARS = 8
_IDLE = ("idle", "iowait")
_INCLUDED = ("guest", "guest_nice")
"""Linux counts the time of guests a second time under these names."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Counters of one instant, to be compared with those of a later one."""

    cpu: Mapping[str, float]
    network: Mapping[str, PacketCounts]


def moment() -> Moment:
    """The counters of now."""
    network = {
        name: PacketCounts(c.packets_recv + c.packets_sent, c.errin + c.errout, c.dropin + c.dropout)
        for name, c in psutil.net_io_counters(pernic=True, nowrap=True).items()
        if not name.startswith("lo")
    }
    return Moment(psutil.cpu_times()._asdict(), network)


def host_between(before: Moment, after: Moment, span_s: float, mounts: tuple[str, ...], root: Path) -> Host:
    """This machine as it was between two moments; `mounts` empty means every disk."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return Host(
        name=socket.gethostname(),
        cpu=cpu_between(before.cpu, after.cpu, span_s, os.cpu_count() or 1, os.getloadavg()[0]),
        pressure=read_pressure(root / "proc/pressure"),
        memory=Memory(memory.total, memory.available),
        swap=Swap(swap.total, swap.free) if swap.total else Absent(msg("The host has no swap space")),
        disks=_disks(mounts, root),
        network=network_between(before.network, after.network, span_s),
        oom=read_oom_kills(root / "proc/vmstat", read_boot(root), _up_s()),
    )


def cpu_between(
    before: Mapping[str, float], after: Mapping[str, float], span_s: float, cores: int, load1: float
) -> Cpu | Unobserved:
    """Shares of the CPU time that passed between two readings of its counters."""
    spent = {name: max(after[name] - before[name], 0.0) for name in after if name not in _INCLUDED}
    every = sum(spent.values())
    if every <= 0:
        return Unobserved(msg("The CPU time counters do not advance"))
    share = {name: 100 * seconds / every for name, seconds in spent.items()}
    busy = 100 - sum(share.get(name, 0.0) for name in _IDLE)
    return Cpu(max(busy, 0.0), share.get("iowait"), share.get("steal"), cores, load1, round(span_s, 1))


def network_between(
    before: Mapping[str, PacketCounts], after: Mapping[str, PacketCounts], span_s: float
) -> tuple[Interface, ...] | Absent:
    """Every interface that was there at both moments."""
    if not after:
        return Absent(msg("The host has no network interface except loopback"))
    return tuple(
        Interface(name, now, _since(before[name], now), round(span_s, 1))
        for name, now in sorted(after.items())
        if name in before
    )


def read_pressure(folder: Path) -> Pressure | Absent | Unobserved:
    """Pressure over the last five minutes; Absent where the kernel does not measure it."""
    if not folder.is_dir():
        return Absent(msg("The kernel does not measure pressure (boot with psi=1)"))
    try:
        cpu, memory, io = ((folder / name).read_text(encoding="utf-8") for name in ("cpu", "memory", "io"))
        return Pressure(stalled(cpu, "some"), stalled(memory, "full"), stalled(io, "full"))
    except OSError as error:
        if error.errno == 95:  # EOPNOTSUPP: built in, and switched off at boot
            return Absent(msg("The kernel does not measure pressure (boot with psi=1)"))
        return Unobserved(msg("The kernel's pressure files cannot be read"))
    except (ObservationError, UnicodeDecodeError):
        return Unobserved(msg("The kernel's pressure files cannot be read"))


def stalled(text: str, kind: str) -> float:
    """avg300 of one kind in per cent; raises ObservationError if the text is not a pressure file."""
    for line in text.splitlines():
        word, *fields = line.split()
        values = dict(field.split("=", 1) for field in fields if "=" in field)
        if word == kind and "avg300" in values:
            try:
                if 0 <= (share := float(values["avg300"])) <= 100:
                    return share
            except ValueError:
                break
    raise ObservationError(msg("The kernel's pressure files cannot be read"))


def read_oom_kills(file: Path, boot: str = "", up_s: float | None = None) -> OomKills | Absent | Unobserved:
    """Kills since the machine started, `up_s` ago if that is known."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return Absent(msg("The kernel does not count OOM kills"))
    value = next((line.split()[1:] for line in lines if line.startswith("oom_kill ")), None)
    if value is None:
        return Absent(msg("The kernel does not count OOM kills"))
    if len(value) != 1 or not value[0].isdecimal():
        return Unobserved(msg("The kernel's OOM kill count cannot be read"))
    total = int(value[0])
    return OomKills(total, total if up_s is not None and up_s < _DAY_S else None, boot)


def read_boot(root: Path) -> str:
    """A name of the machine's present run: no other machine has it, nor this one after its next start."""
    try:
        return (root / "proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()[:_BOOT_CHARS]
    except (OSError, UnicodeDecodeError):
        return ""


def _up_s() -> float | None:
    """Asked of the kernel itself: /proc/uptime may be that of a container."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else None


def _disks(wanted: tuple[str, ...], root: Path) -> Mapping[str, Disk | Unobserved] | Unobserved:
    try:
        mounts = _mounts(root)
    except ObservationError as error:
        return Unobserved(error.reason)
    every = real_mounts(mounts) if mounts is not None else _partitions()
    there = {mount.mount_point for mount in mounts} if mounts is not None else set(every)
    # Where nothing is mounted any more, the folder beneath would answer with the room of another disk.
    gone = {
        printable(mount, 200): Unobserved(msg("Nothing is mounted on this path"))
        for mount in wanted
        if mount not in there
    }
    return {**gone, **read_disks([m for m in wanted if m in there] if wanted else every, _DISK_TIMEOUT_S)}


def _mounts(root: Path) -> tuple[Mount, ...] | None:
    """The kernel's list; None on a system that has none."""
    file = root / "proc/self/mountinfo"
    if sys.platform != "linux":
        return None
    try:
        return parse_mountinfo(file.read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:
        raise ObservationError(msg("The kernel's list of mounts cannot be read")) from None


def _partitions() -> tuple[str, ...]:
    return tuple(partition.mountpoint for partition in psutil.disk_partitions(all=False))


def _since(before: PacketCounts, after: PacketCounts) -> PacketCounts:
    def grown(name: str) -> Any:
        return max(getattr(after, name) - getattr(before, name), 0)

    return PacketCounts(grown("packets"), grown("errors"), grown("drops"))
