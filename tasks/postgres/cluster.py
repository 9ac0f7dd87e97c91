"""A cluster's data folder: made, owned by one process, and freed of a server that lost its owner."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tasks.deadline import Deadline
from tasks.files import locked, new_folder
from tasks.postgres.installation import PostgresPlace, PostgresUnavailable
from tasks.processes import Child, Finished, run

INITDB_S = 60.0
"""Longest time of initdb."""

_READY_DEADLINE_S = 60.0
_ORPHAN_GRACE_S = 20.0
_POLL_S = 0.02


def environment() -> dict[str, str]:
    """Nothing of the owner's but its PATH: PGDATA, PGPORT and friends would change what is started."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


@contextmanager
def owning(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, so that a server found running in it has lost its owner."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / "owner.lock"))
        except BlockingIOError:
            raise PostgresUnavailable(
                f"{folder} is in use by another process: stop it or choose another folder"
            ) from None
        yield


def initialise(place: PostgresPlace, fsync: bool, *, builtin_locale: bool = True) -> None:
    """Creates the data beside its final place: an interrupted initdb leaves no half a cluster.

    PostgreSQL before 17 has no locale of its own. Raises PostgresUnavailable.
    """
    fresh = place.data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    with new_folder(place.data, mode=0o700, at=fresh, durable=fsync):
        if place.user is not None:
            os.chown(fresh, place.user.uid, place.user.gid)
        _run_initdb(place, fresh, fsync, builtin_locale)


def _run_initdb(place: PostgresPlace, fresh: Path, fsync: bool, builtin_locale: bool) -> None:
    argument = str(fresh) if place.data_argument == str(place.data) else place.data_argument
    argv = initdb_command(place.binaries, argument, fsync=fsync, builtin_locale=builtin_locale)
    require_made(run(argv, deadline_s=INITDB_S, env=environment(), cwd=fresh, user=place.user), place.data)


def initdb_command(binaries: Path, data: str, *, fsync: bool, builtin_locale: bool = True) -> list[str]:
    """What makes a cluster."""
    argv = [str(binaries / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    argv += ["--locale=C", "--no-instructions"]
    argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if builtin_locale else []
    return argv if fsync else [*argv, "--no-sync"]


def require_made(initdb: Finished, data: Path) -> None:
    """Raise PostgresUnavailable with initdb's own words unless it has made a cluster."""
    if initdb.returncode != 0 or initdb.timed_out:
        output = (initdb.stderr or initdb.stdout).decode(errors="replace")[-2000:]
        raise PostgresUnavailable(f"initdb did not create {data}:\n{output}")


def chown_data(place: PostgresPlace) -> None:
    """Hands data of another account (kept by an earlier run that was not root) to the server's."""
    user = place.user
    if user is None or place.data.stat().st_uid == user.uid:
        return
    for folder, folders, files in os.walk(place.data):
        for name in (".", *folders, *files):
            os.chown(Path(folder, name), user.uid, user.gid, follow_symlinks=False)


def end_orphan(data: Path) -> None:
    """Ends the server a killed owner left in `data`, or removes the pid file it left."""
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n")[0])
    except (FileNotFoundError, ValueError):
        return
    for number in (signal.SIGINT, signal.SIGQUIT):
        deadline = Deadline.after(_ORPHAN_GRACE_S)
        if _is_postmaster(pid, data):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while _is_postmaster(pid, data) and not deadline.passed:
            time.sleep(_POLL_S)
    if _is_postmaster(pid, data):
        raise PostgresUnavailable(f"process {pid} still serves {data} and does not stop: stop it by hand")
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


def wait_until_ready(server: Child, data: Path) -> None:
    """Waits for "ready" in the server's pid file, which cannot be another server's on that port.

    Raises PostgresUnavailable.
    """
    limit = Deadline.after(_READY_DEADLINE_S)
    while server.running and not limit.passed:
        with suppress(FileNotFoundError):
            lines = (data / "postmaster.pid").read_text().split("\n")
            if lines[0] == str(server.pid) and len(lines) > 7 and lines[7].strip() == "ready":
                return
        time.sleep(_POLL_S)
    state = f"not ready after {_READY_DEADLINE_S:.0f} s" if server.running else "exited at startup"
    raise PostgresUnavailable(f"PostgreSQL on {data}: {state}\n{server.tail()}")
