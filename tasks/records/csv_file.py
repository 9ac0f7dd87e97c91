"""A CSV file that people or programs wrote, read line by line. Pure but for the file itself."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.observation import printable
from tasks.records.rules import RecordRefused

_SHOWN = 24


@dataclass(frozen=True, slots=True)
class CsvLine:
    """A line that is not empty, and the number at which it begins."""

    number: int
    cells: tuple[str, ...]
    header: tuple[str, ...]

    def named(self, columns: Sequence[str]) -> Mapping[str, str]:
        """The cells by column, empty where the file has no such column; raises RecordRefused."""
        size, wanted = len(self.cells), len(self.header)
        if size != wanted:
            place = self.header[size] if size < wanted else f"column {wanted + 1}"
            raise RecordRefused(f"the line has {size} cells, the first line {wanted}", place)
        return {**dict.fromkeys(columns, ""), **dict(zip(self.header, self.cells, strict=True))}


def read_lines(file: Path, columns: Sequence[str], needed: Sequence[str]) -> tuple[CsvLine, ...]:
    """The lines below the first one, which names the columns; those that are `needed` must be there.

    Raises RecordRefused, which names the file and the line.
    """
    rows = list(_rows(file))
    _, header = rows[0] if rows else (1, ())
    wrong = (
        ("unknown", [repr(printable(name, 40)) for name in header if name not in columns]),
        ("missing", [name for name in needed if name not in header]),
        ("twice", [name for name, times in Counter(header).items() if times > 1 and name in columns]),
    )
    if problems := "; ".join(f"{what}: {', '.join(names)}" for what, names in wrong if names):
        others = ", ".join(name for name in columns if name not in needed)
        raise RecordRefused(f"{file}:1: columns {problems}. Needed: {', '.join(needed)}; optional: {others}")
    return tuple(CsvLine(number, cells, header) for number, cells in rows[1:])


def _rows(file: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = tuple(cell.strip() for cell in next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            raise RecordRefused(f"{file}:{number}: is not CSV: {error}") from None
        if any(cells):
            yield number, cells


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RecordRefused(f"{file}: cannot be read: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        raise _at(file, before, 'is not UTF-8: save it as "CSV UTF-8"') from None
    if "\0" in text:
        raise _at(
            file, text.partition("\0")[0], "contains a NUL byte: save it as CSV, not in a spreadsheet's own format"
        )
    return text


def _at(file: Path, before: str, problem: str) -> RecordRefused:
    """A problem of the file's bytes, located by the text before it."""
    line = before.rpartition("\n")[2]
    return RecordRefused(f"{file}:{before.count(chr(10)) + 1}: after {printable(line[-_SHOWN:])!r}: {problem}")
