"""Child processes that end with their owner: servers, scanners and drills."""

import fcntl
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
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Self, cast

from tasks.deadline import Deadline
from tasks.files import PRIVATE, narrow

# Drops the user, asks the kernel for a signal at the owner's death, bounds the memory, then becomes the program.
# PDEATHSIG is cleared by a change of user, so it comes after it; an owner that died before it is seen by
# its pid; Python's own ignored signals would survive the exec, so they are put back.
_LAUNCHER = """
import ctypes, os, signal, sys
owner, death, uid, gid, memory, program = sys.argv[1:7]
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
try:
    os.execv(program, sys.argv[7:])
except OSError as error:
    print(f"{program}: {error.strerror}", file=sys.stderr, flush=True)
    os._exit(126)
"""

_TAIL_BYTES = 64 * 1024
_POLL_S = 0.02
_PIPE_BYTES = 1024 * 1024
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_PORT, _TRIED_PORTS = 15_000, 50

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

    `returncode` is negative for the signal that ended it; after a bound was hit it says nothing.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    timed_out: bool
    truncated: bool


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
    and, on Linux, the kernel at the owner's death send: a program that ignores it outlives a killed owner.
    Raises FileNotFoundError for an unknown program.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: User | None = None,
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
                death_signal=stop_signal,
            )

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status (negative: the signal that ended it), None while it runs."""
        with self._lock:
            return _ended(self._process)

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
            if self._process.returncode is None:
                _signal_group(self.pid, self._stop_signal)
        self.wait(self._grace_s if grace_s is None else grace_s)
        with self._lock:
            return _kill_and_reap(self._process)

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
    input: bytes | None = None,
    max_output_bytes: int = 16 * 1024 * 1024,
    max_memory_bytes: int | None = None,
    user: User | None = None,
) -> Finished:
    """Runs a program to its end, or kills its whole group at the deadline.

    A program whose stdout or stderr grows beyond `max_output_bytes` is killed too (`truncated`), and so is
    what it leaves running in its group when it ends. On Linux each process of the group is refused address space
    beyond `max_memory_bytes`: how it ends then is its own. Raises FileNotFoundError for an unknown program.
    """
    deadline = Deadline.after(deadline_s)
    # Files, not pipes: a grandchild that holds a pipe open cannot keep anybody waiting for its end.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(input or b"")
        given.seek(0)
        process = _start(
            argv,
            stdin=subprocess.DEVNULL if input is None else given,
            stdout=out,
            stderr=err,
            env=env,
            cwd=cwd,
            user=user,
            death_signal=signal.SIGKILL,
            memory=max_memory_bytes,
        )
        timed_out = False
        try:
            while _ended(process) is None and _size(out, err) <= max_output_bytes and not timed_out:
                time.sleep(_POLL_S)
                timed_out = _ended(process) is None and deadline.passed
        finally:
            returncode = _kill_and_reap(process)
        # pread: the position of the file is the program's own.
        stdout, stderr = (os.pread(file.fileno(), max_output_bytes, 0) for file in (out, err))
        return Finished(returncode, stdout, stderr, timed_out, _size(out, err) > max_output_bytes)


def feed(
    argv: Sequence[str],
    pieces: Iterable[bytes],
    *,
    deadline_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    max_output_bytes: int = 16 * 1024 * 1024,
    user: User | None = None,
    into: IO[bytes] | None = None,
) -> Finished:
    """Runs a program that reads `pieces` on its stdin, in the bounds of `run`.

    What the program does not read is taken from `pieces` all the same, to their end. An error of theirs kills it.
    What it writes to stdout goes to the file `into`, if one is given, without a bound.
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
            death_signal=signal.SIGKILL,
        )
        timed_out = False
        try:
            timed_out = not _fed(process, pieces, deadline, lambda: _size(out, err) <= max_output_bytes)
            while not timed_out and _ended(process) is None and _size(out, err) <= max_output_bytes:
                time.sleep(_POLL_S)
                timed_out = _ended(process) is None and deadline.passed
        finally:
            returncode = _kill_and_reap(process)
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()
        stdout, stderr = (os.pread(file.fileno(), max_output_bytes, 0) for file in (out, err))
        return Finished(returncode, stdout, stderr, timed_out, _size(out, err) > max_output_bytes)


def _fed(
    process: subprocess.Popen[bytes], pieces: Iterable[bytes], deadline: Deadline, in_bounds: Callable[[], bool]
) -> bool:
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
                _signal_group(process.pid, signal.SIGKILL)
                reading = False
            elif select.select([], [line], [], _POLL_S)[1]:
                try:
                    rest = rest[os.write(line, rest) :]
                except BrokenPipeError:
                    reading = False
            else:  # what it left behind may hold the pipe open, and read nothing
                reading = _ended(process) is None
        if deadline.passed:
            return False
    process.stdin.close()
    return True


def _size(*files: IO[bytes]) -> int:
    return max(os.fstat(file.fileno()).st_size for file in files)


def _start(
    argv: Sequence[str],
    *,
    stdin: int | IO[bytes],
    stdout: IO[bytes],
    stderr: IO[bytes],
    env: Mapping[str, str] | None,
    cwd: Path | None,
    user: User | None,
    death_signal: signal.Signals,
    memory: int | None = None,
) -> subprocess.Popen[bytes]:
    program = shutil.which(argv[0], path=None if env is None else env.get("PATH"))
    if program is None:
        raise FileNotFoundError(f"{argv[0]}: no such program on PATH; install it or give its full path")
    drop = ("", "") if user is None else (str(user.uid), str(user.gid))
    owner = (str(os.getpid()), str(int(death_signal)))
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        _LAUNCHER,
        *owner,
        *drop,
        "" if memory is None else str(memory),
        str(Path(program).absolute()),
        *argv,
    ]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, start_new_session=True
        )

    if threading.current_thread() is threading.main_thread():
        return start()
    return _starter.submit(start).result()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """The exit status, without reaping where the system allows it: until then nobody else gets the pid."""
    if process.returncode is not None or sys.platform != "linux":
        return process.poll()
    state = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if state is None:
        return None
    return state.si_status if state.si_code == os.CLD_EXITED else -state.si_status


def _kill_and_reap(process: subprocess.Popen[bytes]) -> int:
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGKILL)
    return process.wait()
