"""Holds cycles of the monitoring, and sends the outbox, in processes to be killed: `holding_cycles.py SERVICE-FILE`.

At each line on stdin, JSON with `at` (a cycle at that instant; null: the flow `outbox`) and `die` (where the process
kills itself; null: nowhere), it forks a process that has done its imports already, and says its id. That one says what
its cycle lacked, and `done` with the seconds that it took.
"""

import asyncio
import json
import os
import re
import signal
import sys
import time
import traceback
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from prefect import flow
from sqlalchemy import Engine, Pool, event

from flows.cycle import Cycles
from flows.outbox import outbox
from tasks.settings import load_settings, use_services

_WRITES: Final = {
    "before the commit": re.compile(r"INSERT INTO outbox \("),
    "after the commit": re.compile(r"INSERT INTO outbox \("),
    "before it is marked": re.compile(r"UPDATE outbox SET state="),
    "after it is marked": re.compile(r"UPDATE outbox SET state="),
}


def main(file: Path) -> None:
    """Hold what each line asks for, until there are no more."""
    use_services(file)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            _hold(file, **json.loads(line))
        _tell(str(process))
        os.waitpid(process, 0)
        _tell("ended")


def _tell(line: str) -> None:
    """A line that a kill leaves whole or leaves out; `print` may write its end by itself."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


@flow(name="cycle", retries=0)
async def cycle(file: Path, at: datetime) -> None:
    """One cycle."""
    with Cycles("to be killed") as cycles:
        minute = await cycles.hold_one(load_settings(file), at)
    for problem in minute.problems:
        _tell(f"problem {problem}")


async def _outbox() -> None:
    await outbox(return_state=True)  # type: ignore[arg-type]


def _hold(file: Path, at: str | None, die: str | None) -> None:
    status = 1
    try:
        if die is not None:
            _die(die)
        began = time.monotonic()
        asyncio.run(_outbox() if at is None else cycle(file, datetime.fromisoformat(at)))  # type: ignore[arg-type]
        _tell(f"done {time.monotonic() - began:.3f}")
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _die(where: str) -> None:
    """Kill this process around the commit of a transaction that writes what `where` is about."""
    wrote = set[Any]()

    @event.listens_for(Engine, "before_cursor_execute")
    def executed(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if _WRITES[where].match(statement):
            wrote.add(connection.connection.driver_connection)

    @event.listens_for(Engine, "commit")
    def commits(connection: Any) -> None:
        if where.startswith("before") and connection.connection.driver_connection in wrote:
            os.kill(os.getpid(), signal.SIGKILL)

    @event.listens_for(Pool, "checkin")
    def returned(connection: Any, _record: Any) -> None:
        if where.startswith("after") and connection in wrote:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
