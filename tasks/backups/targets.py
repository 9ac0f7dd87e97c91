"""Whose backups are verified: the product's own history first, then the service's databases."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tasks.backups.checks import DRILL
from tasks.backups.settings import HISTORY, BackedUp, NotApplicable
from tasks.check_result import CheckResult, Status, msg, verbatim
from tasks.secrets import resolve
from tasks.settings import Settings

_SQLITE = "sqlite:///"
_NO_DATABASES = msg(
    "No database of the service is verified: list [[databases]], or set databases.not_applicable in [backups]"
)
NO_BACKUPS = msg("The service file has no [backups]")


@dataclass(frozen=True, slots=True)
class Target:
    """A database and its backups; `live` is its resolved address, a secret. `folder` is where relative paths start."""

    name: str
    backups: BackedUp
    folder: Path
    live: str | None = field(repr=False)

    @property
    def subject(self) -> str:
        """How results name it."""
        return subject_of(self.name)

    @property
    def pattern(self) -> str:
        """The glob of its backups; empty for a managed database."""
        return self.backups.pattern or ""

    @property
    def sqlite(self) -> Path | None:
        """The file, if the running database is SQLite."""
        if self.live is None or not self.live.startswith(_SQLITE):
            return None
        return self.folder / self.live.removeprefix(_SQLITE).split("?")[0]


def subject_of(name: str) -> str:
    """How results name a database."""
    return f"database:{name}"


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


def not_looked_at(settings: Settings, only: str, now: datetime) -> tuple[CheckResult, ...]:
    """What a look at all targets, or at `only` one of them, says nothing of: left out with a reason, or not known."""
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
        left_out += [(Status.UNKNOWN, subject_of(name), msg("Only {name} was asked for", name=only)) for name in others]
    return tuple(DRILL.judged(status, subject, reason, at=now) for status, subject, reason in left_out)


def _names(settings: Settings) -> tuple[str, ...]:
    return tuple(database.name for database in settings.databases)


def _plain(url: str) -> str:
    """An address without the driver that SQLAlchemy is told."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.split('+')[0]}://{rest}"
