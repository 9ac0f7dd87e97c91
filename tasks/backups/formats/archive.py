"""Archives of pg_dump, a file (-Fc) or a folder (-Fd): what is in them, whether all of it can be read, restoring."""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Form, ManifestFile
from tasks.backups.files.manifest import hashed_files, name_of, pieces
from tasks.backups.formats.interface import Head
from tasks.backups.tool_words import require_good
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.postgres.cluster import environment
from tasks.postgres.installation import Installation
from tasks.processes import Child, Finished, feed, run
from tasks.progress import BACKUP, TABLES, tell

_LIST_BYTES = 256 * 1024 * 1024
_LISTED = re.compile(rb"^;\s+(dbname|Dumped from database version|Dumped by pg_dump version): (.*)$", re.MULTILINE)
_TABLE_DATA = re.compile(rb"^\d+; \d+ \d+ TABLE DATA ", re.MULTILINE)
_ENCODING = re.compile(rb"^SET client_encoding = '([^']+)';", re.MULTILINE)
_FINISHED = re.compile(rb"finished item \d+ TABLE DATA")
_ROWS = re.compile(r"\d+\.dat(\.\w+)?")
_ROWS_END, _INSERTS, _INSERTS_END = b"\\.\n\n\n", b"INSERT INTO ", b"\n\n"
_POLL_S = 0.2
_LOG_BYTES = 4 * 1024 * 1024


def read_head(archive: Path, installation: Installation, deadline: Deadline) -> Head:
    """What the archive's table of contents says; raises BadBackup or ObservationError."""
    listed = _pg_restore(installation, ["-l", str(archive)], deadline, _LIST_BYTES)
    require_good(listed, _no_archive)
    said = {key.decode(): value.decode("utf-8", "replace").strip() for key, value in _LISTED.findall(listed.stdout)}
    versions = [_major(said.get(f"Dumped {how} version", "")) for how in ("from database", "by pg_dump")]
    empty = _pg_restore(installation, ["-L", os.devnull, "-f", "-", str(archive)], deadline, _LIST_BYTES)
    encoding = _ENCODING.search(empty.stdout)
    tables = len(_TABLE_DATA.findall(listed.stdout))
    return Head(said.get("dbname", ""), max(versions), encoding[1].decode() if encoding else "", tables)


def decode(archive: Path, form: Form, installation: Installation, deadline: Deadline) -> tuple[ManifestFile, ...]:
    """Read everything that is in the archive once, and give the hashes of its files.

    Raises BadBackup or ObservationError, and OSError.
    """
    if form is Form.DIRECTORY:
        files = hashed_files(archive, deadline.progress(BACKUP))
        _require_ends(archive)
        require_good(_pg_restore(installation, ["-f", os.devnull, str(archive)], deadline), _not_readable)
        return files
    reading = Reading(archive)
    argv = [installation.program("pg_restore"), "-f", os.devnull]
    decoded = feed(argv, reading.pieces(), deadline_s=deadline.require(), env=environment())
    require_good(decoded, _not_readable)
    return reading.files()


class Reading:
    """One pass over a file's bytes, hashed on their way."""

    def __init__(self, file: Path) -> None:
        self._file, self._digest, self.bytes = file, hashlib.sha256(), 0

    def pieces(self) -> Iterator[bytes]:
        """The bytes, with the progress told; raises OSError."""
        total = self._file.stat().st_size
        for piece in pieces(self._file):
            self._digest.update(piece)
            self.bytes += len(piece)
            tell(BACKUP, min(self.bytes, total), total)
            yield piece

    def files(self) -> tuple[ManifestFile, ...]:
        """The file as it was read."""
        return (ManifestFile(name_of(self._file, self._file), self.bytes, self._digest.hexdigest()),)


def restore(
    archive: Path, head: Head, installation: Installation, dsn: str, jobs: int, log: Path, deadline: Deadline,
    *, roles_known: bool,
) -> None:  # fmt: skip
    """Fill an empty database from the archive, at the first error no further; raises BadBackup or ObservationError."""
    argv = [
        installation.program("pg_restore"),
        "--exit-on-error",
        "--no-tablespaces",
        "--no-subscriptions",
        "--verbose",
    ]
    argv += [f"--jobs={jobs}", f"--dbname={dsn}", str(archive)]
    until = time.monotonic() + deadline.require()
    with Child(argv, log=log, env=environment()) as child, log.open("rb") as written:
        done, rest = 0, b""
        while child.wait(_POLL_S) is None and time.monotonic() < until:
            *lines, rest = (rest + written.read()).split(b"\n")
            done += sum(1 for line in lines if _FINISHED.search(line))
            tell(TABLES, min(done, head.tables), head.tables)
        timed_out = child.returncode is None
        status = child.stop()
        written.seek(-min(_LOG_BYTES, log.stat().st_size), os.SEEK_END)
        said = written.read()
    require_good(Finished(status, b"", said, timed_out, False), _not_restorable, roles_known=roles_known)


def _require_ends(folder: Path) -> None:
    """Raise BadBackup for a file of rows that is cut short: pg_restore takes the whole rows before the cut for all."""
    for file in sorted(folder.iterdir()):
        found = _ROWS.fullmatch(file.name)
        if found is not None and not (_at_its_end(file) if found[1] is None else file.stat().st_size):
            raise BadBackup(msg("{file} ends too early: rows are missing in it", file=file.name))


def _at_its_end(rows: Path) -> bool:
    with rows.open("rb") as file:
        start = file.read(len(_INSERTS))
        file.seek(-min(rows.stat().st_size, len(_ROWS_END)), os.SEEK_END)
        end = file.read()
    return end == _ROWS_END or (start in (_INSERTS, _INSERTS_END) and end.endswith(_INSERTS_END))


def _pg_restore(
    installation: Installation, arguments: list[str], deadline: Deadline, most_bytes: int = 1024 * 1024
) -> Finished:
    argv = [installation.program("pg_restore"), *arguments]
    return run(argv, deadline_s=deadline.require(), env=environment(), max_output_bytes=most_bytes)


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def _no_archive(why: str) -> Message:
    return msg("The archive has no readable table of contents: {why}", why=why)


def _not_readable(why: str) -> Message:
    return msg("The archive cannot be read to its end: {why}", why=why)


def _not_restorable(why: str) -> Message:
    return msg("No database can be made from it: {why}", why=why)
