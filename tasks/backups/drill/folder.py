"""A drill's private folder: one drill at a time, and what killed drills left is cleared."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from tasks.check_result import Message, msg, verbatim
from tasks.deadline import Deadline
from tasks.files import locked, make_folder
from tasks.observation import ObservationError, printable
from tasks.postgres.cluster import end_orphan
from tasks.postgres.installation import PostgresUnavailable, server_account

PREFIX = "opsrounds-drill-"
_MARKER = "drill.json"
_WAIT_S = 60.0


@contextmanager
def drill_folder(root: Path, deadline: Deadline, *, wait_s: float = _WAIT_S) -> Iterator[Path]:
    """A folder that nobody else can open, removed at the end; raises ObservationError if another drill goes on."""
    with ExitStack() as stack:
        try:
            make_folder(root)
            lock = root / f".{PREFIX}{os.geteuid()}.lock"
            stack.enter_context(locked(lock, wait_s=min(wait_s, deadline.require())))
            clear_leftovers(root)
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
            stack.callback(remove, folder)
            _mark(folder)
        except PostgresUnavailable as error:
            raise ObservationError(verbatim(printable(str(error)))) from None
        except BlockingIOError:
            raise ObservationError(_busy(root)) from None
        except OSError as error:
            where, why = printable(str(root)), str(error.strerror)
            raise ObservationError(
                msg("The folder for restore drills, {folder}, cannot be used: {why}", folder=where, why=why)
            ) from None
        yield folder


def clear_leftovers(root: Path) -> list[Path]:
    """Remove the folders of drills that were killed, and end a server still running in one; the caller is alone."""
    cleared = []
    for folder in root.glob(f"{PREFIX}*"):
        if folder.is_symlink() or not _ours(folder):
            continue
        if not (folder / _MARKER).is_file():
            with suppress(OSError):  # killed before it was marked, if it is empty
                folder.rmdir()
            continue
        remove(folder)
        cleared.append(folder)
    return cleared


def remove(folder: Path) -> None:
    """Remove a drill's folder with everything in it; a server that lost its owner is ended first."""
    end_orphan(folder / "data")
    shutil.rmtree(folder, ignore_errors=True)


def _mark(folder: Path) -> None:
    account = server_account()
    marker = {"pid": os.getpid(), "started_at": datetime.now(UTC).isoformat()}
    (folder / _MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")
    if account is not None:  # the server's account enters by the path, and nobody else does
        os.chown(folder, account.uid, account.gid)


def _ours(folder: Path) -> bool:
    account = server_account()
    return folder.stat().st_uid in {os.geteuid(), *(() if account is None else (account.uid,))}


def _busy(root: Path) -> Message:
    since = "?"
    for marker in root.glob(f"{PREFIX}*/{_MARKER}"):
        with suppress(OSError, ValueError, KeyError):
            since = str(json.loads(marker.read_text(encoding="utf-8"))["started_at"])[:16] + "Z"
    return msg("Another restore drill has been running in {folder} since {at}", folder=printable(str(root)), at=since)
