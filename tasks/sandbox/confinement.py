"""Where programs that touch a backup work: in a sandbox; without one, under an account of little use."""

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypedDict

from tasks.processes import Sandbox, User
from tasks.sandbox.available import NoSandbox, own_account, usable_bwrap
from tasks.sandbox.bounds import Bounds
from tasks.sandbox.bubblewrap import ROOM, Bubblewrap, Shown, seen_by_all

_SHOWN: Final = Path("/backup")
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_READABLE, _ENTERED = 0o004, 0o005


class Options(TypedDict):
    """How a program is started: keywords of `run`, `feed` and `Child`."""

    env: Mapping[str, str]
    cwd: Path
    user: User | None
    sandbox: Sandbox | None


@dataclass(frozen=True, slots=True)
class Access:
    """What a program of the team's own is given besides: variables, the network, the folder in which it starts."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    network: bool = False
    start: Path | None = None


NOTHING: Final = Access()


class Confinement:
    """A drill's own. `folder` is ours alone, but for rooms in it, each of which programs may write.

    Whatever is in a room is from outside as soon as a program was in it: follow no link there, and believe nothing.
    `account` is whom root's programs run as, each drill's its own; without a sandbox it is `unprivileged`, and
    `refusal` says why. Raises NoSandbox where it is `required` and cannot be had.
    """

    def __init__(self, folder: Path, unprivileged: User | None, bounds: Bounds, *, required: bool) -> None:
        self.folder, self.bounds = folder, bounds
        self.refusal = ""
        self.account = own_account()
        self.bwrap: Path | None = None
        try:
            self.bwrap = usable_bwrap(self.account)
        except NoSandbox as error:
            if required:
                raise
            self.refusal, self.account = str(error), unprivileged
            folder.chmod(0o711)  # the account goes through it to its rooms
        self._shown = 0

    def room(self, folder: str | Path) -> "Room":
        """A folder in ours, with what we have made in it so far."""
        room = Room(self, self.folder / folder)
        room.path.mkdir(mode=0o700, exist_ok=True)
        self.give(room.path)
        return room

    def limit_disk(self, bytes: float) -> None:
        """From the next program on the folder may not become larger than that, nor a file in it."""
        self.bounds = self.bounds.of_disk(min(self.bounds.disk, int(bytes)))

    def show(self, path: Path, *, inside: Path | None = None) -> Shown:
        """A file or folder for programs to read; a copy where their account could not. Raises OSError.

        They find it at `inside`, or where `Shown.inside` says.
        """
        self._shown += 1
        readable = path if self._reads(path) else self._copied(path)
        if self.bwrap is None:
            return Shown(readable, readable)
        return Shown(readable, inside or _SHOWN / str(self._shown) / path.name)

    def lend(self, path: Path) -> Shown:
        """A copy of a file or folder that a program may write to, where it is used to find it. Raises OSError."""
        self._shown += 1
        return Shown(self._copied(path), path, writable=True)

    def give(self, path: Path) -> None:
        """Let the account have a file or folder that we made, with everything in it."""
        if self.account is None:
            return
        for each in (path, *_below(path)):
            os.chown(each, self.account.uid, self.account.gid, follow_symlinks=False)

    def finds(self, path: Path) -> bool:
        """Whether a program may be given a file or folder where it is, in a sandbox or not."""
        return self.bwrap is not None or self._reads(path)

    def starts(self, program: Path) -> bool:
        """The same of a program, or of the folder with all that belongs to it, which is not searched."""
        folder = program if program.is_dir() else program.parent
        return self.bwrap is not None or self.account is None or everybody_enters(folder.absolute())

    def _reads(self, path: Path) -> bool:
        """Whether our programs may read it; root's bubblewrap reaches it, if not its programs' account."""
        if self.account is None:
            return True
        return _everybody_reads(path) and (self.bwrap is not None or everybody_enters(path.absolute().parent))

    def _copied(self, path: Path) -> Path:
        target = self.folder / f"copy-{self._shown}" / path.name
        target.parent.mkdir(mode=0o711)
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True, ignore=self._of_ours)
        else:
            shutil.copy2(path, target)
        self.give(target)
        return target

    def _of_ours(self, folder: str, _names: list[str]) -> list[str]:
        """A folder that our own lies in is copied without it."""
        return [self.folder.name] if Path(folder) == self.folder.parent else []


@dataclass(frozen=True, slots=True)
class Room:
    """A folder for programs that work on the same thing."""

    confinement: Confinement
    path: Path

    @property
    def inside(self) -> Path:
        """Where its programs find it."""
        return self.path if self.confinement.bwrap is None else ROOM

    def options(self, *shown: Shown | Path, access: Access = NOTHING) -> Options:
        """For a program that sees what is shown to it, a path where it is, and may write nothing but this room."""
        own, start = self.confinement, access.start
        home = "/tmp" if own.bwrap is not None else str(self.path)
        environment = {"PATH": _PATH, "LC_ALL": "C", "HOME": home, **access.environment}
        if own.bwrap is None:
            return {"env": environment, "cwd": start or self.path, "user": own.account, "sandbox": None}
        seen = tuple(each if isinstance(each, Shown) else Shown(each, each) for each in _once(shown))
        box = Bubblewrap(
            own.bwrap, own.account, own.folder, self.path, seen, own.bounds, start or ROOM, access.network, environment
        )
        return {"env": {"PATH": _PATH}, "cwd": own.folder, "user": None, "sandbox": box}


def _once(shown: Iterable[Shown | Path]) -> Iterator[Shown | Path]:
    """What every program sees anyway is left out."""
    for each in dict.fromkeys(shown):
        if not seen_by_all(each.inside if isinstance(each, Shown) else each):
            yield each


def everybody_enters(folder: Path) -> bool:
    """Whether every account may pass through a folder."""
    return all(each.stat().st_mode & stat.S_IXOTH for each in (folder, *folder.parents))


def _everybody_reads(path: Path) -> bool:
    return all(
        each.stat().st_mode & needed == needed
        for each in (path, *_below(path))
        for needed in (_ENTERED if each.is_dir() else _READABLE,)
    )


def _below(path: Path) -> Iterator[Path]:
    """Everything in a folder; nothing in a file."""
    if path.is_dir() and not path.is_symlink():
        for parent, folders, files in os.walk(path):
            yield from (Path(parent, name) for name in (*folders, *files))
