"""A restore drill: the newest backup of a database climbs the ladder, alone in a folder that is removed afterwards."""

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tasks.backups.contents.live import read_live
from tasks.backups.contents.sqlite import read_sqlite_contents
from tasks.backups.drill.ask import answers_of, smoke_of
from tasks.backups.drill.folder import drill_folder
from tasks.backups.drill.steps import DrillSteps, StepSkipped
from tasks.backups.errors import BadBackup
from tasks.backups.facts import Backup, Contents, Drill, DrillStep, Form, Manifest, ManifestFile, Outcome
from tasks.backups.files.as_written import compared, recorded
from tasks.backups.files.decrypt import decrypted, looks_encrypted
from tasks.backups.files.manifest import hashed_files
from tasks.backups.formats import server as restore_postgres
from tasks.backups.formats import sqlite as restore_sqlite
from tasks.backups.formats.interface import Head
from tasks.backups.formats.recognise import form_of
from tasks.backups.formats.server import Copy
from tasks.backups.reasons import LATE, NO_LIVE
from tasks.backups.settings import Backups
from tasks.backups.targets import Target
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved, shown
from tasks.postgres.installation import installations
from tasks.progress import BACKUP, TABLES, tell


def drill(target: Target, backup: Backup, backups: Backups, now: datetime, longest_s: float) -> Drill:
    """Restore a backup and read what came out; what is wrong with it is in the steps, and nothing is left behind."""
    return _Drill(target, backup, backups, Deadline.after(min(longest_s, backups.deadline_min * 60), LATE), now).run()


def look_at_files(target: Target, backup: Backup, backups: Backups, now: datetime, longest_s: float) -> Drill:
    """The steps that restore nothing: is it the file that was written, and of the form that it should be?"""
    return _Drill(target, backup, backups, Deadline.after(longest_s, LATE), now, restores=False).files()


def drill_root(backups: Backups, folder: Path) -> Path:
    """Where drills keep their data; a relative folder starts from the service file's."""
    return Path(tempfile.gettempdir()) if backups.folder is None else folder / backups.folder


@dataclass
class _Found:
    """What the climb has brought so far."""

    form: Form | None = None
    head: Head | None = None
    files: tuple[ManifestFile, ...] = ()
    encrypted: bool | None = None
    contents: Contents | None = None
    prepared_s: float = 0.0
    recovery_s: float | None = None
    server_version: str = ""


