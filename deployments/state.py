"""Where this machine keeps what `rounds up` and `rounds run` need between starts."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

STATE_VARIABLE = "OPSROUNDS_STATE"


@dataclass(frozen=True, slots=True)
class UpState:
    """A running `rounds up`: its addresses and its process id."""

    api_url: str
    archive_url: str
    pid: int


def state_folder() -> Path:
    """The folder of OPSROUNDS_STATE, else ~/.local/state/opsrounds; made if it is not there."""
    chosen = os.environ.get(STATE_VARIABLE)
    folder = Path(chosen) if chosen else Path.home() / ".local" / "state" / "opsrounds"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder.absolute()


def write_state(state: UpState) -> None:
    """Tell later commands where this `rounds up` is."""
    path = state_folder() / "up.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(state)), encoding="utf-8")
    partial.rename(path)


def read_state() -> UpState | None:
    """The `rounds up` of this machine, if its process is there."""
    try:
        state = UpState(**json.loads((state_folder() / "up.json").read_text(encoding="utf-8")))
        os.kill(state.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return state


def remove_state() -> None:
    """Forget the `rounds up` that ends."""
    (state_folder() / "up.json").unlink(missing_ok=True)
