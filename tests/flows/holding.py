"""Holds rounds in processes to be killed: `holding.py SERVICE-FILE`.

At each line on stdin it forks a process that has done its imports already, and says its id. That one holds one round,
delivers its messages, and says `done` at its end.
"""

import os
import sys
from pathlib import Path

from deployments.run import run_now
from flows.daily_checklist import CHECKLIST
from flows.options import DailyOptions
from tasks.settings import load_settings, use_services


def main(file: Path) -> None:
    """Hold a round for each line, until there are no more."""
    use_services(file)
    for _line in sys.stdin:
        process = os.fork()
        if process == 0:
            _hold(file)
        _tell(str(process))
        os.waitpid(process, 0)
        _tell("ended")


def _tell(line: str) -> None:
    """A line that a kill leaves whole or leaves out; `print` may write its end by itself."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def _hold(file: Path) -> None:
    status = 1
    try:
        settings = load_settings(file)
        options = DailyOptions(mail=True)
        result = run_now(CHECKLIST, settings, options, lambda text: print(text, file=sys.stderr))
        _tell(f"done {result.state}")
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
