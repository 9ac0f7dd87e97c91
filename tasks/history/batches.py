"""Long work on the history in short transactions, so that whoever else writes hardly waits."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from sqlalchemy import Connection

from tasks.history.engine import History, writing

LEAST_ROWS, MOST_ROWS = 100, 5000
_FIRST_ROWS = 1000
_AIM_S: Final = 0.2
"""A transaction that takes longer is followed by smaller ones."""


class BatchSize:
    """How many rows the next transaction takes: as many as were done within the aim, within bounds."""

    def __init__(self) -> None:
        self.rows = _FIRST_ROWS

    def took(self, rows: int, seconds: float) -> None:
        """Take more or fewer from now on; a small batch says little of a large one."""
        if seconds > _AIM_S:
            self.rows = max(LEAST_ROWS, self.rows // 2)
        elif rows >= self.rows and seconds < _AIM_S / 2:
            self.rows = min(MOST_ROWS, self.rows * 2)


def in_batches(history: History, size: BatchSize, work: Callable[[Connection, int], int]) -> Iterator[int]:
    """Call `work` with the most rows it may take, a transaction each time, until it takes fewer; gives what each took.

    Raises HistoryError if the database fails; what was given before is done for good.
    """
    while True:
        most = size.rows
        with writing(history) as connection:
            began = time.monotonic()
            rows = work(connection, most)
        size.took(rows, time.monotonic() - began)
        if rows:
            yield rows
        if rows < most:
            return
