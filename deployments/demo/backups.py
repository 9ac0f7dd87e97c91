"""The demo's backups: those of today are real, those of the days before are the same files under other dates."""

import os
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from deployments.demo.faults import Fault
from tasks.backups.databases import targets_of
from tasks.backups.files.manifest import hashed_files, read_manifest, write_manifest
from tasks.backups.settings import HISTORY
from tasks.backups.take.take import take
from tasks.backups.targets import Target
from tasks.errors import ExplainedError
from tasks.observation import ObservationError
from tasks.postgres.installation import postgres_binaries
from tasks.processes import run
from tasks.settings import load_settings

_LONGEST_S = 120.0
_CUT_BYTES = 4096
_LEFT_OUT = "shopping.items"
_DAY = timedelta(days=1)


def bring_backups(file: Path, faults: Collection[Fault], now: datetime) -> None:
    """Take a backup of each of the demo's databases, in the place of those of earlier demos, and spoil what is planted.

    Raises ExplainedError.
    """
    settings = load_settings(file)
    for target in targets_of(settings):
        backup = _taken(target, now)
        _bring_days_before(target, backup)
        if target.name == HISTORY and Fault.TORN_BACKUP in faults:
            _tear(backup)
        if target.name != HISTORY and Fault.LOST_ROWS in faults:
            _leave_rows_out(target, backup)


def _taken(target: Target, now: datetime) -> Path:
    for old in (target.folder / target.pattern).parent.glob(Path(target.pattern).name + "*"):
        old.unlink()
    try:
        return take(target, now, (), _LONGEST_S)
    except ObservationError as error:
        raise ExplainedError(f"no backup of {target.name} could be taken: {error}") from None


def _bring_days_before(target: Target, backup: Path) -> None:
    manifest = read_manifest(backup)
    assert manifest is not None  # it was just taken
    for days in range(1, target.backups.keep_days + 1):
        at = manifest.started_at - days * _DAY
        older = backup.with_name(f"{backup.name.split('-20')[0]}-{at:%Y%m%dT%H%M%SZ}{backup.suffix}")
        os.link(backup, older)
        files = tuple(replace(one, path=older.name) for one in manifest.files)
        shifted = replace(manifest, started_at=at, finished_at=manifest.finished_at - days * _DAY, files=files)
        write_manifest(older, shifted)


def _tear(backup: Path) -> None:
    whole = backup.read_bytes()
    backup.unlink()  # the older ones are the same file
    backup.write_bytes(whole[:-_CUT_BYTES])


def _leave_rows_out(target: Target, backup: Path) -> None:
    """A dump as a forgotten option makes it: whole and readable, with a manifest, and without a table's rows."""
    manifest = read_manifest(backup)
    assert manifest is not None and target.live is not None  # it was just taken from there
    backup.unlink()
    pg_dump = str(postgres_binaries() / "pg_dump")
    argv = [pg_dump, "-Fc", f"--exclude-table-data={_LEFT_OUT}", "-f", str(backup), target.live]
    if run(argv, deadline_s=_LONGEST_S).returncode:
        raise ExplainedError("the demo's dump without a table's rows could not be made")
    write_manifest(backup, replace(manifest, files=hashed_files(backup)))
