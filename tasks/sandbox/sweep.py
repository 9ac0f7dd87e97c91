"""Clears what drills left whose owner was killed."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from tasks.processes import run

_REMOVED_WITHIN_S: Final = 600.0


def end_sandboxes(folder: Path) -> None:
    """End every bubblewrap of ours that has a folder on its command line: none is in use when its owner is gone.

    One that was killed while it started may wait for ever to be let on.
    """
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            argv = (process / "cmdline").read_bytes().split(b"\0")
            ours = process.stat().st_uid == os.geteuid() and Path(os.fsdecode(argv[0])).name == "bwrap"
            if ours and any(part == os.fsencode(place) for part in argv for place in (folder, *folder.iterdir())):
                signal.pidfd_send_signal(os.pidfd_open(int(process.name)), signal.SIGKILL)


def remove_tree(folder: Path) -> None:
    """Remove a folder with whatever was made in it, in folders however deep and closed; no link is followed."""
    with suppress(OSError, RecursionError):
        shutil.rmtree(folder)
    if folder.exists():
        run(["chmod", "-R", "u+rwX", "--", str(folder)], deadline_s=_REMOVED_WITHIN_S)
        run(["rm", "-rf", "--", str(folder)], deadline_s=_REMOVED_WITHIN_S)
