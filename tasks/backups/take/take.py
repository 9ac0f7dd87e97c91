"""Takes a backup with its manifest: both are there whole, or neither is."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from tasks.backups.contents.wanted import MIXED, WHOLE
from tasks.backups.files.manifest import hashed_files, manifest_of, manifest_path, write_manifest
from tasks.backups.files.placing import not_written, refuse_existing
from tasks.backups.formats.interface import Order, Tools
from tasks.backups.take.destination import PARTIAL, Destination, destination
from tasks.backups.targets import Target
from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.files import sync, sync_tree
from tasks.observation import ObservationError, printable
from tasks.postgres.installation import installations
from tasks.progress import BACKUP, tell

_RULES = {"sampled": MIXED, "whole": WHOLE, "off": ""}
_LATE = msg("The backup was not finished in time: raise [backups] deadline_min")
_FORGOTTEN_S = 24 * 3600.0


def take(target: Target, now: datetime, configured: Sequence[Path], longest_s: float) -> Path:
    """Back up a database to its pattern, with a manifest of the same snapshot's contents; gives the path.

    `configured` are folders with PostgreSQL's programs. Raises BackupRefused for what the service file does not let
    be taken, ObservationError for what could not be.
    """
    to, began = destination(target, now), time.monotonic()
    try:
        with _partial(to, now) as folder:
            work = folder / to.path.name
            order = Order(target.name, _source(target), work, now, _RULES[target.backups.content])
            tools = Tools(lambda: installations(configured), Deadline.after(longest_s, _LATE))
            contents, tool = to.format.take(order, tools)
            files = hashed_files(work, lambda done, of: tell(BACKUP, done, of))
            finished_at = now + timedelta(seconds=time.monotonic() - began)
            write_manifest(work, manifest_of(target.name, files, tool, (now, finished_at), contents))
            _publish(work, to.path)
    except OSError as error:
        raise not_written(to.path, error) from None
    return to.path


def _source(target: Target) -> str:
    assert target.live is not None  # destination() asked
    return target.live if target.sqlite is None else str(target.sqlite)


@contextmanager
def _partial(to: Destination, now: datetime) -> Iterator[Path]:
    """A folder beside the backup for all that is not finished, and that no error leaves behind."""
    to.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear_leftovers(to, now)
    refuse_existing(to.path)
    folder = to.path.with_name(to.path.name + PARTIAL)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        raise ObservationError(
            msg("{file} is being written by another process", file=printable(str(to.path), 300))
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(work: Path, final: Path) -> None:
    sync_tree(work)
    refuse_existing(final)
    # The manifest first: killed in between, it leaves a manifest without a backup, which nobody takes for one. The
    # other way round it would leave a backup whose expected contents nobody knows.
    try:
        manifest_path(work).rename(manifest_path(final))
        sync(final.parent)
        work.rename(final)
    except BaseException:
        if not final.exists():
            manifest_path(final).unlink(missing_ok=True)
        raise
    sync(final.parent)


def _clear_leftovers(to: Destination, now: datetime) -> None:
    """Remove what takes of the same pattern left that were killed more than a day ago."""
    for folder in to.path.parent.iterdir():
        if not to.leftover.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
            continue
        with suppress(FileNotFoundError):  # another take clears them too
            newest_s = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
            if now.timestamp() - newest_s > _FORGOTTEN_S:
                final = folder.with_name(folder.name.removesuffix(PARTIAL))
                if not final.exists():
                    manifest_path(final).unlink(missing_ok=True)
                shutil.rmtree(folder, ignore_errors=True)
