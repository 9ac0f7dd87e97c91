"""What is to be read of a database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

ProgressCallback = Callable[[int, int], None]
"""Receives how much is done, and of how much."""

WHOLE: Final = "whole"
SAMPLED: Final = "1/16"
MIXED: Final = "1/16, small tables whole"
SMALL_ROWS: Final = 1000
"""Up to so many rows a table is hashed whole under `MIXED`: of sixteen rows a sixteenth may be none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be read; raises ValueError for a rule that there is not.

    No time after `until` is the newest of a column. `content_rule` is empty, `whole`, `1/16` for the rows whose
    primary key hashes to 0 of 16, or that with all rows of small tables. Above `exact_rows`, by PostgreSQL's
    estimate, a table is not read: its rows are estimated, only indexed columns have a newest time, and it has no
    hash. With `violations` nothing is read through an index. Of a `running` database the rows after `until` are
    counted too, and a date of the day of `until` is after it: who knows at which hour it was entered.
    """

    until: datetime
    content_rule: str = ""
    exact_rows: int | None = None
    violations: bool = False
    running: bool = False

    def __post_init__(self) -> None:
        if self.content_rule not in ("", WHOLE, SAMPLED, MIXED):
            raise ValueError(f"content_rule {self.content_rule!r} is not one of {WHOLE}, {SAMPLED}, {MIXED}")
