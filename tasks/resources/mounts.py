"""Which of a machine's mounts are disks: read from the kernel's list, each file system once."""

import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved, printable
from tasks.resources.facts import Disk

_NOT_DISKS = re.compile(
    r"autofs|bdev|binder|binfmt_misc|bpf|cgroup2?|configfs|cpuset|debugfs|devfs|devpts|devtmpfs|efivarfs|fusectl"
    r"|fuse\.(gvfsd-fuse|lxcfs|portal|snapfuse)|hugetlbfs|mqueue|nsfs|pipefs|proc|procfs|pstore|ramfs|rpc_pipefs"
    r"|securityfs|selinuxfs|sockfs|sysfs|tmpfs|tracefs"
)
"""The kernel's own, and memory: the machine's memory is judged elsewhere."""

_IMAGES = frozenset({"cramfs", "erofs", "iso9660", "romfs", "squashfs", "udf"})
"""Always full and never written: packages and media."""

_UNIONS = frozenset({"aufs", "fuse.fuse-overlayfs", "overlay"})
"""Show the room of a disk that is listed by itself, except where they are all that a container sees of it."""


Look = Callable[[str], os.statvfs_result]


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/self/mountinfo."""

    device: str
    root: str
    mount_point: str
    fstype: str
    options: frozenset[str]


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """The mounts in the kernel's order; a line of another form raises ObservationError."""
    return tuple(_mount(line) for line in text.splitlines() if line.strip())


def real_mounts(mounts: Iterable[Mount]) -> tuple[str, ...]:
    """The mount points of disks, each file system once: its own root before a part of it, then the shortest path."""
    visible = {mount.mount_point: mount for mount in mounts}  # a later mount hides an earlier one of the same place
    disks = [m for m in visible.values() if m.fstype not in _IMAGES | _UNIONS and not _NOT_DISKS.fullmatch(m.fstype)]
    if (root := visible.get("/")) is not None and root.fstype in _UNIONS:
        # In a container what is bound in are single files and folders of the host's disk.
        disks = [root, *(disk for disk in disks if disk.root == "/" or disk.device != root.device)]
    once: dict[str, Mount] = {}
    for mount in sorted(disks, key=lambda m: (m.root != "/", len(m.mount_point), m.mount_point)):
        once.setdefault(mount.device, mount)
    return tuple(sorted(mount.mount_point for mount in once.values()))


def read_disks(mounts: Iterable[str], timeout_s: float, look: Look = os.statvfs) -> Mapping[str, Disk | Unobserved]:
    """What each mount point has left, all within `timeout_s`; one that does not answer by then is Unobserved.

    A mount point that is a file (a container's /etc/hosts) is left out.
    """
    asked = {mount: _Asked(mount, look) for mount in mounts}
    for one in asked.values():
        one.start()
    deadline = Deadline.after(timeout_s)
    found: dict[str, Disk | Unobserved] = {}
    for mount, one in asked.items():
        one.join(deadline.left_s)
        if one.is_alive():
            found[printable(mount, 200)] = Unobserved(
                msg("The mount point did not respond within {seconds} s", seconds=timeout_s)
            )
        elif one.disk is not None:
            found[printable(mount, 200)] = one.disk
    return found


class _Asked(threading.Thread):
    """statvfs of a dead network mount never returns: a daemon, so that the process can still end."""

    def __init__(self, mount: str, look: Look) -> None:
        super().__init__(name=f"statvfs {mount}", daemon=True)
        self.mount, self.look = mount, look
        self.disk: Disk | Unobserved | None = None

    def run(self) -> None:
        try:
            if not Path(self.mount).exists():
                self.disk = Unobserved(msg("The mount point no longer exists"))
            elif Path(self.mount).is_dir():
                self.disk = _disk(self.look(self.mount))
        except OSError as error:
            self.disk = Unobserved(
                msg("The mount point cannot be read: {why}", why=printable(error.strerror or type(error).__name__, 60))
            )


def _disk(seen: os.statvfs_result) -> Disk:
    size = seen.f_frsize
    return Disk(seen.f_blocks * size, seen.f_bfree * size, seen.f_bavail * size, seen.f_files, seen.f_ffree)


def _mount(line: str) -> Mount:
    # 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    own, dash, other = line.partition(" - ")
    fields, rest = own.split(" "), other.split(" ")
    if not dash or len(fields) < 6 or len(rest) < 3:
        raise ObservationError(msg("The kernel's list of mounts cannot be read"))
    options = frozenset(f"{fields[5]},{rest[2]}".split(","))
    return Mount(fields[2], _plain(fields[3]), _plain(fields[4]), rest[0], options)


def _plain(text: str) -> str:
    """A path as the kernel writes it, with spaces and the like as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), text)
