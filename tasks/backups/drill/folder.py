"""Private folders for what is done with a backup: one drill at a time, and what killed ones left is cleared."""

import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from tasks.check_result import Message, msg, verbatim
from tasks.deadline import Deadline
from tasks.errors import UsageError
from tasks.files import locked, make_folder
from tasks.observation import ObservationError, printable
from tasks.sandbox.sweep import end_sandboxes, remove_tree
from tasks.state import state_folder

PREFIX = "opsrounds-drill-"
_MARKER = "drill.json"
_LOCK = ".opsrounds-drills.lock"
_WAIT_S = 60.0
_UNMARKED_S = 60.0
"""An empty folder was by then not to be marked any more."""


@contextmanager
def drill_folder(root: Path, deadline: Deadline, *, wait_s: float = _WAIT_S) -> Iterator[Path]:
    """A folder for a drill; raises ObservationError if another drill goes on below the same root."""
    with ExitStack() as stack:
        try:
            make_folder(root)
            stack.enter_context(locked(_lock(root), wait_s=min(wait_s, deadline.require())))
        except UsageError as error:
            raise ObservationError(verbatim(printable(str(error)))) from None
        except BlockingIOError:
            raise ObservationError(_busy(root)) from None
        except OSError as error:
            raise _unusable(root, error) from None
        yield stack.enter_context(private_folder(root))


@contextmanager
def private_folder(root: Path) -> Iterator[Path]:
    """A folder that nobody else can open, removed at the end with all that is in it. Raises ObservationError."""
    with ExitStack() as stack:
        try:
            make_folder(root)
            clear_leftovers(root)
            unmarked = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=root))
            folder = unmarked.with_name(unmarked.name.removeprefix("."))
            stack.callback(remove_tree, folder)
            marker = {"pid": os.getpid(), "started_at": datetime.now(UTC).isoformat()}
            (unmarked / _MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")
            stack.enter_context(locked(unmarked / _MARKER))
            unmarked.rename(folder)
        except OSError as error:
            raise _unusable(root, error) from None
        yield folder


def clear_leftovers(root: Path) -> list[Path]:
    """Remove the folders whose owner was killed, and end what still runs in one."""
    cleared = []
    for folder in (*root.glob(f"{PREFIX}*"), *root.glob(f".{PREFIX}*")):
        with suppress(OSError):
            found, marker = folder.lstat(), folder / _MARKER
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            if marker.exists():
                with locked(marker):  # its owner holds it as long as it lives
                    end_sandboxes(folder)
                    remove_tree(folder)
                    cleared.append(folder)
            elif not folder.name.startswith(".") or time.time() - found.st_mtime > _UNMARKED_S:
                folder.rmdir()  # killed before it was marked, if it is empty
    return cleared


def _lock(root: Path) -> Path:
    """Where nobody else writes, so that no other account's lock stands in the way: in the folder, or in our own."""
    found = root.stat()
    if found.st_uid == os.geteuid() and not found.st_mode & 0o022:
        return root / _LOCK
    name = hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:16]
    return state_folder() / f"drill-{name}.lock"


def _unusable(root: Path, error: OSError) -> ObservationError:
    where, why = printable(str(root)), str(error.strerror)
    return ObservationError(
        msg("The folder for restore drills, {folder}, cannot be used: {why}", folder=where, why=why)
    )  # fmt: skip


def _busy(root: Path) -> Message:
    since = "?"
    for marker in root.glob(f"{PREFIX}*/{_MARKER}"):
        with suppress(OSError, ValueError, KeyError):
            since = str(json.loads(marker.read_text(encoding="utf-8"))["started_at"])[:16] + "Z"
    return msg("Another restore drill has been running in {folder} since {at}", folder=printable(str(root)), at=since)
