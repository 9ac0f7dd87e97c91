"""Where and in what environment the team's own commands run, and the error they report."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.backups.tool_words import error_line
from tasks.check_result import msg
from tasks.configuration import CommandAccess
from tasks.observation import ObservationError, printable
from tasks.sandbox import confinement
from tasks.sandbox.bubblewrap import Shown, seen_by_all
from tasks.sandbox.confinement import Options, Room
from tasks.secrets import given_variables

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "GNUPGHOME", "USER", "LOGNAME", "VIRTUAL_ENV", "PYTHONPATH")
_KEPT_BY_PREFIX = ("AWS_", "GOOGLE_", "AZURE_", "SSL_")
"""How the tools of the large clouds get their account."""

_SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_SHEBANG, _MOST_SHEBANG = b"#!", 512
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


@dataclass(frozen=True, slots=True)
class Confined:
    """A command as it is started in a room."""

    argv: tuple[str, ...]
    options: Options


def confined(
    command: Sequence[str],
    folder: Path,
    access: CommandAccess,
    room: Room,
    given: Mapping[str, str],
    *,
    lent: bool = False,
) -> Confined:
    """A command of the team's in a room: it sees its program, what its arguments name, and what `access` gives it.

    `lent`: these are copies, which it may write to. `given` are variables of its environment. Raises
    FileNotFoundError for a program that is not there, ObservationError for what its account cannot read, and OSError.
    """
    argv = command_line(command, folder)
    found = shutil.which(argv[0])
    if found is None:
        raise FileNotFoundError(argv[0])
    program = Path(found).absolute()
    named = [folder / argument for argument in argv[1:] if argument and (folder / argument).exists()]
    files = [*named, *(folder / file.expanduser() for file in access.files)]
    programs, own = tuple(_places_of(program)), room.confinement
    unread = [path for path in programs if not own.starts(path)] + [path for path in files if not own.finds(path)]
    if unread:
        raise ObservationError(
            msg(
                "Without a sandbox the account of the restore drill cannot read {path}: let every user read it, or "
                "provide a sandbox",
                path=printable(str(unread[0])),
            )
        )
    places = {place: Shown(place, place) if place.is_dir() else own.show(place, inside=place) for place in programs}
    for path in files:
        places.setdefault(path, own.lend(path) if lent else own.show(path, inside=path))
    searched = ":".join(dict.fromkeys((str(program.parent), *_SYSTEM_PATH.split(":"))))
    environment = {"PATH": searched, "LC_ALL": "C.UTF-8"}
    environment |= given_variables(access)
    environment |= given
    allowed = confinement.Access(environment, network=access.network, start=folder)
    return Confined((str(program), *argv[1:]), room.options(*places.values(), access=allowed))


def _places_of(program: Path, *, interpreted: bool = False) -> Iterator[Path]:
    """What a program needs to be started: itself, of a Python its environment, of a script what runs it."""
    if seen_by_all(program):
        return
    yield _installed_in(program)
    target = program.resolve()
    if target != program and not seen_by_all(target):
        yield _installed_in(target)
    environment = program.parent.parent / "pyvenv.cfg"
    if environment.is_file():
        for line in environment.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home":
                yield from _places_of(Path(value.strip(), target.name))
    with suppress(OSError), target.open("rb") as file:
        start = file.readline(_MOST_SHEBANG)
        if start.startswith(_SHEBANG) and not interpreted:
            words = start[len(_SHEBANG) :].split()
            yield from _places_of(Path(os.fsdecode(words[0])), interpreted=True) if words else ()


def _installed_in(program: Path) -> Path:
    """The folder with what belongs to a program, above its `bin` and beside its `lib`; else the program alone."""
    prefix = program.parent.parent
    return prefix if program.parent.name == "bin" and (prefix / "lib").is_dir() else program
