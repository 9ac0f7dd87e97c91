"""A program that holds rounds or cycles in processes of their own, each of which can be killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil


class Holding:
    """A program that runs what it is asked for in a process of its own each time."""

    def __init__(self, program: Path, file: Path, prefect_api: str, log: Path) -> None:
        environment = {**os.environ, "PREFECT_API_URL": prefect_api}
        with log.open("ab") as errors:
            self.program = subprocess.Popen(
                [sys.executable, str(program), str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                text=True,
            )

    def begin(self, what: str = "go") -> int:
        """Let a process begin; its id."""
        assert self.program.stdin is not None
        self.program.stdin.write(f"{what}\n")
        self.program.stdin.flush()
        return int(self.line())

    def line(self) -> str:
        """The next line."""
        assert self.program.stdout is not None
        return self.program.stdout.readline().strip()

    def lines(self) -> list[str]:
        """What the process says until it has ended."""
        found = []
        while (line := self.line()) != "ended":
            assert line, "the program has ended"
            found.append(line)
        return found

    def finish(self) -> float:
        """Let a process hold its round to the end; how long that took, in seconds."""
        self.begin()
        began = time.monotonic()
        assert self.lines() == ["done Passed"]
        return time.monotonic() - began

    def kill_after(self, seconds: float, stored: Callable[[], bool] = lambda: True, what: str = "go") -> list[str]:
        """Let a process begin, and kill it, if need be some time after its run was stored; what it said until then."""
        process = psutil.Process(self.begin(what))
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and not stored():
            time.sleep(0.01)
        time.sleep(seconds)
        with suppress(psutil.NoSuchProcess):
            process.kill()
        return self.lines()

    def close(self) -> None:
        """End the program."""
        self.program.kill()
        self.program.communicate()
