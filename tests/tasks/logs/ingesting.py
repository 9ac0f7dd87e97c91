"""Reads logs in processes of their own: one that has done its imports is split for each order from stdin."""

import json
import os
import resource
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from tasks.history.engine import History, open_history, reading
from tasks.logs.ingest import read_log
from tasks.logs.tables import log_sources
from tasks.progress import progress
from tasks.settings import load_settings


def stored(history: History) -> int:
    """How often anything of any source was stored."""
    with reading(history) as connection:
        return connection.execute(select(func.coalesce(func.sum(log_sources.c.version), 0))).scalar_one()


def die_after(history: History, times: int) -> None:
    """Let this process be killed once it has stored something so many times."""
    last = stored(history) + times

    def on_progress(_what: str, _done: int, _of: int, _figures: str) -> None:
        if stored(history) >= last:
            os.kill(os.getpid(), signal.SIGKILL)

    progress.set(on_progress)


def read(order: dict, source: int) -> None:
    """Read one source, and leave a note of what it took."""
    settings = load_settings(Path(order["file"]))
    history = open_history(order["url"], settings.path.parent)
    if order["die_after"]:
        die_after(history, order["die_after"])
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    now = datetime.fromisoformat(order["now"])
    taken = read_log(
        history, settings, settings.logs.source[source], now, 600.0, order["commit_bytes"], order["backlog_bytes"]
    )
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
