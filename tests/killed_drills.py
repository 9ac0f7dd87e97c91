"""Drills in another process, to be killed at any moment, and what is left of them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tasks.backups.drill.folder import PREFIX
from tests.shop_backups import Shop

ROOT = Path(__file__).parents[1]
GONE_WITHIN_S = 15.0
# Imports take longer than a drill: one process does them, and runs the drills that it is given in children.
_DRILLS = """
import json, os, sys
from datetime import UTC, datetime
from pathlib import Path
from tasks.backups.drill.ladder import drill
from tasks.backups.files.find import find_backups
from tasks.backups.settings import BackedUp, Backups
from tasks.backups.targets import Target
for line in sys.stdin:
    pattern, live, drills, folder, *programs = json.loads(line)
    if (child := os.fork()) == 0:
        target = Target("shop", BackedUp(pattern=pattern), Path(folder), live)
        backup = find_backups(Path(folder), pattern)[0]
        backups = Backups(folder=Path(drills), postgres=tuple(map(Path, programs)))
        found = drill(target, backup, backups, datetime.now(UTC), 300.0)
        os._exit(0 if found.contents else 1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Driller:
    """Another process that does drills, one at a time."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self._child = child

    def begin(self, shop: Shop, backup: Path, drills: Path, *programs: Path) -> int:
        """The process of a drill that has begun."""
        assert self._child.stdin is not None
        arguments = [backup, shop.live, drills, shop.folder, *programs]
        self._child.stdin.write(json.dumps([str(part) for part in arguments]) + "\n")
        self._child.stdin.flush()
        return self._next()

    def ended(self) -> int:
        """The exit status of the drill, once it has ended."""
        return self._next()

    def _next(self) -> int:
        assert self._child.stdout is not None
        return int(self._child.stdout.readline())


@contextmanager
def drilling() -> Iterator[Driller]:
    """A driller that is ended at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", _DRILLS], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        yield Driller(child)
        child.terminate()


@dataclass(frozen=True)
class Left:
    """What a killed drill left: programs, sandboxes in which none had been started yet, and folders."""

    programs: tuple[str, ...]
    idle: tuple[str, ...]
    folders: int


def killed(driller: Driller, shop: Shop, backup: Path, drills: Path, after_s: float) -> Left:
    """Kill a drill some time after it began, and let the kernel do what it does."""
    child = driller.begin(shop, backup, drills)
    time.sleep(after_s)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    assert driller.ended() in (-signal.SIGKILL, 0), after_s
    until = time.monotonic() + GONE_WITHIN_S
    while (left := at_work_in(drills)) and set(left.values()) != {"bwrap"} and time.monotonic() < until:
        time.sleep(0.02)
    left = at_work_in(drills)
    return Left(
        tuple(name for name in left.values() if name != "bwrap"),
        tuple(name for name in left.values() if name == "bwrap"),
        len(folders(drills)),
    )


def folders(drills: Path) -> list[Path]:
    """The folders of drills that go on or were killed."""
    return list(drills.glob(f"{PREFIX}*"))


def at_work_in(folder: Path) -> dict[int, str]:
    """The programs that see a folder, be it in a sandbox, or have it in their arguments, by their process."""
    found = {}
    disk = next(place for place in (folder, *folder.parents) if place.is_mount())
    seen = b" /" + os.fsencode(folder.relative_to(disk)) + b"/"  # as a folder of its disk
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes() + b"\0" + os.fsencode((process / "cwd").readlink())
            shown = os.fsencode(folder) in words or seen in (process / "mountinfo").read_bytes()
            name, _, fields = (process / "stat").read_text().partition("(")[2].rpartition(")")
            if shown and fields.split()[0] != "Z" and process.name != str(os.getpid()):
                found[int(process.name)] = name
    return found


def eventually_none_at_work_in(folder: Path) -> dict[int, str]:
    """Who is still there after a while."""
    until = time.monotonic() + GONE_WITHIN_S
    while (left := at_work_in(folder)) and time.monotonic() < until:
        time.sleep(0.05)
    return left
