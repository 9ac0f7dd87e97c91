"""One program in a bubblewrap of its own: the command line, and the way in and out of it."""

import fcntl
import json
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from tasks.processes import User
from tasks.sandbox.bounds import Bounds
from tasks.sandbox.seccomp import seccomp_filter
from tasks.sandbox.watch import Exceeded, Watch

ROOM: Final = Path("/drill")
"""The folder that a program may write, as it sees it."""

_TOPS: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_OF_NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/etc/pki", "/etc/ca-certificates")
_ALONE = (
    "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "drill",
    "--unshare-cgroup-try", "--clearenv",
)  # fmt: skip
_OF_ROOT = (
    "--cap-drop",
    "ALL",
    *(part for one in ("SETUID", "SETGID", "SETPCAP") for part in ("--cap-add", f"CAP_{one}")),
)
_DROPPED = (
    "--clear-groups", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--no-new-privs",
)  # fmt: skip
# The first process of the namespace asks for its signal last of all; one whose parent was killed before would stay.
# So no program runs until it has asked, and none if nobody says so.
_GATE = 'read -r go <&3 || exit 125; exec 3<&-; cd "$0" && exec "$@"'
_HIGH: Final = 10
"""Above what the launcher itself uses; the gate becomes descriptor 3, since dash knows one digit."""

_GONE_WITHIN_MS: Final = 10_000
_POLL_S: Final = 0.0005


def seen_by_all(path: Path) -> bool:
    """Whether every program sees a path of the system's."""
    return any(path.is_relative_to(top) for top in ("/usr", *_TOPS))


@dataclass(frozen=True, slots=True)
class Shown:
    """A file or folder, and where a program finds it."""

    path: Path
    inside: Path
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """A sandbox for one program, which sees what is shown to it, and `room` as `ROOM`, which it may write.

    `account` is whom root becomes in it; None where this process is not root. `watched` is the folder that must not
    grow beyond the bounds. It starts in `start`.
    """

    program: Path
    account: User | None
    watched: Path
    room: Path
    shown: tuple[Shown, ...]
    bounds: Bounds
    start: Path
    network: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @contextmanager
    def entering(self, argv: Sequence[str]) -> Iterator["Entrance"]:
        """The way in for one program."""
        (told, tell), (gate, go) = os.pipe(), os.pipe()
        way = Entrance(self, os.fdopen(told), go)
        try:
            way.gate = way.keep(gate)
            status = way.keep(tell)
            way.command = [str(self.program), "--json-status-fd", str(status), *self._options(way.data)]
            way.command += [_GATE, str(self.start), *argv]
            yield way
        finally:
            way.close()

    def _options(self, data: Callable[[bytes], str]) -> Iterator[str]:
        uid, gid = (os.getuid(), os.getgid()) if self.account is None else (self.account.uid, self.account.gid)
        yield from _ALONE
        if not self.network:
            yield "--unshare-net"
        if self.account is None:
            yield from ("--unshare-user", "--disable-userns", "--uid", str(uid), "--gid", str(gid))
        else:
            yield from _OF_ROOT
        yield from self._view(data, f"drill:x:{uid}:{gid}::/tmp:/bin/sh\n".encode())
        for name, value in self.environment.items():
            yield from ("--setenv", name, value)
        yield from ("--seccomp", data(seccomp_filter() or b""), "--")
        if self.account is not None:
            yield from ("setpriv", f"--reuid={uid}", f"--regid={gid}", *_DROPPED)
        bounds = self.bounds
        yield from ("prlimit", f"--as={bounds.memory}", f"--nproc={bounds.processes}", f"--fsize={bounds.file}")
        yield from ("--core=0", "sh", "-c")

    def _view(self, data: Callable[[bytes], str], accounts: bytes) -> Iterator[str]:
        """What it sees of the machine: programs, its own account, what it reads, and its folder."""
        yield from ("--ro-bind", "/usr", "/usr")
        for top in _TOPS:
            if Path(top).is_symlink():
                yield from ("--symlink", str(Path(top).readlink()), top)
            else:
                yield from ("--ro-bind-try", top, top)
        yield from ("--perms", "0755", "--dir", "/etc")
        for path in ("/etc/ld.so.cache", "/etc/alternatives", *(_OF_NETWORK if self.network else ())):
            yield from ("--ro-bind-try", path, path)
        yield from ("--perms", "0644", "--ro-bind-data", data(accounts), "/etc/passwd")
        yield from ("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev")
        for place, size in (("/dev/shm", self.bounds.shared_memory), ("/tmp", self.bounds.temporary)):
            yield from ("--perms", "1777", "--size", str(size), "--tmpfs", place)
        places = {self.start, *(parent for shown in self.shown for parent in shown.inside.parents)}
        for folder in sorted({*places, *(parent for place in places for parent in place.parents)}):
            if not _is_there(folder):
                yield from ("--perms", "0755", "--dir", str(folder))  # by itself bwrap makes them 0700, of root
        for shown in sorted(self.shown, key=lambda one: one.inside):  # a folder before what lies in it
            yield from ("--bind" if shown.writable else "--ro-bind", str(shown.path), str(shown.inside))
        yield from ("--bind", str(self.room), str(ROOM), "--remount-ro", "/")


