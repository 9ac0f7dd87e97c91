"""Where and in what environment the team's own commands run, and the error they report."""

import os
from collections.abc import Sequence
from pathlib import Path

from tasks.backups.tool_words import error_line

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "GNUPGHOME", "USER", "LOGNAME", "VIRTUAL_ENV", "PYTHONPATH")
_KEPT_BY_PREFIX = ("AWS_", "GOOGLE_", "AZURE_", "SSL_")
"""How the tools of the large clouds get their account."""

_TRACEBACK = "Traceback (most recent call last):"


def error_summary(written: bytes) -> str:
    """The error that a failed command reported: its first one, or the exception that ended a Python program."""
    text = written.decode("utf-8", "replace")
    _, traceback, frames = text.rpartition(_TRACEBACK)
    if traceback:
        text = next((line for line in frames.splitlines() if line.strip() and not line.startswith(" ")), text)
    return error_line(text)


def command_line(command: Sequence[str], folder: Path) -> tuple[str, ...]:
    """A command to be run in a folder; a program with a relative path (`./drop.sh`) is found there."""
    program, *arguments = command
    return (str(folder / program) if "/" in program else program, *arguments)


def command_environment(**more: str) -> dict[str, str]:
    """What a command finds: where programs are and who it is, accounts of clouds, and nothing else of ours."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_BY_PREFIX)}
    return kept | more
