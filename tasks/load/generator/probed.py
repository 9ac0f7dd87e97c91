"""The open-loop probe as its owner starts and reads it."""

import json
import math
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from tasks.load.facts import ProbeStats
from tasks.load.generator import probe
from tasks.load.generator.figures import latency
from tasks.load.generator.plan import Plan, locust_environment
from tasks.load.generator.trace import Window
from tasks.processes import Child

_LINES = "probe.jsonl"


def start_probe(plan: Plan, headers: Mapping[str, str]) -> Child:
    """The probe's process; its orders hold secrets and go by its environment."""
    orders = {
        "url": plan.load.base_url + plan.load.probe.path,
        "per_second": plan.load.probe.per_second,
        "timeout_s": plan.load.probe.timeout_s,
        "headers": dict(headers),
        "ca_file": None if plan.ca_file is None else str(plan.ca_file),
        "file": str(plan.folder / _LINES),
    }
    return Child(
        [sys.executable, "-m", probe.__name__],
        log=plan.folder / "probe.log",
        env={**locust_environment({}), probe.ORDERS: json.dumps(orders)},
        cwd=plan.folder,
        stop_signal=signal.SIGKILL,
    )


def ask_to_end(child: Child, number: signal.Signals = signal.SIGTERM) -> None:
    """A signal to a child that may be gone; the probe sends no more at SIGTERM, and waits for nothing at SIGINT."""
    with suppress(ProcessLookupError):
        os.kill(child.pid, number)


def read_probe(folder: Path, windows: Sequence[Window], timeout_s: float) -> ProbeStats | None:
    """What the probe measured of requests that were due within the windows; None if it never began."""
    lines = (folder / _LINES).read_text(encoding="utf-8").splitlines() if (folder / _LINES).exists() else []
    if not lines:
        return None
    begin = json.loads(lines[0])
    origin, rate = begin["origin"], begin["per_second"]
    spans = [
        (max(math.ceil((window.start - origin) * rate), 0), max(math.ceil((window.end - origin) * rate), 0))
        for window in windows
        if window.seconds
    ]
    early = sum(max(math.ceil((min(window.end, origin) - window.start) * rate), 0) for window in windows)
    rows = np.array([json.loads(line) for line in lines[1:] if line.endswith("]")], float).reshape(-1, 3)
    within = np.zeros(len(rows), bool)
    for first, end in spans:
        within |= (rows[:, 0] >= first) & (rows[:, 0] < end)
    own = rows[within]
    planned = sum(end - first for first, end in spans) + early
    return ProbeStats(planned, len(own), int((own[:, 2] == 0).sum()), latency(np.minimum(own[:, 1], timeout_s * 1000)))
