"""Where this machine keeps what `rounds up` and `rounds run` need between starts."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from tasks.errors import ExplainedError, UsageError
from tasks.files import locked, remove_leftovers, write_whole

STATE_VARIABLE = "OPSROUNDS_STATE"


class AsksFor(StrEnum):
    """The generated credential, the user and password of PREFECT_SERVER_API_AUTH_STRING, or nothing."""

    CREDENTIAL = "credential"
    OWN_PASSWORD = "own password"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class UpState:
    """A running `rounds up`: its addresses, its process id, and what its servers ask for."""

    api_url: str
    archive_url: str
    pid: int
    asks_for: AsksFor = AsksFor.CREDENTIAL

    @property
    def ui_url(self) -> str:
        """Where a person finds Prefect's UI."""
        return self.api_url.removesuffix("/api")

    @property
    def lines(self) -> tuple[str, str]:
        """Where the servers are, for a person."""
        return f"Prefect UI  {self.ui_url}", f"Archive     {self.archive_url}"


def state_folder() -> Path:
    """The folder of OPSROUNDS_STATE, else ~/.local/state/opsrounds; made if it is not there.

    Raises UsageError if it cannot be made or written to, if others can read it, or if it is another account's.
    """
    chosen = os.environ.get(STATE_VARIABLE)
    folder = Path(chosen) if chosen else Path.home() / ".local" / "state" / "opsrounds"
    why = ""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_open = others_may(folder.stat())
    except OSError as error:
        why = error.strerror or type(error).__name__
    else:
        if is_open:
            advice = f"chmod 700 {folder}, or set {STATE_VARIABLE} to a folder of your own"
            raise UsageError(f"{folder} {is_open}, and the credential of rounds up is kept there: {advice}")
    if why or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"{folder} cannot be written ({why or 'Permission denied'}): set {STATE_VARIABLE} to a folder of yours"
        )
    return folder.absolute()


def others_may(found: os.stat_result) -> str | None:
    """Why a file or folder is not this account's alone; None if it is."""
    if found.st_uid != os.geteuid():
        return f"belongs to another account (user id {found.st_uid})"
    if found.st_mode & 0o077:
        return f"is open to other accounts (mode {stat.S_IMODE(found.st_mode):04o})"
    return None


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
        write_whole(path, json.dumps(asdict(state)).encode())
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
        known = json.loads((state_folder() / "up.json").read_text(encoding="utf-8"))
        return UpState(**{**known, "asks_for": AsksFor(known["asks_for"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _lock() -> Path:
    return state_folder() / "up.lock"
