"""What the verification of one database observes: its files, a drill or none, off-site copies, past drills."""

from dataclasses import replace
from datetime import datetime

from tasks.backups.drill.ladder import check_files, drill
from tasks.backups.drill.managed import drill_managed
from tasks.backups.facts import BackupObservation, Depth, OffsiteCopy
from tasks.backups.files.find import find_backups
from tasks.backups.files.offsite import list_offsite
from tasks.backups.settings import Offsite
from tasks.backups.store.drills import read_drills
from tasks.backups.targets import Target
from tasks.history.engine import History
from tasks.observation import Unobserved, seen_now
from tasks.secrets import resolve
from tasks.settings import Settings

MOST_PAST = 14


def observe_backups(
    target: Target, settings: Settings, history: History, depth: Depth, now: datetime, longest_s: float
) -> BackupObservation:
    """Observe a database's backups and run a drill of the newest one; raises HistoryError."""
    past = read_drills(history, settings.service.name, target.name, MOST_PAST)
    assert settings.backups is not None  # there would be no target
    observed = BackupObservation(target, depth, (), None, None, past)
    if target.backups.copy_command is not None:
        if depth == "files":
            return observed
        done = drill_managed(target, settings.backups, now, longest_s)
        snapshot = Unobserved(done.steps[0].reason) if done.backup is None else (done.backup,)
        return replace(observed, backups=snapshot, drill=done)
    found = seen_now(lambda: find_backups(target.folder, target.pattern))
    if not isinstance(found, Unobserved) and found:
        look = drill if depth == "full" else check_files
        observed = replace(observed, drill=look(target, found[0], settings.backups, now, longest_s))
    return replace(observed, backups=found, copies=_copies(settings, target))


def _copies(settings: Settings, target: Target) -> tuple[OffsiteCopy, ...] | Unobserved | None:
    offsite = target.backups.offsite
    if offsite is None:
        return None
    return seen_now(lambda: list_offsite(offsite, target.folder, *_keys(settings, target, offsite)))


def _keys(settings: Settings, target: Target, offsite: Offsite) -> tuple[str | None, str | None]:
    access, secret = (
        None if key is None else resolve(key, settings, f"offsite.{name} of the database {target.name}")
        for name, key in (("access_key", offsite.access_key), ("secret_key", offsite.secret_key))
    )
    return access, secret
