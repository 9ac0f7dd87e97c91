"""Reads logs in processes of their own: one that has done its imports is split for each order from stdin."""

import json
import os
import resource
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

from tasks.history.engine import open_history
from tasks.logs.ingest import read_log
from tasks.settings import load_settings


def read(order: dict, source: int) -> None:
    """Read one source, and leave a note of what it took."""
    settings = load_settings(Path(order["file"]))
    history = open_history(order["url"], settings.path.parent)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    now = datetime.fromisoformat(order["now"])
    taken = read_log.fn(history, settings, settings.logs.source[source], now, 60.0, order["commit_bytes"])
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    problems = [problem.text for problem in taken.problems]
    Path(order["note"]).write_text(json.dumps({"grown_kib": grown_kib, "lines": taken.lines, "problems": problems}))


def split(order: dict, source: int) -> int:
    """A child that reads a source; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        read(order, source)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


for line in sys.stdin:
    order = json.loads(line)
    began = time.monotonic()
    children = [split(order, source) for source in order["sources"]]
    if order["kill_after_s"] is not None:
        time.sleep(order["kill_after_s"])
        for child in children:
            os.kill(child, signal.SIGKILL)
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(json.dumps({"ends": ends, "took_s": time.monotonic() - began}), flush=True)
