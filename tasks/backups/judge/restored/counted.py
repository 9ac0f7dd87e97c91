"""A table's row count compared with the expected one."""

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

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
    FELL = Status.WARN, 5
    UNEXPLAINED = Status.WARN, 6
    NEW_SINCE = Status.WARN, 7
    FIRST_ROWS = Status.WARN, 8
    MORE = Status.WARN, 9
    OFF_ESTIMATE = Status.WARN, 10
    NEAR_ESTIMATE = Status.PASS, 11
    FILLED_SINCE = Status.PASS, 12
    MOVED_ON = Status.PASS, 13
    RIGHT = Status.PASS, 14

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
    """One table on every side; `by_snapshot` where `recorded` is of the very snapshot that was backed up.

    `past` are its rows in earlier drills, newest first. `numbers` are how many numbers its sequence has given since the
    backup, None without one. It is `renamed` where the copy has it under another name.
    """

    name: str
    restored: TableContents | None
    recorded: TableContents | None
    live: TableContents | None
    by_snapshot: bool
    past: tuple[int, ...] = ()
    numbers: int | None = None
    renamed: bool = False

    @property
    def certain(self) -> bool:
        """True where the very number of rows is known that was backed up."""
        return self.by_snapshot and self.recorded is not None and self.recorded.exact

    @property
    def expected(self) -> TableContents | None:
        """What the restored table is compared with."""
        return self.recorded if self.certain else (self.live or self.recorded)

    @property
    def grew(self) -> bool:
        """True where it had rows in earlier drills, and never fewer than before."""
        return bool(self.past) and self.past[0] > 0 and all(new >= old for new, old in pairwise(self.past))

    @property
    def is_new(self) -> bool:
        """True where all rows it has now are younger than the backup, or it has none."""
        return self.live is not None and not any(self.past) and self.live.rows <= (self.live.since or 0)

    def kind(self, limits: BackupLimits) -> Kind:
        """The worst finding about it."""
        if self.restored is None:
            return Kind.NEW_SINCE if not self.by_snapshot and self.recorded is None and self.is_new else Kind.MISSING
        if not self.restored.exact:
            return Kind.GUESSED
        rows, expected = self.restored.rows, self.expected
        if expected is None:
            return Kind.RIGHT
        if not self.certain:
            found = self._compared_with_now(rows, expected, limits)
            return Kind.NEW_SINCE if self.renamed and found.status is Status.PASS else found
        if rows != expected.rows:
            return Kind.OTHER if rows else Kind.EMPTY
        if self._fell(rows, limits):
            return Kind.FELL
        return Kind.MOVED_ON if self.live and beyond(rows, self.live.rows, limits) else Kind.RIGHT

    def _compared_with_now(self, rows: int, expected: TableContents, limits: BackupLimits) -> Kind:
        missing = expected.rows - rows
        if rows == 0 and expected.rows > (0 if expected.exact else limits.max_difference_rows):
            return self._empty(expected, limits)
        if not expected.exact:
            return Kind.OFF_ESTIMATE if beyond(rows, expected.rows, limits) else Kind.NEAR_ESTIMATE
        if missing > self._may_lack(rows, expected, limits):
            return Kind.FEWER
        if self._fell(rows, limits):
            return Kind.FEWER if self.past[0] <= expected.rows else Kind.FELL
        if self._lacks_unexplained(rows, expected, limits):
            return Kind.UNEXPLAINED
        more = missing < 0 and beyond(rows, expected.rows, limits) and not self._fluctuates
        return Kind.MORE if more else Kind.RIGHT

    def _empty(self, expected: TableContents, limits: BackupLimits) -> Kind:
        """A restored table without a row, though it has some now."""
        was_empty = (self.recorded is not None and self.recorded.rows == 0) or (0 in self.past and not self.grew)
        if was_empty or expected.rows <= max(expected.since or 0, self.numbers or 0):
            return Kind.FILLED_SINCE
        most = limits.max_difference_rows if self._fluctuates else limits.max_small_rows
        few = expected.exact and expected.rows <= most
        return Kind.FIRST_ROWS if few and not self.grew and self._may_be_first else Kind.EMPTY

    @property
    def _fluctuates(self) -> bool:
        """True where it had fewer rows than before in an earlier drill: one that is emptied now and then."""
        return any(new < old for new, old in pairwise(self.past))

    @property
    def _may_be_first(self) -> bool:
        """False where a row is known that was there before the backup."""
        return self.numbers != 0 and not (self.recorded is not None and self.recorded.rows)

    def _may_lack(self, rows: int, expected: TableContents, limits: BackupLimits) -> float:
        """How many rows fewer the backup may have than the live table: exactly, if it is known what came since."""
        few = min(limits.max_small_rows, limits.max_small_share * expected.rows)
        if self.live is expected and self.numbers is not None:
            return self.numbers + few
        since = expected.since or 0
        return max(tolerance(expected.rows, limits), since + few)

    def _lacks_unexplained(self, rows: int, expected: TableContents, limits: BackupLimits) -> bool:
        """Whether it has fewer rows than a day of growth explains, and nothing shows that they came since."""
        if self.numbers is not None or self._fluctuates or (self.past and rows >= self.past[0]):
            return False
        came = (expected.since or 0) + limits.max_small_rows
        return expected.rows - rows > max(came, round(limits.max_difference_share * expected.rows, 6))

    def _fell(self, rows: int, limits: BackupLimits) -> bool:
        """Whether it has far fewer rows than in earlier drills, in which it never lost any."""
        if len(self.past) < limits.min_compared or not self.grew:
            return False
        return self.past[0] - rows > max(limits.max_small_rows, limits.max_small_share * self.past[0])


def beyond(rows: int, expected: int, limits: BackupLimits) -> bool:
    """True when two numbers of rows differ by more than may be."""
    # Rounded: 0.29 × 100 is 28.999…, and 29 rows are within 29 %.
    return abs(rows - expected) > max(round(limits.max_difference_share * expected, 6), limits.max_difference_rows)


def tolerance(expected: int, limits: BackupLimits) -> float:
    """By how many rows a table may have fewer than one of another moment; of few rows not nearly all."""
    small = max(limits.max_small_rows, limits.max_small_share * expected)
    share = round(limits.max_difference_share * expected, 6)
    return max(share, min(limits.max_difference_rows, small))
