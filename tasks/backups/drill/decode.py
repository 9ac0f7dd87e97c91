"""The steps that read all of a backup: can it be read, and is it the file that was written?"""

from dataclasses import replace
from pathlib import Path

from tasks.backups.drill.container import Opened
from tasks.backups.drill.steps import Given, checked
from tasks.backups.facts import Manifest, ManifestFile
from tasks.backups.files.as_written import compared
from tasks.backups.files.manifest import hashed_files
from tasks.backups.formats.interface import Decoded, Workplace
from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.observation import Unobserved
from tasks.progress import BACKUP


def decode(backup: Path, opened: Opened, at: Workplace) -> Given[Decoded]:
    """Read everything that is in it; its files are those of the backup as it is kept, decrypted or not."""
    decoded = opened.format.decode(opened.plain, opened.head, at)
    if opened.plain != backup:
        decoded = replace(decoded, files=_hashed(backup, at.deadline))
    return Given(decoded, msg("The whole backup could be read"))


def as_written(
    backup: Path, manifest: Manifest | Unobserved, decoded: Decoded | None, deadline: Deadline
) -> Given[tuple[ManifestFile, ...]]:
    """Compare its files with the manifest; they are known in any case."""
    files = _hashed(backup, deadline) if decoded is None else decoded.files
    return checked(files, lambda: compared(files, manifest))


def _hashed(backup: Path, deadline: Deadline) -> tuple[ManifestFile, ...]:
    return hashed_files(backup, deadline.progress(BACKUP))
