"""Whether a backup's files are those that its manifest was written for."""

from collections.abc import Sequence

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Backup, Manifest, ManifestFile
from tasks.backups.files.manifest import read_manifest
from tasks.check_result import Message, msg
from tasks.observation import ObservationError, Unobserved, printable

NO_MANIFEST = msg(
    "There is no manifest, so changes to the backup may go unnoticed: take backups with rounds backup take, "
    "or run rounds backup manifest after your own tool"
)


def recorded(backup: Backup) -> Manifest | Unobserved:
    """What was recorded beside a backup, or why that is not known."""
    try:
        return read_manifest(backup.path) or Unobserved(NO_MANIFEST)
    except ObservationError as error:
        return Unobserved(error.reason)


def compared(files: Sequence[ManifestFile], manifest: Manifest | Unobserved) -> Message:
    """Compare the files that were read with the manifest; raises BadBackup, ObservationError without a manifest."""
    if isinstance(manifest, Unobserved):
        raise ObservationError(manifest.reason)
    there, recorded = {file.path: file for file in files}, {file.path: file for file in manifest.files}
    for path, file in recorded.items():
        name = printable(path, 120)
        if path not in there:
            raise BadBackup(msg("{file} is in the manifest but missing from the backup", file=name))
        if there[path].bytes != file.bytes:
            raise BadBackup(msg("{file} has {bytes} bytes, but the manifest records {recorded}",
                                file=name, bytes=there[path].bytes, recorded=file.bytes))  # fmt: skip
        if there[path].sha256 != file.sha256:
            raise BadBackup(msg("{file} has changed: its SHA-256 differs from the manifest", file=name))
    if added := sorted(set(there) - set(recorded)):
        raise BadBackup(msg("{file} is not in the manifest", file=printable(added[0], 120)))
    return msg("Files that match the manifest: {n}", n=len(recorded))