class Entrance:
    """How a program is started in a sandbox: what bubblewrap tells of it comes by `told`, `go` opens its gate."""

    def __init__(self, box: Bubblewrap, told: IO[str], go: int) -> None:
        self.command: list[str] = []
        self.gate = -1
        self.descriptors: list[int] = []
        self._box, self._told, self._go = box, told, go
        self._is_entered = False

    def keep(self, descriptor: int) -> int:
        """The same where it stands in no way, until the program has it."""
        self.descriptors.append(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH))
        os.close(descriptor)
        return self.descriptors[-1]

    def data(self, content: bytes) -> str:
        """A file without a name, as bubblewrap takes it."""
        memory = os.memfd_create("drill")
        os.pwrite(memory, content, 0)
        return str(self.keep(memory))

    def entered(self, process: "subprocess.Popen[bytes]") -> "Confined":
        """Let the program run as soon as nothing of it could outlive this process."""
        self._hand_over()  # or the end of a bubblewrap that failed would not be heard
        self._is_entered = True
        confined = Confined(self._told, self._box)
        if confined.waits():
            with suppress(BrokenPipeError):
                os.write(self._go, b"go\n")
        return confined

    def close(self) -> None:
        """Nobody comes any more."""
        self._hand_over()
        os.close(self._go)
        if not self._is_entered:
            self._told.close()

    def _hand_over(self) -> None:
        while self.descriptors:
            os.close(self.descriptors.pop())


class Confined:
    """A sandbox with a program in it; its first process ends only after everything in it has."""

    def __init__(self, told: IO[str], box: Bubblewrap) -> None:
        self._told = told
        self._first: int | None = None  # a descriptor, since its number may soon be another's
        self._watch: Watch | None = None
        with suppress(ValueError, KeyError, ProcessLookupError):
            self._pid = int(json.loads(told.readline())["child-pid"])
            self._first = os.pidfd_open(self._pid)
            self._watch = Watch(self._pid, box.watched, box.bounds, self._signal)

    @property
    def exceeded(self) -> Exceeded | None:
        """The bound at which it was ended."""
        return None if self._watch is None else self._watch.exceeded

    def waits(self) -> bool:
        """True as soon as it ends with its parent, False if it has ended already."""
        if self._first is None:
            return False
        status = Path(f"/proc/{self._pid}/status")
        while not select.select([self._first], [], [], _POLL_S)[0]:
            with suppress(OSError):
                if "\nSeccomp:\t2" in status.read_text(encoding="ascii", errors="replace"):  # right after its signal
                    return True
        return False

    def kill(self) -> None:
        """End everything in it; returns when nothing is left."""
        if self._watch is not None:
            self._watch.stop()
        if self._first is not None:
            self._signal()
            gone = select.poll()
            gone.register(self._first, select.POLLIN)
            gone.poll(_GONE_WITHIN_MS)
            os.close(self._first)
            self._first = None

    def close(self) -> None:
        """Listen no longer; for after its bubblewrap has ended, which would die of it while it has something to say."""
        self._told.close()

    def _signal(self) -> None:
        if self._first is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)


def _is_there(folder: Path) -> bool:
    """Made already by what every program sees."""
    return folder in (Path("/"), Path("/tmp"), ROOM) or folder.is_relative_to("/usr")
