"""What two schemas, a line for each definition, do not have in common."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tasks.backups.judge.restored.expected import Cell, brief
from tasks.check_result import msg


@dataclass(frozen=True, slots=True)
class Differences:
    """Lines that only one side has; `changed` has those of one thing on both sides: as expected, as found."""

    missing: tuple[str, ...]
    added: tuple[str, ...]
    changed: tuple[tuple[str, str], ...]

    @property
    def number(self) -> int:
        """How many definitions are not the same."""
        return len(self.missing) + len(self.added) + len(self.changed)

    def rows(self) -> list[tuple[Cell, Cell]]:
        """Each difference as a row of evidence."""
        return [
            *((msg("missing from the backup"), brief(line)) for line in self.missing),
            *(
                (msg("differs"), msg("backup {found}, expected {wanted}", found=brief(found), wanted=brief(wanted)))
                for wanted, found in self.changed
            ),
            *((msg("only in the backup"), brief(line)) for line in self.added),
        ]


def differences(expected: Sequence[str], found: Sequence[str]) -> Differences:
    """What must be there and is not, what is there and must not be, and what is there but another."""
    missing, added = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    extra: defaultdict[str, list[str]] = defaultdict(list)
    for line in added.elements():
        extra[title(line)].append(line)
    lost, changed = [], []
    for line in missing.elements():
        if others := extra[title(line)]:
            changed.append((line, others.pop(0)))
        else:
            lost.append(line)
    # A column of a missing table adds nothing.
    lost.sort(key=lambda line: not line.startswith("table "))
    return Differences(tuple(lost), tuple(line for lines in extra.values() for line in lines), tuple(changed))


def title(line: str) -> str:
    """What a line is of: its kind and name."""
    return " ".join(line.split(maxsplit=2)[:2]).removesuffix(":")


def titles(lines: Sequence[str]) -> list[str]:
    """What lines are of, without the parts of tables that are among them."""
    names = [title(line) for line in lines]
    tables = {name.removeprefix("table ") for name in names if name.startswith("table ")}
    return [name for name in names if not _part_of_one(name.partition(" ")[2], tables)]


def of_one(line: str, tables: Collection[str]) -> bool:
    """Whether a line is of one of some tables, or of a part of one."""
    name = title(line).partition(" ")[2]
    return name in tables or _part_of_one(name, tables)


def columns_of(schema: Sequence[str], table: str) -> set[str]:
    """A table's columns and their types; SQLite has them in the one line of the table."""
    start = f"column {table}."
    columns = {line.removeprefix(start).partition(" default ")[0] for line in schema if line.startswith(start)}
    body = next((line.partition("(")[2] for line in schema if line.startswith(f"table {table}: ")), "")
    return columns | {part.strip(" )") for part in body.split(",") if part.strip(" )")}


def _part_of_one(name: str, tables: Collection[str]) -> bool:
    return any(name[:place] in tables for place, character in enumerate(name) if character == ".")
