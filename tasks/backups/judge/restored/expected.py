"""What a restored database is compared with, and how many names fit in a reason or a table of evidence."""

from collections.abc import Iterable, Sequence
from typing import Final

from tasks.backups.facts import Contents, Drill, Manifest, TableContents
from tasks.backups.reasons import NO_LIVE
from tasks.check_result import Message, Scalar, Table, msg
from tasks.observation import Unobserved, printable

BY_RECORD: Final = msg("the manifest of the backup")
BY_LIVE: Final = msg("the live database")

MOST_NAMES = 5
MOST_ROWS = 20
_MOST_CHARACTERS = 120

Cell = Scalar | Message


LARGE_OBJECTS: Final = "pg_largeobject"
"""What large objects are called beside tables."""


def every_table(contents: Contents) -> tuple[TableContents, ...]:
    """The tables, and the large objects as one more where they were read."""
    large = contents.large_objects
    return contents.tables if large is None else (*contents.tables, large)


def recorded(drill: Drill) -> Contents | None:
    """The database's contents in the manifest."""
    return drill.manifest.contents if isinstance(drill.manifest, Manifest) else None


def of_its_snapshot(drill: Drill) -> Contents | None:
    """The database's contents in the snapshot that was backed up."""
    return drill.manifest.contents if isinstance(drill.manifest, Manifest) and drill.manifest.exact else None


def running(drill: Drill) -> Contents | None:
    """The present contents of the live database."""
    return drill.live if isinstance(drill.live, Contents) else None


def nothing_to_compare(drill: Drill) -> tuple[Message, tuple[Table, ...]]:
    """Why there is nothing to compare a restored database with, of either kind."""
    missing = (
        drill.manifest.reason
        if isinstance(drill.manifest, Unobserved)
        else msg("The manifest records no database contents")
    )
    reason = drill.live.reason if isinstance(drill.live, Unobserved) else NO_LIVE
    rows = ((msg("Manifest"), missing), (msg("Live database"), reason))
    return reason, (Table(msg("Nothing to compare with"), (msg("Compared with"), msg("Why not compared")), rows),)


def brief(text: str) -> str:
    """A name or definition from a database, short enough for a sentence."""
    return printable(text, _MOST_CHARACTERS)


def named(names: Sequence[str]) -> str:
    """The first of many names, and the number of the others."""
    more = len(names) - MOST_NAMES
    return ", ".join(brief(name) for name in names[:MOST_NAMES]) + (f", … (+{more})" if more > 0 else "")


def bounded(title: Message, columns: Sequence[Message], rows: Iterable[Sequence[Cell]]) -> Table:
    """A table of the first rows, with the number of the others."""
    everything = [tuple(row) for row in rows]
    kept = everything[:MOST_ROWS]
    if more := len(everything) - len(kept):
        kept.append((msg("{n} more", n=more), *[""] * (len(columns) - 1)))
    return Table(title, tuple(columns), tuple(kept))
