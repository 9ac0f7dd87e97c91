"""Where this account keeps what must outlive a command and nobody else may touch."""

import os
import stat
from pathlib import Path
from typing import Final

from tasks.errors import UsageError
from tasks.files import PRIVATE_FOLDER, make_folder

STATE_VARIABLE: Final = "OPSROUNDS_STATE"


def state_folder() -> Path:
    """The folder of OPSROUNDS_STATE, else ~/.local/state/opsrounds; made if it is not there.

    Raises UsageError if it cannot be made or written to, if others can read it, or if it is another account's.
    """
    chosen = os.environ.get(STATE_VARIABLE)
    folder = Path(chosen) if chosen else Path.home() / ".local" / "state" / "opsrounds"
    why = ""
    try:
        make_folder(folder, PRIVATE_FOLDER)
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
