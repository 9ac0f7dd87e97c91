"""A database whose backups are verified."""

from dataclasses import dataclass, field
from pathlib import Path

from tasks.backups.settings import HISTORY, BackedUp, Invariant

CHAINS = Invariant(name="hash-chains", sql="-", max=0)
"""Of the history database: nothing was changed, removed or added by hand."""

_SQLITE = "sqlite:///"


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


def invariants_of(target: Target) -> tuple[Invariant, ...]:
    """The invariants that a restored database is checked for."""
    own = (CHAINS,) if target.name == HISTORY else ()
    return (*target.backups.invariants, *own)
