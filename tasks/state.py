"""Where this account keeps what must outlive a command and nobody else may touch."""

import os
from pathlib import Path
from typing import Final

from tasks.errors import UsageError

STATE_VARIABLE: Final = "OPSROUNDS_STATE"


def state_folder() -> Path:
    """The folder of OPSROUNDS_STATE, else ~/.local/state/opsrounds; made if it is not there.

    Raises UsageError if it cannot be made or written to.
    """
    chosen = os.environ.get(STATE_VARIABLE)
    folder = Path(chosen) if chosen else Path.home() / ".local" / "state" / "opsrounds"
    why = ""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or type(error).__name__
    if why or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"{folder} cannot be written ({why or 'Permission denied'}): set {STATE_VARIABLE} to a folder of yours"
        )
    return folder.absolute()
