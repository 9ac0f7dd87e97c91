"""Where a backup is put: the pattern of the service file with the time in it, and the form that its ending names."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

from tasks.backups.facts import Form
from tasks.backups.targets import Target
from tasks.errors import UsageError
from tasks.observation import shown

PARTIAL = ".partial"
_MAGIC = re.compile(r"[*?\[]")
_TIME = "%Y%m%dT%H%M%SZ"
_A_TIME = r"\d{8}T\d{6}Z"
_ENDINGS = {
    True: {".sqlite": Form.SQLITE, ".sqlite3": Form.SQLITE, ".db": Form.SQLITE},
    False: {".dump": Form.CUSTOM, ".dir": Form.DIRECTORY, ".sql": Form.SQL, ".sql.gz": Form.SQL_GZ},
}
"""By whether the database is SQLite; the first is taken where a pattern ends with its `*`."""


class BackupRefused(UsageError):
    """A backup or a manifest was asked for that cannot be made so."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A backup that is to be made; `leftover` matches the names of what killed takes of its pattern left beside it."""

    path: Path
    form: Form
    leftover: re.Pattern[str]


def destination(target: Target, now: datetime) -> Destination:
    """Where a backup of this moment is put; raises BackupRefused for a pattern that does not say it."""
    _require_a_source(target)
    pattern = PurePath(target.pattern)
    if _MAGIC.search(str(pattern.parent)):
        raise _refused(target, "the folder of a backup that is taken is named without * ? [")
    if len(_MAGIC.findall(pattern.name)) != 1 or "*" not in pattern.name or pattern.name.startswith("."):
        raise _refused(target, "the name has one *, which becomes the time, no ? or [, and no dot at its beginning")
    endings = _ENDINGS[target.sqlite is not None]
    name = pattern.name + next(iter(endings)) if pattern.name.endswith("*") else pattern.name
    form = next((form for ending, form in endings.items() if name.endswith(ending)), None)
    if form is None:
        kind = "SQLite" if target.sqlite is not None else "PostgreSQL"
        raise _refused(target, f"a backup of {kind} ends with {', '.join(endings)} or with the * itself")
    before, _, after = name.partition("*")
    leftover = re.compile(re.escape(before) + _A_TIME + re.escape(after + PARTIAL))
    return Destination(target.folder / pattern.parent / f"{before}{now.astimezone(UTC):{_TIME}}{after}", form, leftover)


def left_out(target: Target) -> str:
    """Why a database is not among those that are backed up when none is named; empty if it is."""
    if not target.pattern:
        return "it has no pattern, only copy_command"
    if target.live is None:
        return "live is not set"
    return "encrypted = true" if target.backups.encrypted else ""


def _require_a_source(target: Target) -> None:
    if not target.pattern:
        raise BackupRefused(f"{target.name}: it has no pattern: whoever manages it takes its snapshots")
    if target.live is None:
        raise BackupRefused(f"{target.name}: live is not set: it is the address of the database to back up")
    if target.backups.encrypted:
        raise BackupRefused(
            f"{target.name}: encrypted = true, and this command writes in plain: encrypt a dump of your own, "
            "then run rounds backup manifest"
        )


def _refused(target: Target, rule: str) -> BackupRefused:
    example = f"backups/{target.name}-*{next(iter(_ENDINGS[target.sqlite is not None]))}"
    return BackupRefused(f"{target.name}: pattern {shown(target.pattern, 200)!r}: {rule}, such as {example}")
