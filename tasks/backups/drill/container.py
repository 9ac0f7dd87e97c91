"""The step that opens a backup: its format, and whether it is one of the right database."""

import time
from dataclasses import dataclass
from pathlib import Path

from tasks.backups.drill.decrypt import decrypted
from tasks.backups.drill.steps import Given, StepSkipped, Trouble, checked, tried
from tasks.backups.errors import BadBackup
from tasks.backups.facts import Backup, Manifest
from tasks.backups.formats.interface import Format, Head, Known, Workplace
from tasks.backups.formats.recognise import format_of
from tasks.backups.targets import Target
from tasks.check_result import Message, msg
from tasks.observation import ObservationError, Unobserved, printable


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup in plain whose format is known; `prepared_s` is what decrypting it took."""

    format: Format
    plain: Path
    head: Head
    prepared_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What a backup has to be one of."""

    target: Target
    known: Known
    manifest: Manifest | Unobserved


def open_backup(
    backup: Backup, encrypted: bool | Unobserved, expected: Expected, at: Workplace
) -> Given[Opened]:  # fmt: skip
    """Decrypt it if it is encrypted, and recognise it."""
    if not _is(encrypted):
        return open_plain(backup.path, expected, at)
    began = time.monotonic()
    plain = decrypted(backup.path, expected.target, at)
    return open_plain(plain, expected, at, time.monotonic() - began)


def open_unless_encrypted(
    backup: Backup, encrypted: bool | Unobserved, expected: Expected, at: Workplace
) -> Given[Opened]:  # fmt: skip
    """The same without a restore drill: an encrypted backup is skipped."""
    if _is(encrypted):
        raise StepSkipped(msg("The backup is encrypted: only a restore drill reads its contents"))
    return open_plain(backup.path, expected, at)


def open_plain(plain: Path, expected: Expected, at: Workplace, prepared_s: float = 0.0) -> Given[Opened]:
    """Recognise a backup; what it is stays known where it turns out to be another database's."""
    found = format_of(plain)
    head = tried(lambda: found.read_head(plain, at))
    if isinstance(head, Trouble):
        return Given(Opened(found, plain, Head(), prepared_s), head.reason, head.outcome)
    return checked(Opened(found, plain, head, prepared_s), lambda: _require_own(found, head, expected))


def _is(encrypted: bool | Unobserved) -> bool:
    if isinstance(encrypted, Unobserved):
        raise ObservationError(encrypted.reason)
    return encrypted


def _require_own(found: Format, head: Head, expected: Expected) -> Message:
    database, manifest, name = expected.known.database, expected.manifest, expected.target.name
    if head.database and database and head.database != database:
        names = {"found": printable(head.database, 80), "expected": printable(database, 80)}
        raise BadBackup(msg("This is a dump of database {found}, not of {expected}", **names))
    if isinstance(manifest, Manifest) and manifest.database != name:
        names = {"found": printable(manifest.database, 80), "expected": name}
        raise BadBackup(msg("The manifest belongs to a backup of {found}, not of {expected}", **names))
    return msg("{form}", form=found.form.value)
