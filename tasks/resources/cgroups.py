"""The control group of this process, version 1, version 2 or both at once, read from files under a root folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.check_result import msg
from tasks.observation import Absent, ObservationError, Unobserved, printable
from tasks.resources.facts import MemoryLimit, OomKills
from tasks.resources.mounts import parse_mountinfo

_NO_LIMIT = 1 << 62
"""Version 1 writes "no limit" as the largest multiple of a page below 2^63."""

_NONE = msg("No CPU or memory limit applies to this process")


@dataclass(frozen=True, slots=True)
class Group:
    """A controller's folders from this process's own up to the mount; `version` 1 or 2."""

    version: int
    levels: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Throttling:
    """The tightest quota in processors, with the counters of the level that sets it."""

    cores: float
    periods: int
    throttled: int


def find_group(root: Path, controller: str) -> Group | None:
    """Where a controller accounts for this process; None where there is none.

    Raises ObservationError if what the kernel says of it cannot be read.
    """
    try:
        lines = _read(root / "proc/self/cgroup").splitlines()
        mounts = parse_mountinfo(_read(root / "proc/self/mountinfo"))
    except FileNotFoundError:
        return None
    paths = {
        controllers: path for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") > 1)
    }
    own = next((path for names, path in paths.items() if controller in names.split(",")), None)
    version = 1 if own is not None else 2
    own = own if own is not None else paths.get("")
    for mount in mounts:
        mounted = (
            mount.fstype == "cgroup" and controller in mount.options if version == 1 else mount.fstype == "cgroup2"
        )
        if own is not None and mounted:
            return Group(version, tuple(_levels(root / mount.mount_point.lstrip("/"), own, mount.root)))
    return None


def read_throttling(group: Group) -> Throttling | None:
    """The tightest CPU quota of all levels; None without one. Raises ObservationError on unreadable files."""
    found = [(quota, level) for level in group.levels if (quota := _quota(level, group.version)) is not None]
    if not found:
        return None
    cores, level = min(found, key=lambda pair: pair[0])
    stat = _pairs(_needed(level / "cpu.stat"), level / "cpu.stat")
    return Throttling(cores, _count(stat, "nr_periods", level), _count(stat, "nr_throttled", level))


def read_memory(group: Group) -> MemoryLimit | Absent | Unobserved:
    """The memory limit that is nearest to being reached, of all levels."""
    try:
        found = [limit for level in group.levels if (limit := _memory(level, group.version)) is not None]
    except ObservationError as error:
        return Unobserved(error.reason)
    return max(found, key=lambda limit: limit.used_percent) if found else Absent(_NONE)


def read_kills(group: Group, boot: str = "") -> OomKills | Absent | Unobserved:
    """Processes killed in this process's own group since it was made, in the machine's run `boot`."""
    own = group.levels[0]
    file = own / ("memory.events" if group.version == 2 else "memory.oom_control")
    try:
        total = _count(_pairs(_read(file), file), "oom_kill", own)
        # The kernel gives a group's number to no other one until the next start.
        return OomKills(total, counter=f"{boot}-{own.stat().st_ino}")
    except FileNotFoundError:
        return Absent(_NONE)
    except ObservationError as error:
        return Unobserved(error.reason)


def no_limit() -> Absent:
    """Says that nothing is limited."""
    return Absent(_NONE)


def _levels(mount: Path, own: str, mount_root: str) -> Iterator[Path]:
    """The group's folder and its parents up to the mount; in a container the mount may show the group itself."""
    shown_part = f"{mount_root.rstrip('/')}/"
    inside = f"{own}/".removeprefix(shown_part)
    folder = mount / inside.lstrip("/")
    if ".." in folder.parts or not folder.is_dir():
        folder = mount
    while folder != mount:
        yield folder
        folder = folder.parent
    yield mount


def _quota(level: Path, version: int) -> float | None:
    if version == 2:
        file = level / "cpu.max"
        if (text := _optional(file)) is None:
            return None
        parts = text.split()
        if len(parts) != 2:
            raise _garbage(file)
        return None if parts[0] == "max" else _positive(parts[0], file) / _positive(parts[1], file)
    file = level / "cpu.cfs_quota_us"
    if (text := _optional(file)) is None or text.strip() == "-1":
        return None
    period = level / "cpu.cfs_period_us"
    return _positive(text, file) / _positive(_needed(period), period)


def _memory(level: Path, version: int) -> MemoryLimit | None:
    limit_file, used_file, key = (
        ("memory.max", "memory.current", "inactive_file")
        if version == 2
        else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    )
    text = _optional(level / limit_file)
    if text is None or text.strip() == "max" or (limit := _positive(text, level / limit_file)) >= _NO_LIMIT:
        return None
    used = _number(_needed(level / used_file), level / used_file)
    inactive = _count(_pairs(_needed(level / "memory.stat"), level / "memory.stat"), key, level)
    # Both figures change while they are read.
    return MemoryLimit(limit, max(used - inactive, 0))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(file) from None
    except OSError as error:
        why = printable(error.strerror or type(error).__name__, 60)
        raise ObservationError(msg("{file} cannot be read: {why}", file=printable(str(file)), why=why)) from None


def _optional(file: Path) -> str | None:
    """None where the controller is not on at this level."""
    try:
        return _read(file)
    except FileNotFoundError:
        return None


def _needed(file: Path) -> str:
    try:
        return _read(file)
    except FileNotFoundError:
        raise ObservationError(msg("{file} is missing", file=printable(str(file)))) from None


def _number(text: str, file: Path) -> int:
    # isdecimal: int() would also take a sign, white space and underscores.
    if not (stripped := text.strip()).isascii() or not stripped.isdecimal():
        raise _garbage(file)
    return int(stripped)


def _positive(text: str, file: Path) -> int:
    if (number := _number(text, file)) == 0:
        raise _garbage(file)
    return number


def _pairs(text: str, file: Path) -> dict[str, int]:
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if any(len(line) != 2 for line in lines):
        raise _garbage(file)
    return {name: _number(value, file) for name, value in lines}


def _count(pairs: dict[str, int], key: str, level: Path) -> int:
    if key not in pairs:
        raise ObservationError(msg("{file} has no {key}", file=printable(str(level)), key=key))
    return pairs[key]


def _garbage(file: Path) -> ObservationError:
    return ObservationError(msg("{file} is not in the kernel's format", file=printable(str(file))))
