"""Archives of pg_dump: a file (-Fc), a folder (-Fd), or a tar file (-Ft)."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.backups.facts import Contents, Form, ManifestFile
from tasks.backups.files.manifest import hashed_files, pieces
from tasks.backups.files.opened import opened
from tasks.backups.files.start import head_of
from tasks.backups.formats.interface import Copy, Decoded, Head, Known, Order, Tools, Workplace
from tasks.backups.formats.pg_dump import dump
from tasks.backups.formats.programs import newest
from tasks.backups.formats.reading import Reading
from tasks.backups.formats.rows import ends_with_its_rows, require_whole_tar, rows_missing
from tasks.backups.formats.server import EmptyDatabase, empty_database, not_restorable
from tasks.backups.formats.sql.internal_options import rejected
from tasks.backups.formats.sql.psql import key_of, restored_by_script
from tasks.backups.tool_words import require_good
from tasks.check_result import Message, msg
from tasks.postgres.installation import Installation
from tasks.processes import Child, Finished, feed, run
from tasks.progress import BACKUP, TABLES, tell

_LIST_BYTES = 256 * 1024 * 1024
_LISTED = re.compile(rb"^;\s+(dbname|Dumped from database version|Dumped by pg_dump version): (.*)$", re.MULTILINE)
_TABLE_DATA = re.compile(rb"^\d+; \d+ \d+ TABLE DATA ", re.MULTILINE)
_ENCODING = re.compile(rb"^SET client_encoding = '([^']+)';", re.MULTILINE)
_FINISHED = re.compile(rb"finished item \d+ TABLE DATA")
_ROWS = re.compile(r"\d+\.dat(\.\w+)?")
_STRICT = ("--exit-on-error", "--no-tablespaces", "--no-subscriptions", "--verbose")
_POLL_S = 0.2
_LOG_BYTES = 4 * 1024 * 1024
_OUTPUT_BYTES = 1024 * 1024
_CONTENTS = "toc.dat"


@dataclass(frozen=True, slots=True)
class Archive:
    """What pg_restore reads, with several workers where it is `parallel`; `options` make pg_dump write it."""

    form: Form
    endings: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    parallel: bool = True

    def read_head(self, plain: Path, at: Workplace) -> Head:
        """What the archive's table of contents states."""
        programs = newest(at.installations())
        listed = _asked(plain, programs, ["-l"], at)
        require_good(listed, _no_archive, program=programs.program("pg_restore"))
        found = _LISTED.findall(listed.stdout)
        lines = {key.decode(): value.decode("utf-8", "replace").strip() for key, value in found}
        versions = [_major(lines.get(f"Dumped {how} version", "")) for how in ("from database", "by pg_dump")]
        empty = _asked(plain, programs, ["-L", os.devnull, "-f", "-"], at)
        encoding = _ENCODING.search(empty.stdout)
        tables = len(_TABLE_DATA.findall(listed.stdout))
        return Head(lines.get("dbname", ""), max(versions), encoding[1].decode() if encoding else "", tables)

    def decode(self, plain: Path, head: Head, at: Workplace) -> Decoded:
        """Read everything that is in the archive once, and hash it on the way."""
        if self.form is Form.TAR:
            require_whole_tar(plain)
        read = _read_folder if plain.is_dir() else _read_file
        return Decoded(head, read(plain, newest(at.installations()), at), plain)

    def restore(self, decoded: Decoded, bytes: int, known: Known, at: Workplace) -> Copy:
        """Fill an empty database from the archive, at the first error no further."""
        database, roles_known = empty_database(decoded.head, bytes, known, at), known.roles is not None
        ended = _restored(decoded, database, at, jobs=at.jobs if self.parallel else 1)
        if rejected(ended.stderr):
            return _restored_as_script(decoded, database.another(decoded.head), at, roles_known=roles_known)
        require_good(
            ended, not_restorable, program=database.installation.program("pg_restore"), roles_known=roles_known
        )
        return database.as_copy()

    def take(self, order: Order, tools: Tools) -> tuple[Contents, str]:
        """Let pg_dump write it."""
        return dump(order, self.options, tools)


CUSTOM: Final = Archive(Form.CUSTOM, (".dump",), ("--format=custom",))
DIRECTORY: Final = Archive(Form.DIRECTORY, (".dir",), ("--format=directory", "--jobs=2"))
TAR: Final = Archive(Form.TAR, parallel=False)
"""Only read: it is larger than the others, and its rows have no checksum."""


