"""A throw-away PostgreSQL 18 on loopback, from the wheel: for the demo, the tests and the restore drills."""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tasks.postgres.installation import Place, PostgresUnavailable, chosen_place
from tasks.processes import Child, free_port, run

HOST = "127.0.0.1"
_INITDB_DEADLINE_S = 60.0
_READY_DEADLINE_S = 60.0
_STOP_GRACE_S = 20.0
_ORPHAN_GRACE_S = 20.0
_POLL_S = 0.02


@dataclass(frozen=True)
class PostgresServer:
    """A running server; anybody on this machine may connect as `postgres` without a password."""

    dsn: str
    host: str
    port: int
    data: Path


@contextmanager
def running_postgres(folder: Path, *, fsync: bool = True, port: int | None = None) -> Iterator[PostgresServer]:
    """A server on the data kept in `folder`, which is created when new; stopped at the end.

    For throw-away data only: connections are trusted without a password, from this machine alone. As root it
    runs as `nobody`, since PostgreSQL refuses root. `fsync=False` is faster and loses data with the machine's
    power. Raises PostgresUnavailable.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with _owning(folder), chosen_place(folder) as place:
        _end_orphan(place.data)
        if not (place.data / "PG_VERSION").exists():
            _initialise(place, fsync)
        _give(place)
        chosen = free_port(HOST) if port is None else port
        argv = [str(place.binaries / "postgres"), "-D", place.data_argument, *_options(chosen, fsync)]
        with Child(
            argv,
            log=folder / "postgres.log",
            env=_environment(),
            cwd=place.data,
            user=place.user,
            # SIGINT is the fast shutdown; SIGTERM would wait for every client to leave.
            stop_signal=signal.SIGINT,
            grace_s=_STOP_GRACE_S,
        ) as server:
            _wait_until_ready(server, place.data)
            yield PostgresServer(f"postgresql://postgres@{HOST}:{chosen}/postgres", HOST, chosen, place.data)


def _options(port: int, fsync: bool) -> Sequence[str]:
    settings = {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "shared_buffers": "32MB",
        "log_timezone": "UTC",
        "timezone": "UTC",
    }
    if not fsync:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]


def _environment() -> dict[str, str]:
    """Nothing of the owner's but its PATH: PGDATA, PGPORT and friends would change what is started."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


@contextmanager
def _owning(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, so that a server found running in it has lost its owner."""
    with (folder / "owner.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PostgresUnavailable(
                f"{folder} is in use by another process: stop it or choose another folder"
            ) from None
        yield


def _initialise(place: Place, fsync: bool) -> None:
    """Creates the data beside its final place: an interrupted initdb leaves no half a cluster."""
    fresh = place.data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if place.user is not None:
        os.chown(fresh, place.user.uid, place.user.gid)
    argument = str(fresh) if place.data_argument == str(place.data) else place.data_argument
    argv = [str(place.binaries / "initdb"), "-D", argument, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    argv += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    argv += [] if fsync else ["--no-sync"]
    finished = run(argv, deadline_s=_INITDB_DEADLINE_S, env=_environment(), cwd=fresh, user=place.user)
    if finished.returncode != 0 or finished.timed_out:
        said = (finished.stderr or finished.stdout).decode(errors="replace")[-2000:]
        raise PostgresUnavailable(f"initdb did not create {place.data}:\n{said}")
    if place.data.exists():
        place.data.rmdir()
    fresh.rename(place.data)


def _give(place: Place) -> None:
    """Hands data of another account (kept by an earlier run that was not root) to the server's."""
    user = place.user
    if user is None or place.data.stat().st_uid == user.uid:
        return
    for folder, folders, files in os.walk(place.data):
        for name in (".", *folders, *files):
            os.chown(Path(folder, name), user.uid, user.gid, follow_symlinks=False)


def _end_orphan(data: Path) -> None:
    """Ends the server a killed owner left in `data`, or removes the pid file it left."""
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n")[0])
    except (FileNotFoundError, ValueError):
        return
    for number in (signal.SIGINT, signal.SIGQUIT):
        deadline = time.monotonic() + _ORPHAN_GRACE_S
        if _is_postmaster(pid, data):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while _is_postmaster(pid, data) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    if _is_postmaster(pid, data):
        raise PostgresUnavailable(f"process {pid} still serves {data} and does not end: stop it by hand")
    # Left in place, a pid that now belongs to somebody else would stop the start.
    if Path("/proc/self/cwd").exists():
        pid_file.unlink(missing_ok=True)


def _is_postmaster(pid: int, data: Path) -> bool:
    """Whether `pid` is, beyond doubt, the server of `data`: its program, and the folder it works in."""
    process = Path("/proc") / str(pid)
    try:
        return (process / "cwd").samefile(data) and (process / "exe").readlink().name.startswith("postgres")
    except OSError:
        return False


def _wait_until_ready(server: Child, data: Path) -> None:
    """Waits for the server's own word in its pid file, which cannot be another server's on that port."""
    deadline = time.monotonic() + _READY_DEADLINE_S
    while server.running and time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            lines = (data / "postmaster.pid").read_text().split("\n")
            if lines[0] == str(server.pid) and len(lines) > 7 and lines[7].strip() == "ready":
                return
        time.sleep(_POLL_S)
    state = f"not ready after {_READY_DEADLINE_S:.0f} s" if server.running else "ended at its start"
    raise PostgresUnavailable(f"PostgreSQL on {data}: {state}\n{server.tail()}")
