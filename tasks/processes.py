"""Child processes that end with their owner: servers, scanners and drills."""

import fcntl
import math
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Final, Protocol, Self, cast

from tasks.deadline import Deadline
from tasks.files import PRIVATE, narrow

# Drops the user, asks the kernel for a signal at the owner's death, bounds the memory, then becomes the program.
# Of a sandbox it hands on the gate as descriptor 3, and the kernel takes its programs first when memory ends.
# PDEATHSIG is cleared by a change of user, so it comes after it; an owner that died before it is seen by
# its pid; Python's own ignored signals would survive the exec, so they are put back.
_LAUNCHER = """
import ctypes, os, signal, sys
owner, death, uid, gid, memory, gate, program = sys.argv[1:8]
libc = ctypes.CDLL(None) if sys.platform == "linux" else None
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())
if uid or gid:
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
if libc is not None and libc.prctl(1, int(death)):
    sys.exit("prctl(PR_SET_PDEATHSIG) was refused")
if os.getppid() != int(owner):
    sys.exit(0)
if memory and libc is not None:
    import resource
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = int(memory) if hard == resource.RLIM_INFINITY else min(int(memory), hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
if gate:
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    os.dup2(int(gate), 3)
    os.close(int(gate))
try:
    os.execv(program, sys.argv[8:])
except OSError as error:
    print(f"{program}: {error.strerror}", file=sys.stderr, flush=True)
    os._exit(126)
"""

_TAIL_BYTES = 64 * 1024
_POLL_S = 0.02
_PIPE_BYTES = 1024 * 1024
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_PORT, _TRIED_PORTS = 15_000, 50
_BY_SIGNAL: Final = 128

# PDEATHSIG fires when the *thread* that started the child ends, and pool threads end early: children
# are therefore started by the main thread, or by this one thread that lives as long as the process.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="child-starter")


@dataclass(frozen=True)
class User:
    """The account a child drops to; the owner must be root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Finished:
    """A program that has ended, by itself or at a bound.

    `returncode` is negative for the signal that ended it; after a bound was hit it says nothing. `exceeded` is the
    bound of its sandbox that it hit.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    timed_out: bool
    truncated: bool
    exceeded: str | None = None


class Confined(Protocol):
    """A sandbox with a program in it."""

    @property
    def exceeded(self) -> str | None:
        """The bound at which everything in it was ended."""
        ...

    def kill(self) -> None:
        """End everything in it; returns when nothing is left."""
        ...

    def close(self) -> None:
        """For after its own process has ended; safe to call again."""
        ...


class Entrance(Protocol):
    """The way into a sandbox: the command that makes it, whose descriptor 3 becomes `gate`."""

    @property
    def command(self) -> Sequence[str]:
        """With the program and its arguments in it."""
        ...

    @property
    def gate(self) -> int:
        """Holds the program until it was entered."""
        ...

    @property
    def descriptors(self) -> Collection[int]:
        """What the command inherits, the gate among them."""
        ...

    def entered(self, process: subprocess.Popen[bytes]) -> Confined:
        """Let the program run."""
        ...


