"""Pieces of a backlog that are scanned before their turn."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import replace
from typing import Any, Protocol

from tasks.deadline import Deadline
from tasks.logs.backlog.piece import PieceOrder, Scanned, scan_piece
from tasks.logs.sources.files import OpenLog


class Executor(Protocol):
    """Where functions are run: processes of this machine, or a cluster."""

    def submit(self, function: Any, /, *arguments: Any) -> "Future[Any]":
        """Call a function of a module with arguments that can be pickled."""
        ...


class Ahead:
    """Has the next `most` pieces scanned, and gives each when it is its turn.

    Orders are asked for when there is room, so that each piece begins with the newest of what is remembered. Who waits
    for a piece scans another one meanwhile, so that no processor waits. `elsewhere`: on other machines.
    """

    def __init__(self, executor: Executor, orders: Iterator[PieceOrder], most: int, *, elsewhere: bool = False) -> None:
        self._executor, self._orders, self._most, self._elsewhere = executor, orders, most, elsewhere
        self._waiting: deque[tuple[PieceOrder, Future[Any]]] = deque()

    def scanned(self, log: OpenLog, start: int, end: int | None, deadline: Deadline) -> Scanned | None:
        """What was found in a piece; None where that was not asked for, failed, or is not there in time."""
        self._fill()
        here = (log.stat.st_dev, log.stat.st_ino, log.size, start, end)
        if not any(_place(order) == here for order, _ in self._waiting):
            return None
        while _place(self._waiting[0][0]) != here:
            self._waiting.popleft()[1].cancel()  # of a file that is passed over
        while not (self._waiting[0][1].done() or deadline.passed) and self._scan_one_here():
            self._fill()
        _, future = self._waiting.popleft()
        try:
            found: Scanned | None = future.result(timeout=max(0.0, deadline.left_s))
        except (TooLate, EOFError, OSError):  # a worker was killed: the piece is scanned in its turn
            return None
        return found

    def _scan_one_here(self) -> bool:
        """Scan the first piece that nobody has begun with; False when there is none."""
        for place, (order, future) in enumerate(self._waiting):
            if future.cancel():
                here: Future[Any] = Future()
                here.set_result(scan_piece(order))
                self._waiting[place] = (order, here)
                return True
        return False

    def _fill(self) -> None:
        while len(self._waiting) < self._most and (order := next(self._orders, None)) is not None:
            sent = replace(order, device=None) if self._elsewhere else order
            self._waiting.append((order, self._executor.submit(scan_piece, sent)))


def _place(order: PieceOrder) -> tuple[int | None, int, int, int, int | None]:
    return order.device, order.inode, order.size, order.start, order.end
