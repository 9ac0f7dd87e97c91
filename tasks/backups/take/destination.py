"""Where a backup is put: the pattern of the service file with the time in it, and the format that its ending names."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

from tasks.backups.errors import BackupRefused
from tasks.backups.formats.interface import Takes
from tasks.backups.formats.recognise import OF_POSTGRES, OF_SQLITE
from tasks.backups.targets import Target
from tasks.observation import printable

PARTIAL = ".partial"
_MAGIC = re.compile(r"[*?\[]")
_TIME = "%Y%m%dT%H%M%SZ"
_A_TIME = r"\d{8}T\d{6}Z"


@dataclass(frozen=True, slots=True)
class Destination:
    """A backup that is to be made; `leftover` matches the names of what killed takes of its pattern left beside it."""

    path: Path
    format: Takes
    leftover: re.Pattern[str]


def destination(target: Target, now: datetime) -> Destination:
    """Where a backup taken now goes; raises BackupRefused for a pattern that does not define it."""
    _require_a_source(target)
    pattern = PurePath(target.pattern)
    if _MAGIC.search(str(pattern.parent)):
        raise _refused(target, "its folder must not contain * ? [")
    if len(_MAGIC.findall(pattern.name)) != 1 or "*" not in pattern.name or pattern.name.startswith("."):
        raise _refused(
            target, "its file name must have exactly one *, which becomes the time, no ? or [, and no leading dot"
        )
    endings = _endings(target)
    name = pattern.name + next(iter(endings)) if pattern.name.endswith("*") else pattern.name
    chosen = next((one for ending, one in endings.items() if name.endswith(ending)), None)
    if chosen is None:
        kind = "SQLite" if target.sqlite is not None else "PostgreSQL"
        raise _refused(target, f"{kind} backups must end with {', '.join(endings)} or with the * itself")
    before, _, after = name.partition("*")
    leftover = re.compile(re.escape(before) + _A_TIME + re.escape(after + PARTIAL))
    path = target.folder / pattern.parent / f"{before}{now.astimezone(UTC):{_TIME}}{after}"
    return Destination(path, chosen, leftover)


def _endings(target: Target) -> dict[str, Takes]:
    """The formats by their endings; the first is taken where a pattern ends with its `*`."""
    formats = OF_SQLITE if target.sqlite is not None else OF_POSTGRES
    return {ending: one for one in formats for ending in one.endings}


def left_out(target: Target) -> str:
    """Why a database is not among those that are backed up when none is named; empty if it is."""
    if not target.pattern:
        return "it has no pattern, only copy_command"
    if target.live is None:
        return "live is not set"
    return "encrypted = true" if target.backups.encrypted else ""


def _require_a_source(target: Target) -> None:
    if not target.pattern:
        raise BackupRefused(
            f"{target.name}: it has no pattern: the snapshots of a managed database are taken elsewhere"
        )
    if target.live is None:
        raise BackupRefused(f"{target.name}: live is not set: give the address of the database to back up")
    if target.backups.encrypted:
        raise BackupRefused(
            f"{target.name}: encrypted = true, but this command does not encrypt: encrypt a dump of your own, "
            "then run rounds backup manifest"
        )


def _refused(target: Target, rule: str) -> BackupRefused:
    example = f"backups/{target.name}-*{next(iter(_endings(target)))}"
    return BackupRefused(f"{target.name}: pattern {printable(target.pattern, 200)!r}: {rule}, such as {example}")