class Sandbox(Protocol):
    """Where a program is confined; its folder and its environment are the sandbox's."""

    def entering(self, argv: Sequence[str]) -> AbstractContextManager[Entrance]:
        """The way into it for one program."""
        ...


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on right now; another process may still take it before its user does.

    On Linux none of those that outgoing connections are given: one of them would take it within seconds.
    """
    for port in random.sample(_own_ports(), _TRIED_PORTS):
        with suppress(OSError), socket.create_server((host, port)):
            return port
    with socket.create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])


def _own_ports() -> range:
    """Ports below those of outgoing connections; where these are not known, below Linux's usual ones."""
    try:
        first = int(_OUTGOING.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 0
    return range(_FIRST_PORT, first if first >= _FIRST_PORT + _TRIED_PORTS else 2**15)


class Child:
    """A supervised process in a group of its own, started at construction.

    Its stdout and stderr are appended to `log`; `env` replaces the environment. `stop_signal` is what `stop`
    and, on Linux, the kernel at the owner's death send: a program that ignores it outlives a killed owner. What is in
    a sandbox is killed in both cases. Raises FileNotFoundError for an unknown program.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: User | None = None,
        sandbox: Sandbox | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_s: float = 10.0,
    ) -> None:
        self._log = log
        self._stop_signal = stop_signal
        self._grace_s = grace_s
        self._lock = threading.Lock()
        with _private_log(log, "ab") as output:
            self._log_start = output.tell()
            self._process = _start(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                cwd=cwd,
                user=user,
                sandbox=sandbox,
                death_signal=stop_signal,
            )

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._process.pid

    @property
    def exceeded(self) -> str | None:
        """The bound of its sandbox at which it was ended."""
        return self._process.exceeded

    @property
    def returncode(self) -> int | None:
        """The exit status (negative: the signal that ended it), None while it runs."""
        with self._lock:
            return self._process.ended()

    @property
    def running(self) -> bool:
        """Whether the program itself (not what it started) is still there."""
        return self.returncode is None

    def wait(self, timeout_s: float) -> int | None:
        """The exit status once it ends, None when it has not after `timeout_s`."""
        deadline = Deadline.after(timeout_s)
        while (returncode := self.returncode) is None and not deadline.passed:
            time.sleep(_POLL_S)
        return returncode

    def stop(self, grace_s: float | None = None) -> int:
        """Signals the group, kills what is left of it after `grace_s`, and reaps; safe to call again.

        The grace is the program's own: what it leaves behind in its group when it ends is killed at once.
        """
        with self._lock:
            asked = self._process.ask_to_end(self._stop_signal)
        if asked:
            self.wait(self._grace_s if grace_s is None else grace_s)
        with self._lock:
            return self._process.kill_and_reap()

    def tail(self, lines: int = 20) -> str:
        """The last lines this child wrote."""
        with self._log.open("rb") as written:
            end = written.seek(0, os.SEEK_END)
            written.seek(max(self._log_start, end - _TAIL_BYTES))
            return "\n".join(written.read().decode(errors="replace").splitlines()[-lines:])

    def trim_log(self, most_bytes: int) -> None:
        """Move the log beside itself as `.1` when it is longer; the child goes on writing into the emptied file."""
        with self._log.open("r+b") as written:
            if written.seek(0, os.SEEK_END) <= most_bytes:
                return
            written.seek(0)
            with _private_log(self._log.with_name(f"{self._log.name}.1"), "wb") as kept:
                shutil.copyfileobj(written, kept)
            written.truncate(0)
        self._log_start = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _private_log(path: Path, mode: str) -> BinaryIO:
    """What a child writes may hold anything of the service's: nobody else reads it."""
    log = open(path, mode, opener=lambda name, flags: os.open(name, flags, PRIVATE))  # noqa: SIM115
    narrow(path)
    return cast(BinaryIO, log)


def run(
    argv: Sequence[str],
    *,
    deadline_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input: bytes | IO[bytes] | None = None,
    max_output_bytes: int = 16 * 1024 * 1024,
    max_memory_bytes: int | None = None,
    user: User | None = None,
    sandbox: Sandbox | None = None,
) -> Finished:
    """Runs a program to its end, or kills its whole group at the deadline.

    A program whose stdout or stderr grows beyond `max_output_bytes` is killed too (`truncated`), and so is
    what it leaves running in its group when it ends. On Linux each process of the group is refused address space
    beyond `max_memory_bytes`: how it ends then is its own. Raises FileNotFoundError for an unknown program.
    """
    deadline = Deadline.after(deadline_s)
    # Files, not pipes: a grandchild that holds a pipe open cannot keep anybody waiting for its end.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if isinstance(input, bytes):
            given.write(input)
            given.seek(0)
        process = _start(
            argv,
            stdin=subprocess.DEVNULL if input is None else given if isinstance(input, bytes) else input,
            stdout=out,
            stderr=err,
            env=env,
            cwd=cwd,
            user=user,
            sandbox=sandbox,
            death_signal=signal.SIGKILL,
            memory=max_memory_bytes,
        )
        timed_out = False
        try:
            while process.ended() is None and _size(out, err) <= max_output_bytes and not timed_out:
                time.sleep(_POLL_S)
                timed_out = process.ended() is None and deadline.passed
        finally:
            returncode = process.kill_and_reap()
        # pread: the position of the file is the program's own.
        stdout, stderr = (os.pread(file.fileno(), max_output_bytes, 0) for file in (out, err))
        truncated = _size(out, err) > max_output_bytes
        return Finished(returncode, stdout, stderr, timed_out, truncated, process.exceeded)


def feed(
    argv: Sequence[str],
    pieces: Iterable[bytes],
    *,
    deadline_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    max_output_bytes: int = 16 * 1024 * 1024,
    user: User | None = None,
    sandbox: Sandbox | None = None,
    into: IO[bytes] | None = None,
    most_into_bytes: float = math.inf,
) -> Finished:
    """Runs a program that reads `pieces` on its stdin, in the bounds of `run`.

    What the program does not read is taken from `pieces` all the same, to their end. An error of theirs kills it.
    What it writes to stdout goes to the file `into`, if one is given; it is killed (`truncated`) when that grows
    beyond `most_into_bytes`.
    """
    deadline = Deadline.after(deadline_s)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = _start(
            argv,
            stdin=subprocess.PIPE,
            stdout=out if into is None else into,
            stderr=err,
            env=env,
            cwd=cwd,
            user=user,
            sandbox=sandbox,
            death_signal=signal.SIGKILL,
        )

        def in_bounds() -> bool:
            return _size(out, err) <= max_output_bytes and (into is None or _size(into) <= most_into_bytes)

        timed_out = False
        try:
            timed_out = not _fed(process, pieces, deadline, in_bounds)
            while not timed_out and process.ended() is None and in_bounds():
                time.sleep(_POLL_S)
                timed_out = process.ended() is None and deadline.passed
        finally:
            returncode = process.kill_and_reap()
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()
        stdout, stderr = (os.pread(file.fileno(), max_output_bytes, 0) for file in (out, err))
        return Finished(returncode, stdout, stderr, timed_out, not in_bounds(), process.exceeded)


class Respondent:
    """A supervised process that answers one object after another, until it is stopped.

    The program has its end of the conversation as stdin, on which `multiprocessing.connection.Connection(0)` speaks.
    Raises FileNotFoundError for an unknown program.
    """

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs, Path(os.devnull).open("wb") as nowhere:
            self._connection = Connection(ours.detach())
            try:
                self._process = _start(
                    argv,
                    stdin=theirs.fileno(),
                    stdout=nowhere,
                    stderr=nowhere,
                    env=env,
                    cwd=None,
                    user=None,
                    sandbox=None,
                    death_signal=signal.SIGKILL,
                )
            except BaseException:
                self._connection.close()
                raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(self, question: object) -> Any:
        """What the program answers; raises EOFError or OSError if it ends instead."""
        self._connection.send(question)
        return self._connection.recv()

    def stop(self) -> None:
        """Kill it and reap it; a question that waits for its answer raises. Safe to call again."""
        self._process.kill_and_reap()

    def close(self) -> None:
        """Stop it, and let go of the conversation."""
        self.stop()
        self._connection.close()


def _fed(process: "_Process", pieces: Iterable[bytes], deadline: Deadline, in_bounds: Callable[[], bool]) -> bool:
    """False when the deadline came first."""
    assert process.stdin is not None
    line = process.stdin.fileno()
    os.set_blocking(line, False)
    if sys.platform == "linux":  # the program has something to do while the next piece is made
        with suppress(OSError):
            fcntl.fcntl(line, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    reading = True
    for piece in pieces:
        rest = memoryview(piece)
        while reading and rest:
            if deadline.passed:
                return False
            if not in_bounds():
                process.kill()
                reading = False
            elif select.select([], [line], [], _POLL_S)[1]:
                try:
                    rest = rest[os.write(line, rest) :]
                except BrokenPipeError:
                    reading = False
            else:  # what it left behind may hold the pipe open, and read nothing
                reading = process.ended() is None
        if deadline.passed:
            return False
    process.stdin.close()
    return True


def _size(*files: IO[bytes]) -> int:
    return max(os.fstat(file.fileno()).st_size for file in files)


class _Process:
    """A program that was started, in a group of its own, and the sandbox that it is in."""

    def __init__(self, process: subprocess.Popen[bytes], confined: Confined | None) -> None:
        self._process, self._confined = process, confined
        self.pid, self.stdin = process.pid, process.stdin

    @property
    def exceeded(self) -> str | None:
        return None if self._confined is None else self._confined.exceeded

    def ended(self) -> int | None:
        """The exit status, without reaping where the system allows it: until then nobody else gets the pid."""
        if self._process.returncode is not None or sys.platform != "linux":
            status = self._process.poll()
            return None if status is None else self._status(status)
        state = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if state is None:
            return None
        return self._status(state.si_status if state.si_code == os.CLD_EXITED else -state.si_status)

    def ask_to_end(self, number: signal.Signals) -> bool:
        """Send a signal; False if there is nobody to ask: what is in a sandbox hears of none."""
        if self._process.returncode is not None or self._confined is not None:
            return False
        _signal_group(self.pid, number)
        return True

    def kill(self) -> None:
        if self._confined is not None:
            self._confined.kill()
        if self._process.returncode is None:
            _signal_group(self.pid, signal.SIGKILL)

    def kill_and_reap(self) -> int:
        """The exit status; nothing of it is left."""
        self.kill()
        status = self._status(self._process.wait())
        if self._confined is not None:
            self._confined.close()
        return status

    def _status(self, status: int) -> int:
        """A sandbox ends as its program did, and as a shell does after a signal."""
        return _BY_SIGNAL - status if self._confined is not None and status > _BY_SIGNAL else status


def _start(
    argv: Sequence[str],
    *,
    stdin: int | IO[bytes],
    stdout: IO[bytes],
    stderr: IO[bytes],
    env: Mapping[str, str] | None,
    cwd: Path | None,
    user: User | None,
    sandbox: Sandbox | None,
    death_signal: signal.Signals,
    memory: int | None = None,
) -> _Process:
    def start(
        command: Sequence[str], gate: str = "", descriptors: Collection[int] = ()
    ) -> subprocess.Popen[bytes]:  # fmt: skip
        program = shutil.which(command[0], path=None if env is None else env.get("PATH"))
        if program is None:
            raise FileNotFoundError(f"{command[0]}: no such program on PATH; install it or give its full path")
        drop = ("", "") if user is None else (str(user.uid), str(user.gid))
        launcher = (sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), str(int(death_signal)), *drop)
        return subprocess.Popen(
            [*launcher, "" if memory is None else str(memory), gate, str(Path(program).absolute()), *command],
            stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, start_new_session=True, pass_fds=descriptors,
        )  # fmt: skip

    if sandbox is None:
        return _Process(_by_starter(lambda: start(argv)), None)
    with sandbox.entering(argv) as way:
        process = _by_starter(lambda: start(way.command, str(way.gate), way.descriptors))
        return _Process(process, way.entered(process))


def _by_starter(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    if threading.current_thread() is threading.main_thread():
        return start()
    return _starter.submit(start).result()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)
