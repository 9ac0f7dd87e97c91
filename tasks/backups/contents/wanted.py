"""What is to be read of a database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

ProgressCallback = Callable[[int, int], None]
"""Receives how much is done, and of how much."""

WHOLE: Final = "whole"
SAMPLED: Final = "1/16"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be read; raises ValueError for a rule that there is not.

    No time after `until` is the newest of a column. `content_rule` is empty, `whole`, or `1/16` for the rows whose
    primary key hashes to 0 of 16. Above `exact_rows`, by PostgreSQL's estimate, a table is not read: its rows are
    estimated, only indexed columns have a newest time, and it has no hash. With `violations` nothing is read through
    an index.
    """

    until: datetime
    content_rule: str = ""
    exact_rows: int | None = None
    violations: bool = False

    def __post_init__(self) -> None:
        if self.content_rule not in ("", WHOLE, SAMPLED):
            raise ValueError(f"content_rule {self.content_rule!r} is neither empty nor {WHOLE} nor {SAMPLED}")
