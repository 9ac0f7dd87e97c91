"""A table's row count compared with the expected one."""

from dataclasses import dataclass
from enum import Enum

from tasks.backups.facts import TableContents
from tasks.backups.limits import BackupLimits
from tasks.check_result import Status


class Kind(Enum):
    """The finding about a table, the worst first."""

    MISSING = Status.FAIL, 0
    EMPTY = Status.FAIL, 1
    OTHER = Status.FAIL, 2
    FEWER = Status.FAIL, 3
    GUESSED = Status.UNKNOWN, 4
    FILLED_SINCE = Status.WARN, 5
    MORE = Status.WARN, 6
    OFF_ESTIMATE = Status.WARN, 7
    NEAR_ESTIMATE = Status.PASS, 8
    MOVED_ON = Status.PASS, 9
    RIGHT = Status.PASS, 10

    @property
    def status(self) -> Status:
        """What it makes of the check."""
        return self.value[0]

    @property
    def place(self) -> int:
        """0 for the worst."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Counted:
    """One table on every side; `by_snapshot` where `recorded` is of the very snapshot that was backed up."""

    name: str
    restored: TableContents | None
    recorded: TableContents | None
    live: TableContents | None
    by_snapshot: bool

    @property
    def certain(self) -> bool:
        """True where the very number of rows is known that was backed up."""
        return self.by_snapshot and self.recorded is not None and self.recorded.exact

    @property
    def expected(self) -> TableContents | None:
        """What the restored table is compared with."""
        return self.recorded if self.certain else (self.live or self.recorded)

    def kind(self, limits: BackupLimits) -> Kind:
        """The worst finding about it."""
        if self.restored is None:
            return Kind.MISSING
        if not self.restored.exact:
            return Kind.GUESSED
        rows, expected = self.restored.rows, self.expected
        if expected is None:
            return Kind.RIGHT
        if self.certain:
            if rows != expected.rows:
                return Kind.OTHER if rows else Kind.EMPTY
            return Kind.MOVED_ON if self.live and beyond(rows, self.live.rows, limits) else Kind.RIGHT
        return self._compared_with_now(rows, expected, limits)

    def _compared_with_now(self, rows: int, expected: TableContents, limits: BackupLimits) -> Kind:
        off = beyond(rows, expected.rows, limits)
        if rows == 0 and expected.rows > (0 if expected.exact else limits.max_difference_rows):
            was_empty = self.recorded is not None and self.recorded.rows == 0
            filled = was_empty and expected.rows <= limits.max_difference_rows
            return Kind.FILLED_SINCE if filled else Kind.EMPTY
        if not expected.exact:
            return Kind.OFF_ESTIMATE if off else Kind.NEAR_ESTIMATE
        if not off:
            return Kind.RIGHT
        return Kind.FEWER if rows < expected.rows else Kind.MORE


def beyond(rows: int, expected: int, limits: BackupLimits) -> bool:
    """True when two numbers of rows differ by more than may be."""
    return abs(rows - expected) > tolerance(expected, limits)


def tolerance(expected: int, limits: BackupLimits) -> float:
    """By how many rows a table may differ from one of another moment."""
    # Rounded: 0.29 × 100 is 28.999…, and 29 rows are within 29 %.
    return max(round(limits.max_difference_share * expected, 6), limits.max_difference_rows)
