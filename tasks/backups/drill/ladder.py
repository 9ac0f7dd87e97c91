"""A restore drill: the newest backup of a database goes through every step, in a private folder."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime

from tasks.backups.contents.live import read_live
from tasks.backups.drill.ask import ask
from tasks.backups.drill.container import Expected, Opened, open_backup, open_unless_encrypted
from tasks.backups.drill.decode import as_written, decode
from tasks.backups.drill.known import known_of
from tasks.backups.drill.restore import restore
from tasks.backups.drill.steps import DrillSteps, Given, title_of
from tasks.backups.drill.workplace import reading_place, workplace
from tasks.backups.facts import Backup, Drill, DrillStep, ManifestFile
from tasks.backups.files.as_written import recorded
from tasks.backups.files.encryption import appears_encrypted
from tasks.backups.formats.interface import Workplace
from tasks.backups.reasons import LATE, NO_LIVE
from tasks.backups.settings import Backups
from tasks.backups.targets import Target
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved, seen_now

_OF_FILES = (DrillStep.MANIFEST, DrillStep.CONTAINER)


def drill(target: Target, backup: Backup, backups: Backups, now: datetime, longest_s: float) -> Drill:
    """Restore a backup and read what came out; what is wrong with it is in the steps, and nothing is left behind."""
    deadline, steps = (
        Deadline.after(min(longest_s, backups.deadline_min * 60), LATE),
        DrillSteps(title_of(target.name, "full")),
    )
    manifest, live = recorded(backup), read_live(target, backup.at, backups.exact_rows, deadline)
    begun = Drill(backup=backup, form=None, steps=(), started_at=now, seconds=0, manifest=manifest, live=live)
    with ExitStack() as stack:
        at = seen_now(lambda: workplace(target, backups, deadline, stack))
        if isinstance(at, Unobserved):
            steps.run(DrillStep.CONTAINER, lambda: _refused(at))
            done = replace(begun, steps=steps.results)
        else:
            expected = Expected(target, known_of(target, live, manifest), manifest)
            done = _run_steps(begun, expected, backup, steps, replace(at, bytes_known=expected.known.bytes))
            done = replace(done, isolation=at.confined.isolation)
    return replace(done, seconds=steps.seconds)


def _run_steps(begun: Drill, expected: Expected, backup: Backup, steps: DrillSteps, at: Workplace) -> Drill:
    """The ladder."""
    target, known, manifest = expected.target, expected.known, expected.manifest
    encrypted = seen_now(lambda: appears_encrypted(backup.path))
    opened = steps.run(DrillStep.CONTAINER, lambda: open_backup(backup, encrypted, expected, at))
    decoded = steps.run(DrillStep.DECODE, lambda: decode(backup.path, opened, at)) if opened else None
    files = steps.run(DrillStep.MANIFEST, lambda: as_written(backup.path, manifest, decoded, at.deadline))
    restored = (
        steps.run(DrillStep.RESTORE, lambda: restore(backup, opened, decoded, known, at))
        if opened and decoded
        else None
    )
    asked = ask(restored.copy, target, at) if restored and restored.contents else None
    return replace(
        _of_files(begun, steps, opened, encrypted, files),
        server_version=restored.copy.version if restored else "",
        contents=restored.contents if restored else None,
        answers=asked.answers if asked else (),
        smoke=asked.smoke if asked else None,
        recovery_s=asked.recovery_s if asked else None,
    )


def check_files(target: Target, backup: Backup, backups: Backups, now: datetime, longest_s: float) -> Drill:
    """The steps that restore nothing: is it the file that was written, and of the form that it should be?"""
    deadline, steps = Deadline.after(longest_s, LATE), DrillSteps(title_of(target.name, "files"), _OF_FILES)
    manifest, live = recorded(backup), Unobserved(NO_LIVE)
    begun = Drill(backup=backup, form=None, steps=(), started_at=now, seconds=0, manifest=manifest, live=live)
    expected = Expected(target, known_of(target, live, manifest), manifest)
    encrypted = seen_now(lambda: appears_encrypted(backup.path))
    with ExitStack() as stack:
        at = seen_now(lambda: reading_place(target, backups, deadline, stack))
        if isinstance(at, Unobserved):
            opened = steps.run(DrillStep.CONTAINER, lambda: _refused(at))
        else:
            opened = steps.run(DrillStep.CONTAINER, lambda: open_unless_encrypted(backup, encrypted, expected, at))
            begun = replace(begun, isolation=at.confined.isolation)
    files = steps.run(DrillStep.MANIFEST, lambda: as_written(backup.path, manifest, None, deadline))
    return replace(_of_files(begun, steps, opened, encrypted, files), seconds=steps.seconds)


def _of_files(
    begun: Drill,
    steps: DrillSteps,
    opened: Opened | None,
    encrypted: bool | Unobserved,
    files: tuple[ManifestFile, ...] | None,
) -> Drill:
    """What is known of a backup without a copy of it."""
    return replace(
        begun,
        form=opened.format.form if opened else None,
        dump_encoding=opened.head.encoding if opened else "",
        encrypted=None if isinstance(encrypted, Unobserved) else encrypted,
        sha256=files[0].sha256 if files and len(files) == 1 else "",
        steps=steps.results,
    )


def _refused(workplace: Unobserved) -> Given[None]:
    raise ObservationError(workplace.reason)