def _asked(archive: Path, programs: Installation, options: list[str], at: Workplace) -> Finished:
    """What pg_restore says of an archive's table of contents: of a folder it is given no other file."""
    room = at.confinement.room("head")
    argv = [programs.program("pg_restore"), *options]
    started = room.options(*programs.folders)
    if archive.is_dir():
        shutil.copyfile(archive / _CONTENTS, room.path / _CONTENTS, follow_symlinks=False)
        at.confinement.give(room.path)
        return run(
            [*argv, str(room.inside)], deadline_s=at.deadline.require(), max_output_bytes=_LIST_BYTES, **started
        )  # fmt: skip
    with archive.open("rb") as file:
        return run(argv, deadline_s=at.deadline.require(), input=file, max_output_bytes=_LIST_BYTES, **started)


def _read_folder(archive: Path, programs: Installation, at: Workplace) -> tuple[ManifestFile, ...]:
    files = hashed_files(archive, at.deadline.progress(BACKUP))
    _require_ends(archive)
    shown = at.confinement.show(archive)
    argv = [programs.program("pg_restore"), "-f", os.devnull, str(shown.inside)]
    options = at.confinement.room("decode").options(*programs.folders, shown)
    read = run(argv, deadline_s=at.deadline.require(), max_output_bytes=_OUTPUT_BYTES, **options)
    require_good(read, _not_readable, program=argv[0])
    return files


def _read_file(archive: Path, programs: Installation, at: Workplace) -> tuple[ManifestFile, ...]:
    reading = Reading(archive)
    argv = [programs.program("pg_restore"), "-f", os.devnull]
    options = at.confinement.room("decode").options(*programs.folders)
    decoded = feed(argv, reading.pieces(), deadline_s=at.deadline.require(), **options)
    require_good(decoded, _not_readable, program=argv[0])
    return reading.files()


def _restored(decoded: Decoded, database: EmptyDatabase, at: Workplace, *, jobs: int) -> Finished:
    programs, shown = database.installation, at.confinement.show(decoded.place)
    argv = [programs.program("pg_restore"), *_STRICT]
    argv += [f"--jobs={jobs}", f"--dbname={database.dsn_inside}", str(shown.inside)]
    at.deadline.require()
    log, options = at.folder / "pg_restore.log", database.server.room.options(*programs.folders, shown)
    with Child(argv, log=log, **options) as child, log.open("rb") as written:
        done, rest, tables = 0, b"", decoded.head.tables
        while child.wait(_POLL_S) is None and not at.deadline.passed:
            *lines, rest = (rest + written.read()).split(b"\n")
            done += sum(1 for line in lines if _FINISHED.search(line))
            tell(TABLES, min(done, tables), tables)
        timed_out = child.returncode is None
        status = child.stop()
        # Once: its last workers may still be writing, and from a later end so much less would be read.
        written.seek(max(written.seek(0, os.SEEK_END) - _LOG_BYTES, 0))
        return Finished(status, b"", written.read(), timed_out, False, child.exceeded or database.server.exceeded)


def _restored_as_script(decoded: Decoded, database: EmptyDatabase, at: Workplace, *, roles_known: bool) -> Copy:
    """From the SQL that pg_restore makes of the archive, in which what no server takes can be left out."""
    script, programs, shown = at.folder / "archive.sql", database.installation, at.confinement.show(decoded.place)
    argv = [programs.program("pg_restore"), "--no-tablespaces", "--no-subscriptions", "-f", "-", str(shown.inside)]
    options = at.confinement.room("script").options(*programs.folders, shown)
    with script.open("wb") as into:
        written = feed(argv, (), deadline_s=at.deadline.require(), into=into, **options)
    require_good(written, _not_readable, program=argv[0])
    own_key = key_of(head_of(script))
    return restored_by_script(lambda: pieces(script), own_key, database, at, roles_known=roles_known)


def _require_ends(folder: Path) -> None:
    """Raise BadBackup for a file of rows that is cut short: pg_restore takes the whole rows before the cut for all."""
    for file in sorted(folder.iterdir()):
        found = _ROWS.fullmatch(file.name)
        if found is not None and not (_at_its_end(file) if found[1] is None else file.stat().st_size):
            raise rows_missing(file.name)


def _at_its_end(rows: Path) -> bool:
    with opened(rows) as file:
        return ends_with_its_rows(file, 0, rows.stat().st_size)


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def _no_archive(why: str) -> Message:
    return msg("The archive has no readable table of contents: {why}", why=why)


def _not_readable(why: str) -> Message:
    return msg("The archive cannot be read to the end: {why}", why=why)
