"""A piece of a log file that is counted before its turn, in whatever process: what to count, and what was found."""

import pickle
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tasks.logs.count.batch import Batch
from tasks.logs.count.memory import Basis, Memory
from tasks.logs.count.scan import Plan, Scan
from tasks.logs.lines.clock import Clock
from tasks.logs.sources.content import BLOCK_BYTES
from tasks.logs.sources.files import Mark, OpenLog, open_log, pieces

_LOOK_BACK_BYTES = 1 << 20
"""What stands before a piece is looked through for what a pass would remember there."""
_MOST_PARTS = 8
"""Batches of a packed file, which cannot be cut, that one answer holds: half a GB of lines, and some MB as sent."""


@dataclass(frozen=True, slots=True)
class PieceOrder:
    """Lines of a file from `start` to `end`, or to its end: to the `size` that it had, in unpacked bytes both.

    `device` is None for another machine, whose number for the same disk differs. `memory` is what was remembered before
    the piece as far as it is known, `clock` what its lines' times are held against.
    """

    path: str
    device: int | None
    inode: int
    size: int
    start: int
    end: int | None
    settled: bool
    plan: Plan
    clock: Clock
    memory: Memory
    commit_bytes: int


@dataclass(frozen=True, slots=True)
class Part:
    """What is committed at once: counts, and where the file was read to."""

    packed: bytes
    mark: Mark
    after: Memory
    basis: Basis
    consumed: int

    @property
    def batch(self) -> Batch:
        """The counts, unpacked."""
        batch = pickle.loads(self.packed)
        assert isinstance(batch, Batch)
        return batch


@dataclass(frozen=True, slots=True)
class Scanned:
    """The counts of a piece, or of its beginning, and what was assumed to be remembered before it."""

    assumed: Memory
    parts: tuple[Part, ...]


def scan_piece(order: PieceOrder) -> Scanned | None:
    """Count a piece; None when that is for its turn: the file is another one by now, or cannot be read here."""
    try:
        with open_log(Path(order.path)) as log:
            same = log.stat.st_ino == order.inode and order.device in (None, log.stat.st_dev)
            return _scan(order, replace(log, size=order.size)) if same and log.stat.st_size >= order.size else None
    except OSError:
        return None


def _scan(order: PieceOrder, log: OpenLog) -> Scanned | None:
    at = datetime.fromtimestamp(order.memory.minute * 60, UTC)
    scan = Scan(order.plan, at, replace(order.clock, newest=order.memory.newest))
    scan.remember(order.memory)
    if order.start:
        scan.feed(_lines_before(order, log))
        scan.take()
        scan.remember(scan.memory)
    assumed, parts = scan.memory, list[Part]()
    mark = stored = Mark(None, "", b"", b"", order.start, 0, 0, 0, 0, complete=False)
    block_bytes = min(BLOCK_BYTES, order.commit_bytes)
    for piece in pieces(log, mark, settled=order.settled, block_bytes=block_bytes, end=order.end):
        if piece.hole > piece.lost:  # whether it held lines that were read before, only the reader of all files knows
            return None
        if piece.too_long is not None:
            scan.skip_too_long(piece.too_long)
        scan.feed(piece.lines)
        scan.note_hole(piece.hole, piece.lost)
        mark = piece.mark
        if mark.complete or scan.is_full or mark.position - stored.position >= order.commit_bytes:
            parts.append(_part(scan, mark, piece.consumed))
            stored = mark
            if len(parts) == _MOST_PARTS:
                break
    if mark.position > stored.position:
        parts.append(_part(scan, mark, piece.consumed))
    return Scanned(assumed, tuple(parts))


def _part(scan: Scan, mark: Mark, consumed: int) -> Part:
    return Part(pickle.dumps(scan.take(), pickle.HIGHEST_PROTOCOL), mark, scan.memory, scan.basis, consumed)


def _lines_before(order: PieceOrder, log: OpenLog) -> list[bytes]:
    window = log.content().window(order.start, keep=_LOOK_BACK_BYTES) or b""
    lines = window.split(b"\n")[:-1]
    return lines if len(window) == order.start else lines[1:]
