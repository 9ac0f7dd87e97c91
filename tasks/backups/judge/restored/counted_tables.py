"""Every table of a restored database on every side, with what is known of its rows at the time of the backup."""

from collections.abc import Mapping, Sequence

from tasks.backups.facts import Contents, Drill, DrillVerdict, PastDrill, TableContents
from tasks.backups.judge.restored.counted import Counted
from tasks.backups.judge.restored.expected import LARGE_OBJECTS, every_table, of_its_snapshot, recorded, running
from tasks.backups.judge.restored.renamed import renamed_since


def counted_tables(drill: Drill, copy: Contents, past: Sequence[PastDrill]) -> list[Counted] | None:
    """Every table that must be there, and the large objects; None without anything to compare them with."""
    snapshot, today = of_its_snapshot(drill), running(drill)
    expected = snapshot or today or recorded(drill)
    if expected is None:
        return None
    restored, before, now = (_by_name(contents) for contents in (copy, recorded(drill), today))
    history, numbers = _history(drill, past), _numbers(copy, today)
    renamed = {} if snapshot else renamed_since(copy, today)
    return [
        Counted(
            name,
            restored.get(name) or restored.get(renamed.get(name, "")),
            before.get(name),
            now.get(name),
            snapshot is not None,
            tuple(rows[name] for rows in history if name in rows),
            numbers.get(name),
            name in renamed,
        )
        for name in _by_name(expected)
        if name in restored or name != LARGE_OBJECTS
    ]


def made_since(drill: Drill, copy: Contents) -> set[str]:
    """What the live database has defined or changed since the backup: tables that are not in the copy and have no row
    from before it, or had another name, with their sequences, and what its transactions show.
    """
    today, restored = running(drill), {table.name for table in copy.tables}
    if today is None:
        return set()
    new = {one.name for one in today.tables if one.name not in restored and one.rows <= (one.since or 0)}
    new |= renamed_since(copy, today).keys()
    sequences = {one.name for one in today.sequences if one.column.rpartition(".")[0] in new}
    return new | sequences | set(today.young)


def _by_name(contents: Contents | None) -> dict[str, TableContents]:
    return {table.name: table for table in every_table(contents)} if contents else {}


def _history(drill: Drill, past: Sequence[PastDrill]) -> list[Mapping[str, int]]:
    """The rows of each table in earlier drills of other backups, newest first."""
    own = drill.backup.at if drill.backup else None
    earlier = [one for one in past if one.rows and one.verdict is DrillVerdict.PASSED and one.backup_at != own]
    return [one.rows for one in sorted(earlier, key=lambda one: one.at, reverse=True)]


def _numbers(copy: Contents, today: Contents | None) -> dict[str, int]:
    """How many numbers a table's sequence has given since the backup, where all of its numbers are the sequence's."""
    if today is None:
        return {}
    then = {(one.name, one.column): one for one in copy.sequences}
    found = {}
    for now in today.sequences:
        old = then.get((now.name, now.column))
        if old is None or old.last is None or now.last is None or now.last < old.last:
            continue
        if all(one.highest is None or one.highest <= (one.last or 0) for one in (old, now)):
            found[now.column.rpartition(".")[0]] = now.last - old.last
    return found
