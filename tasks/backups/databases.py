"""Whose backups are verified: the product's own history first, then the service's databases."""

from datetime import datetime

from tasks.backups.checks import DRILL
from tasks.backups.settings import HISTORY, NotApplicable
from tasks.backups.targets import Target, subject_of
from tasks.check_result import CheckResult, Status, msg, verbatim
from tasks.secrets import resolve
from tasks.settings import Settings

NO_BACKUPS = msg("The service file has no [backups]")
_NO_DATABASES = msg(
    "No database of the service is verified: add [[databases]], or set databases.not_applicable in [backups]"
)


def targets_of(settings: Settings) -> tuple[Target, ...]:
    """Every database whose backups are verified; raises ConfigurationError for a secret that cannot be had."""
    backups, folder = settings.backups, settings.path.parent
    if backups is None:
        return ()
    found = []
    if not isinstance(backups.history, NotApplicable):
        url = resolve(settings.history.url, settings, "history.url")
        pattern = backups.history.pattern or f"backups/{settings.service.name}-history-*"
        found.append(Target(HISTORY, backups.history.model_copy(update={"pattern": pattern}), folder, _plain(url)))
    for number, database in enumerate(settings.databases):
        live = None if database.live is None else resolve(database.live, settings, f"databases.{number}.live")
        found.append(Target(database.name, database, folder, live))
    return tuple(found)


def unverified_databases(settings: Settings, only: str, now: datetime) -> tuple[CheckResult, ...]:
    """Results for the databases that are not verified: SKIPPED with a reason, or UNKNOWN."""
    backups, left_out = settings.backups, []
    if backups is None:
        return ()
    if isinstance(backups.history, NotApplicable):
        left_out.append((Status.SKIPPED, subject_of(HISTORY), verbatim(backups.history.not_applicable)))
    if backups.databases is not None:
        left_out.append((Status.SKIPPED, "service", verbatim(backups.databases.not_applicable)))
    elif not settings.databases:
        left_out.append((Status.UNKNOWN, "service", _NO_DATABASES))
    if only:
        names = (*(() if left_out and left_out[0][1] == subject_of(HISTORY) else (HISTORY,)), *_names(settings))
        others = (name for name in names if name != only)
        left_out += [(Status.UNKNOWN, subject_of(name), msg("Only {name} was requested", name=only)) for name in others]
    return tuple(DRILL.judged(status, subject, reason, at=now) for status, subject, reason in left_out)


def _names(settings: Settings) -> tuple[str, ...]:
    return tuple(database.name for database in settings.databases)


def _plain(url: str) -> str:
    """An address without SQLAlchemy's driver name."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.split('+')[0]}://{rest}"