class _Drill:
    def __init__(
        self, target: Target, backup: Backup, backups: Backups, deadline: Deadline, now: datetime, restores: bool = True
    ) -> None:
        self._target, self._backup, self._backups, self._deadline = target, backup, backups, deadline
        self._now, self._began, self._climb, self._found = now, time.monotonic(), DrillSteps(target.name), _Found()
        self._manifest = recorded(backup)
        unread = Unobserved(NO_LIVE)
        self._live = read_live(target, backup.at, backups.exact_rows, deadline) if restores else unread
        self._done = Drill(
            backup=backup, form=None, steps=(), started_at=now, seconds=0, manifest=self._manifest, live=self._live
        )

    def run(self) -> Drill:
        root = drill_root(self._backups, self._target.folder)
        with ExitStack() as held:
            try:
                folder = held.enter_context(drill_folder(root, self._deadline))
            except ObservationError as error:
                reason = error.reason
                self._climb.take(DrillStep.CONTAINER, lambda: _cannot(reason))
                return self._closed()
            self._up(folder, held)
        return self._closed()

    def files(self) -> Drill:
        self._climb.take(DrillStep.CONTAINER, self._outside)
        self._climb.take(DrillStep.MANIFEST, self._as_written)
        taken = (DrillStep.MANIFEST, DrillStep.CONTAINER)
        closed = self._closed()
        return replace(closed, steps=tuple(step for step in closed.steps if step.step in taken))

    def _outside(self) -> tuple[None, Message]:
        self._found.encrypted = looks_encrypted(self._backup.path)
        if self._found.encrypted:
            raise StepSkipped(msg("It is encrypted: only a drill looks into it"))
        return None, self._named(self._backup.path)

    def _up(self, folder: Path, held: ExitStack) -> None:
        climb, found = self._climb, self._found
        plain = climb.take(DrillStep.CONTAINER, lambda: self._recognised(folder))
        if plain is not None:
            climb.take(DrillStep.DECODE, lambda: self._decoded(plain, folder))
        climb.take(DrillStep.MANIFEST, self._as_written)
        if plain is None:
            return
        began = time.monotonic()
        copy = climb.take(DrillStep.RESTORE, lambda: self._restored(plain, folder, held))
        if copy is None:
            return
        found.recovery_s = round(found.prepared_s + time.monotonic() - began, 3)
        if copy.unchecked is not None:
            climb.spoil(DrillStep.RESTORE, Outcome.UNCHECKED, copy.unchecked)
        self._look_at(copy)

    def _recognised(self, folder: Path) -> tuple[Path, Message]:
        path, found = self._backup.path, self._found
        found.encrypted = looks_encrypted(path)
        if found.encrypted:
            began = time.monotonic()
            path = decrypted(path, self._target, folder, self._deadline, self._backups.disk_factor)
            found.prepared_s = time.monotonic() - began
        return path, self._named(path)

    def _named(self, path: Path) -> Message:
        """The form of a plain backup, once its head is of the right database."""
        found = self._found
        found.form = form_of(path)
        wanted = self._expected_database()
        if found.form is Form.SQLITE:
            if (fault := restore_sqlite.check_sqlite_file(path)) is not None:
                raise BadBackup(fault)
            found.head = Head("", 0)
        else:
            found.head = restore_postgres.read_head(path, found.form, self._installations(), self._deadline)
        if found.head.database and wanted and found.head.database != wanted:
            names = {"found": shown(found.head.database, 80), "expected": shown(wanted, 80)}
            raise BadBackup(msg("It is a dump of the database {found}, not of {expected}", **names))
        if isinstance(self._manifest, Manifest) and self._manifest.database != self._target.name:
            names = {"found": shown(self._manifest.database, 80), "expected": self._target.name}
            raise BadBackup(msg("Its manifest was written for the backups of {found}, not of {expected}", **names))
        return msg("{form}", form=found.form.value)

    def _decoded(self, plain: Path, folder: Path) -> tuple[None, Message]:
        found = self._found
        assert found.form is not None and found.head is not None  # the step before gave them
        if found.form is Form.SQLITE:
            found.files = self._hashed()
            if (fault := restore_sqlite.integrity_of(plain, self._deadline.require())) is not None:
                raise BadBackup(fault)
        else:
            began = time.monotonic()
            found.files, found.head = restore_postgres.decode(
                plain, found.form, found.head, self._installations(), folder, self._deadline
            )
            if found.form is Form.BASE_TAR:  # unpacked here, as a recovery has to
                found.prepared_s += time.monotonic() - began
            if found.encrypted:
                found.files = self._hashed()
        return None, msg("Everything in it could be read")

    def _as_written(self) -> tuple[None, Message]:
        self._found.files = self._found.files or self._hashed()
        return compared(self._found.files, self._manifest)

    def _restored(self, plain: Path, folder: Path, held: ExitStack) -> tuple[Copy, Message]:
        found = self._found
        assert found.form is not None and found.head is not None  # the step before gave them
        if found.form is Form.SQLITE:
            file = folder / "copy.db"
            restore_sqlite.restore_sqlite(plain, file, self._deadline.require(), lambda d, of: tell(BACKUP, d, of))
            return Copy("", file, "", f"sqlite:///{file.absolute()}"), msg("Restored as an SQLite file")
        copy = restore_postgres.restore(
            plain, found.form, found.head, self._installations(), folder, held, self._deadline,
            jobs=self._backups.jobs, disk_factor=self._backups.disk_factor, bytes=self._backup.bytes,
            known_contents=self._known_roles(), expected=self._expected_database(),
        )  # fmt: skip
        found.server_version = copy.version
        return copy, msg("Restored by PostgreSQL {version}", version=copy.version)

    def _look_at(self, copy: Copy) -> None:
        found, climb, target = self._found, self._climb, self._target
        try:
            found.contents = self._contents(copy)
        except (BadBackup, ObservationError) as error:
            outcome = Outcome.FAILED if isinstance(error, BadBackup) else Outcome.ERROR
            climb.spoil(DrillStep.RESTORE, outcome, error.reason)
            found.recovery_s = None
            return
        answers = answers_of(copy, target, self._deadline)  # before the service, which may write
        smoke = smoke_of(copy, target.backups, target.folder, self._deadline)
        if smoke is not None and not isinstance(smoke, Unobserved) and found.recovery_s is not None:
            found.recovery_s = round(found.recovery_s + smoke.seconds, 3)
        self._done = replace(self._done, answers=answers, smoke=smoke)

    def _contents(self, copy: Copy) -> Contents:
        assert self._found.form is not None  # there is a copy
        recorded = self._manifest.contents if isinstance(self._manifest, Manifest) else None
        rule = recorded.content_rule if recorded is not None else ""
        database = self._expected_database() or (self._found.head.database if self._found.head else "")
        if copy.file is not None:
            return read_sqlite_contents(
                copy.file, self._backup.at, rule, True, lambda d, of: tell(TABLES, d, of),
                database=database or self._target.name, deadline_s=self._deadline.require(),
            )  # fmt: skip
        contents = restore_postgres.read_copy(
            copy.dsn, self._backup.at, rule, self._found.form.physical, self._backups.jobs, self._deadline
        )
        return replace(contents, database=database or contents.database)

    def _expected_database(self) -> str:
        """The name of the running database; the recorded one where that cannot be asked."""
        known = self._known()
        return "" if known is None or self._target.sqlite is not None else known.database

    def _known(self) -> Contents | None:
        if isinstance(self._live, Contents):
            return self._live
        return self._manifest.contents if isinstance(self._manifest, Manifest) else None

    def _known_roles(self) -> Contents | None:
        """The same with the roles of the running database and of the time of the backup."""
        known = self._known()
        recorded = self._manifest.contents if isinstance(self._manifest, Manifest) else None
        if known is None or recorded is None:
            return known
        return replace(known, roles=tuple(sorted({*known.roles, *recorded.roles})))

    def _hashed(self) -> tuple[ManifestFile, ...]:
        return hashed_files(self._backup.path, self._deadline.progress(BACKUP))

    def _installations(self) -> restore_postgres.Known:
        return installations(tuple(self._target.folder / place for place in self._backups.postgres))

    def _closed(self) -> Drill:
        found = self._found
        sha256 = found.files[0].sha256 if len(found.files) == 1 else ""
        return replace(
            self._done,
            form=found.form,
            steps=self._climb.steps,
            seconds=round(time.monotonic() - self._began, 3),
            sha256=sha256,
            contents=found.contents,
            recovery_s=found.recovery_s,
            server_version=found.server_version,
            encrypted=found.encrypted,
            dump_encoding=found.head.encoding if found.head else "",
        )


def _cannot(reason: Message) -> tuple[None, Message]:
    raise ObservationError(reason)
