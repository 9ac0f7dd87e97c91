"""Where this machine keeps what `rounds up` and `rounds run` need between starts."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks.errors import ExplainedError, UsageError
from tasks.files import PRIVATE, PRIVATE_FOLDER, locked, make_folder, remove_leftovers, write_whole

STATE_VARIABLE = "OPSROUNDS_STATE"


@dataclass(frozen=True, slots=True)
class UpState:
    """A running `rounds up`: its addresses and its process id."""

    api_url: str
    archive_url: str
    pid: int


def state_folder() -> Path:
    """The folder of OPSROUNDS_STATE, else ~/.local/state/opsrounds; made if it is not there.

    Raises UsageError if it cannot be made or written to.
    """
    chosen = os.environ.get(STATE_VARIABLE)
    folder = Path(chosen) if chosen else Path.home() / ".local" / "state" / "opsrounds"
    why = ""
    try:
        make_folder(folder, PRIVATE_FOLDER)
    except OSError as error:
        why = error.strerror or type(error).__name__
    if why or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"{folder} cannot be written ({why or 'Permission denied'}): set {STATE_VARIABLE} to a folder of yours"
        )
    return folder.absolute()


@contextmanager
def announced(state: UpState) -> Iterator[None]:
    """Tell other commands where this `rounds up` is, for as long as it lives. Raises ExplainedError beside another."""
    path = state_folder() / "up.json"
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(_lock()))
        except BlockingIOError:
            raise ExplainedError("another rounds up was started on this machine just now; stop it first") from None
        remove_leftovers(path.parent)
        write_whole(path, json.dumps(asdict(state)).encode(), mode=PRIVATE)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def read_state() -> UpState | None:
    """The `rounds up` of this machine, if it lives: not by its process id, which soon is another's after a restart."""
    try:
        with locked(_lock(), shared=True):
            return None
    except BlockingIOError:
        pass
    try:
        return UpState(**json.loads((state_folder() / "up.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _lock() -> Path:
    return state_folder() / "up.lock"
