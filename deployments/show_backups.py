"""Which backups there are, on the terminal; file names are shown as text."""

from zoneinfo import ZoneInfo

from rich.filesize import decimal

from deployments.terminal import say
from tasks.backups.databases import targets_of
from tasks.backups.facts import Backup
from tasks.backups.files.find import find_backups
from tasks.backups.files.manifest import read_manifest
from tasks.backups.targets import Target
from tasks.history.settings import History
from tasks.observation import ObservationError, printable
from tasks.settings import Settings

_MOST = 20


def show_backups(settings: Settings) -> None:
    """The newest backups of every database; needs no address of one, and so no secret."""
    databases = tuple(database.model_copy(update={"live": None}) for database in settings.databases)
    for target in targets_of(settings.model_copy(update={"databases": databases, "history": History()})):
        say(f"{target.name}  {printable(target.pattern, 300) or 'by copy_command'}")
        if target.pattern:
            _show(target, settings.zone)


def _show(target: Target, zone: ZoneInfo) -> None:
    try:
        backups = find_backups(target.folder, target.pattern)
    except ObservationError as error:
        say(f"  {error}")
        return
    for backup in backups[:_MOST]:
        at = f"{backup.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        say(f"  {at}  {decimal(backup.bytes):>9}  manifest: {_manifest(backup)}  {printable(str(backup.path))}")
    if (more := len(backups) - _MOST) > 0:
        say(f"  and {more} older ones")
    if not backups:
        say("  no backups found")


def _manifest(backup: Backup) -> str:
    try:
        return "no" if read_manifest(backup.path) is None else "yes"
    except ObservationError as error:
        return f"unusable ({error})"
