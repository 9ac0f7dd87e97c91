"""The credential of `rounds up`: made at its first start, kept where only its own account can read it."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from tasks.errors import UsageError
from tasks.files import new_file
from tasks.state import others_may, state_folder

_USER = "opsrounds"
_BYTES = 24
_LONGEST = 1000


def credential_file() -> Path:
    """Where the credential is kept."""
    return state_folder() / "credential"


def read_credential() -> str | None:
    """`user:password`, None when there is none yet.

    Raises UsageError if others can read the file, if it is another account's, or if no credential is in it.
    """
    path = credential_file()
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): {_ANEW}") from None
    with os.fdopen(handle, encoding="utf-8", errors="replace") as file:
        if why := others_may(os.fstat(handle)):
            raise UsageError(f"{path} {why}: {_ANEW}")
        text = file.read(_LONGEST).strip()
    user, colon, password = text.partition(":")
    if not (user and colon and password and text.isascii() and text.isprintable()):
        raise UsageError(f"{path} holds no user:password: {_ANEW}")
    return text


def made_credential(*, anew: bool = False) -> tuple[str, bool]:
    """The credential, and whether it was made now; `anew` replaces the one there was. Raises UsageError."""
    if not anew and (known := read_credential()) is not None:
        return known, False
    made = f"{_USER}:{secrets.token_urlsafe(_BYTES)}"
    path = credential_file()
    try:
        with suppress(FileExistsError), new_file(path, mode=0o600, over=anew) as beside:
            beside.write_text(f"{made}\n", encoding="ascii")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    kept = read_credential()  # of two that make it at once, the first one's counts
    assert kept is not None
    return kept, kept == made


def credential_lines(credential: str) -> list[str]:
    """The credential as each of the two servers asks for it."""
    user, _, password = credential.partition(":")
    return [f"Credential  {credential}", f"            in the archive: user {user}, password {password}"]


_ANEW = "start `rounds up --new-credential`, which replaces it"
