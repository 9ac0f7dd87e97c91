"""Where this machine keeps what `rounds up` and `rounds run` need between starts."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from tasks.errors import ExplainedError
from tasks.files import PRIVATE, locked, remove_leftovers, write_whole
from tasks.state import state_folder


class AsksFor(StrEnum):
    """The generated credential, the user and password of PREFECT_SERVER_API_AUTH_STRING, or nothing."""

    CREDENTIAL = "credential"
    CHOSEN = "chosen"
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
        known = json.loads((state_folder() / "up.json").read_text(encoding="utf-8"))
        return UpState(**{**known, "asks_for": AsksFor(known["asks_for"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _lock() -> Path:
    return state_folder() / "up.lock"
