"""What Locust's processes wrote during a test: requests as arrays, signs of life as they come."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROW = np.dtype([("start", "<f8"), ("ms", "<f8"), ("name", "<u2"), ("cause", "<u2")])
_HEAD = struct.Struct("<II")
PROGRESS, BLOCKS = "progress.jsonl", "blocks.bin"


@dataclass(frozen=True, slots=True)
class Beats:
    """How one process fared: at the end of each second, its length in s, demand for CPU in %, and timers' delays."""

    at: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    late: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trace:
    """Every request of a test: `rows` with numbers of `names` and `causes` (0 is success), and each process.

    `lost` names processes of whose records a part is missing.
    """

    rows: npt.NDArray[Any]
    names: tuple[str, ...]
    causes: tuple[str, ...]
    processes: dict[str, Beats]
    lost: tuple[str, ...]


def read_trace(folder: Path) -> Trace:
    """The records of a test, as far as they were written."""
    names: dict[str, int] = {}
    causes: dict[str, int] = {"": 0}
    processes: dict[str, Beats] = {}
    numbers: dict[str, list[int]] = {}
    parts = []
    for head, raw in _blocks(folder / BLOCKS):
        rows = np.frombuffer(raw, ROW).copy()
        rows["start"] += head["skew"]
        for column, known in (("name", names), ("cause", causes)):
            own = np.array([known.setdefault(text, len(known)) for text in head[f"{column}s"]], "<u2")
            rows[column] = own[rows[column]] if len(rows) else rows[column]
        parts.append(rows)
        beats, health = processes.setdefault(head["process"], Beats()), head["health"]
        beats.at.append(health["at"] + head["skew"])
        beats.wall.append(health["wall"])
        beats.cpu.append(health["cpu"])
        beats.late.append(health["late"])
        numbers.setdefault(head["process"], []).append(head["number"])
    whole = np.concatenate(parts) if parts else np.empty(0, ROW)
    lost = tuple(name for name, seen in numbers.items() if seen != list(range(len(seen))))
    return Trace(whole, tuple(names), tuple(causes), processes, lost)


def _blocks(path: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Whole blocks; one at the end that a killed process did not finish is left out."""
    if not path.exists():
        return
    content = path.read_bytes()
    at = 0
    while at + _HEAD.size <= len(content):
        head, rows = _HEAD.unpack_from(content, at)
        end = at + _HEAD.size + head + rows
        if end > len(content):
            return
        between = at + _HEAD.size + head
        yield json.loads(content[at + _HEAD.size : between]), content[between:end]
        at = end


class Progress:
    """Lines of a file that is being written, each once and whole."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def new(self) -> list[dict[str, Any]]:
        """The lines since the last call."""
        try:
            with self._path.open("rb") as written:
                written.seek(self._at)
                content = written.read()
        except FileNotFoundError:
            return []
        whole = content.rpartition(b"\n")[0]
        self._at += len(whole) + 1 if whole else 0
        return [json.loads(line) for line in whole.splitlines()]


@dataclass(frozen=True, slots=True)
class Window:
    """When a step was measured, in s since 1970; both are 0 for one that was not reached."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return max(self.end - self.start, 0.0)


def windows(lines: list[dict[str, Any]], steps: int, ramp_up_s: float, stopped_at: float) -> tuple[Window, ...]:
    """When each step was measured: from the end of its ramp-up, with all users there, to the next step or the end."""
    began = [(line["step"], line["at"]) for line in lines if line["kind"] == "step"]
    ended = min([line["at"] for line in lines if line["kind"] == "end"] + [stopped_at])
    spawned = [line["at"] for line in lines if line["kind"] == "spawned"]
    found = [Window(0.0, 0.0)] * steps
    for (step, at), (_, until) in pairwise([*began, (steps, ended)]):
        there = next((moment for moment in spawned if at <= moment <= until), until)
        found[step] = Window(max(at + ramp_up_s, there), until)
    return tuple(window if window.seconds else Window(0.0, 0.0) for window in found)


def ramps(lines: list[dict[str, Any]], found: tuple[Window, ...]) -> tuple[Window, ...]:
    """When users of each step were started, up to its window."""
    began = {line["step"]: line["at"] for line in lines if line["kind"] == "step"}
    return tuple(Window(began.get(step, 0.0), window.start) for step, window in enumerate(found))
