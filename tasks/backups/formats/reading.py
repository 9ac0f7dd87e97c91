"""One pass over the bytes of a backup's file."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tasks.backups.facts import ManifestFile
from tasks.backups.files.manifest import name_of, pieces
from tasks.progress import BACKUP, tell


class Reading:
    """One pass over a file's bytes, hashed on their way."""

    def __init__(self, file: Path) -> None:
        self._file, self._digest, self.bytes = file, hashlib.sha256(), 0

    def pieces(self) -> Iterator[bytes]:
        """The bytes, reporting progress; raises OSError."""
        total = self._file.stat().st_size
        for piece in pieces(self._file):
            self._digest.update(piece)
            self.bytes += len(piece)
            tell(BACKUP, min(self.bytes, total), total)
            yield piece

    def files(self) -> tuple[ManifestFile, ...]:
        """The file as it was read."""
        return (ManifestFile(name_of(self._file, self._file), self.bytes, self._digest.hexdigest()),)
