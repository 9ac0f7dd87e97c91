"""What stands around a restore drill, and must not be touched: a live server, listeners, secrets, an open folder."""

import json
import os
import re
import secrets
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

from tasks.backups.drill.folder import PREFIX
from tasks.backups.facts import DrillVerdict
from tasks.postgres.cluster import environment, initdb_command
from tasks.postgres.installation import Installation, server_account
from tasks.processes import Child, User, free_port, run
from tasks.sandbox.sweep import remove_tree
from tests.shop_backups import LONGEST_S

ROOT = Path(__file__).parents[1]
ACCOUNT = User(64_321, 64_321)
"""An ordinary account, of which this machine knows nothing."""

SMALL = 600 * 1024 * 1024
"""Bytes of a disk in which bombs go off; only root has one."""

SECRET, VARIABLE = "secret-of-a-file-", "secret-of-the-environment-"
_GONE_WITHIN_S = 15.0
_READS = re.compile(r"(BEGIN|SELECT|WITH|SET|SHOW|ROLLBACK|COMMIT|SAVEPOINT|RELEASE|DISCARD|DEALLOCATE)\b", re.I)
_LIVE = """
CREATE ROLE watcher LOGIN BYPASSRLS IN ROLE pg_read_all_data;
CREATE ROLE intruder LOGIN SUPERUSER;
CREATE TABLE orders (id int PRIMARY KEY, at timestamptz NOT NULL);
INSERT INTO orders SELECT n, now() - n * interval '1 minute' FROM generate_series(1, 100) n;
"""
# Imports take longer than a drill: one process does them under an account, and drills in children.
_DRILLS = """
import json, os, sys
from pathlib import Path
from tasks.backups.settings import BackedUp, Backups
from tasks.backups.targets import Target
from tests.shop_backups import drilled
for line in sys.stdin:
    kept, live, drills, postgres, longest_s, settings, isolation = json.loads(line)
    if (child := os.fork()) == 0:
        target = Target("shop", BackedUp(pattern=kept, **settings), Path(kept).parent, live)
        backups = Backups(folder=Path(drills), postgres=(Path(postgres),), isolation=isolation)
        found = drilled(target, backups, longest_s)
        answers = {answer.name: str(answer.value) for answer in found.drill.answers}
        words = repr(found.drill) + repr(found.ladder)
        print(json.dumps([found.verdict.value, found.summary(), words, answers]), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("null", flush=True)
"""


@dataclass(frozen=True)
class Harm:
    """What a drill did outside; all of it is to be nothing."""

    files: tuple[str, ...]
    connections: int
    rows: int
    processes: Mapping[int, str]
    folders: tuple[str, ...]
    revealed: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def none(self) -> bool:
        """True if nothing was touched."""
        return self == Harm((), 0, 0, {}, (), (), ())


@dataclass(frozen=True)
class Ended:
    """How a drill ended, and what it did."""

    verdict: DrillVerdict
    summary: str
    answers: dict[str, str]
    harm: Harm
    seconds: float


@dataclass
class Ground:
    """The surroundings of drills that run under one account; `survivor` is how long a process left behind sleeps."""

    folder: Path
    account: User | None
    port: int
    survivor: int
    listeners: "Listeners"
    log: Path
    _driller: "_Driller"
    _seen: int = field(default=0)

    @property
    def open(self) -> Path:
        """Where everybody may write; the live server's socket is here."""
        return self.folder / "open"

    @property
    def secret(self) -> Path:
        """Readable by the drill's own account alone."""
        return self.folder / "secret"

    @property
    def kept(self) -> Path:
        """Where backups are."""
        return self.folder / "kept"

    @property
    def small(self) -> Path:
        """A disk of its own, of `SMALL` bytes."""
        return self.folder / "small"

    @property
    def live(self) -> str:
        """The live database for the role that reads."""
        return f"postgresql://watcher@127.0.0.1:{self.port}/shop"

    def owner(self) -> "psycopg.Connection[tuple[object, ...]]":
        """A session of the live server's administrator, who is us."""
        return psycopg.connect(self.owner_of("shop"), autocommit=True)

    def owner_of(self, database: str) -> str:
        """The address of one of its databases, for the administrator."""
        return make_conninfo("", host="127.0.0.1", port=self.port, user="postgres", dbname=database)

    def drill(
        self, backup: Path, installation: Installation, *, drills: Path | None = None, longest_s: float = LONGEST_S,
        isolation: str = "required", settings: dict[str, object] | None = None,
    ) -> Ended:  # fmt: skip
        """A drill of a backup, and everything that came of it outside."""
        place = drills or self.folder / "drills"
        for left in self.harm(place).processes:  # of before: what a plain restore started came late
            with suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)
        self.readable(backup)
        told = [backup, self.live, place, installation.binaries, longest_s, settings or {}, isolation]
        began = time.monotonic()
        answer = self._driller.asked(json.dumps(told, default=str))
        verdict, summary, words, answers = answer
        seconds = time.monotonic() - began
        harm = self.harm(place, words + _text(self._driller.log))
        return Ended(DrillVerdict(verdict), summary, answers, harm, seconds)

    def readable(self, backup: Path) -> None:
        """Give a backup to the account, as that of its own."""
        if self.account is not None:
            for path in (backup, *backup.rglob("*")):
                os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def harm(self, drills: Path, words: str = "") -> Harm:
        """What there is to be found outside now; it is taken away."""
        until = time.monotonic() + (_GONE_WITHIN_S if words else 0)
        while (left := self._survivors(drills)) and time.monotonic() < until:
            time.sleep(0.05)
        files = tuple(sorted(path.name for path in self.open.iterdir() if not path.name.startswith(".s.PGSQL")))
        found = "".join(_text(self.open / name) for name in files) + words
        with psycopg.connect(self.owner_of("postgres"), autocommit=True) as session:
            [(rows,)] = session.execute("SELECT count(*) FROM hit").fetchall()
            session.execute("TRUNCATE hit")
        for name in files:
            path = self.open / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        log = self.log.read_text(encoding="utf-8", errors="replace")
        new, self._seen = log[self._seen :], len(log)
        return Harm(
            files,
            self.listeners.taken() + len(re.findall(r"connection authorized: user=intruder", new)),
            int(str(rows)),
            left,
            tuple(path.name for path in drills.glob(f"*{PREFIX}*")),
            tuple(secret for secret in (SECRET, VARIABLE) if secret in found),
            tuple(each for each in re.findall(r"^watcher LOG:  (?:statement|execute [^:]*): (.*(?:\n\t.*)*)", new, re.M)
                  if not _READS.match(each.strip())),
        )  # fmt: skip

    def _survivors(self, drills: Path) -> dict[int, str]:
        marks = (f"sleep\0{self.survivor}".encode(), os.fsencode(drills / PREFIX))
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                argv = (process / "cmdline").read_bytes()
                if any(mark in argv for mark in marks):
                    found[int(process.name)] = argv.replace(b"\0", b" ").decode("utf-8", "replace")[:200]
        return found


class Listeners:
    """Sockets outside a sandbox that count who comes: TCP, UDP, a path, and an abstract name."""

    def __init__(self, folder: Path) -> None:
        self.name = f"opsrounds-{os.getpid()}-{folder.name}"
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0{self.name}/.s.PGSQL.5432")
        self.abstract.listen()
        self._taken = 0
        self._lock = threading.Lock()
        self._end, self._ended = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Of TCP."""
        return int(self.tcp.getsockname()[1])

    @property
    def udp_port(self) -> int:
        """Of UDP."""
        return int(self.udp.getsockname()[1])

    def taken(self) -> int:
        """How many came since it was last asked."""
        with self._lock:
            taken, self._taken = self._taken, 0
        return taken

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self.tcp, self.udp, self.abstract, self._end], [], [])
            if self._end in ready:
                return
            for each in ready:
                if each is self.udp:
                    self.udp.recv(100)
                else:
                    each.accept()[0].close()
                with self._lock:
                    self._taken += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._ended, b"x")
        self._thread.join()
        for each in (self.tcp, self.udp, self.abstract):
            each.close()
        os.close(self._end)
        os.close(self._ended)


class _Driller:
    """A process under an account that drills what it is told."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process, self.log = process, log

    def asked(self, line: str) -> tuple[str, str, str, dict[str, str]]:
        """How a drill ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or "null")
        if answer is None:
            raise RuntimeError(_text(self.log)[-3000:])
        verdict, summary, words, answers = answer
        return verdict, summary, words, answers


@contextmanager
def _drilling(folder: Path, account: User | None) -> Iterator[_Driller]:
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    log = folder / "drills.log"
    with log.open("wb") as written, subprocess.Popen(
        [*entered(account), sys.executable, "-c", _DRILLS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=written, text=True, cwd="/", env=variables | {"SMTP_PASSWORD": VARIABLE + "x"},
    ) as process:  # fmt: skip
        yield _Driller(process, log)
        process.terminate()


@contextmanager
def temporary(prefix: str, within: Path | None = None) -> Iterator[Path]:
    """A folder that is removed at the end, whatever was made in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    try:
        yield folder
    finally:
        remove_tree(folder)


@contextmanager
def ground(account: User | None, installation: Installation) -> Iterator[Ground]:
    """The surroundings of the drills of an account; None is who runs this."""
    with ExitStack() as stack:
        folder = stack.enter_context(temporary("ground-"))
        folder.chmod(0o755)
        for name, mode in (("open", 0o777), ("kept", 0o755), ("home", 0o700), ("drills", 0o700)):
            (folder / name).mkdir()
            (folder / name).chmod(mode)
        (folder / "secret").write_text(SECRET + "x\n")
        (folder / "secret").chmod(0o600)
        if account is not None:
            for name in ("home", "drills", "secret"):
                os.chown(folder / name, account.uid, account.gid)
        listeners = stack.enter_context(Listeners(folder))
        if os.geteuid() == 0:
            stack.enter_context(_mounted(folder / "small", account))
        driller = stack.enter_context(_drilling(folder, account))
        live = served(folder / "live", installation, sockets=folder / "open", watched=True)
        port, log = stack.enter_context(live)
        survivor = secrets.randbelow(10**8) + 10**8
        made = Ground(folder, account, port, survivor, listeners, log, driller)
        with psycopg.connect(made.owner_of("postgres"), autocommit=True) as session:
            session.execute(b"CREATE TABLE hit (way text)")
            session.execute(b"CREATE DATABASE shop")
        with made.owner() as session:
            session.execute(_LIVE.encode())
        yield made


@contextmanager
def _mounted(folder: Path, account: User | None) -> Iterator[None]:
    """A disk of its own that is soon full."""
    folder.mkdir()
    who = "" if account is None else f",uid={account.uid},gid={account.gid}"
    made = run(["mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=0700{who}", "tmpfs", str(folder)], deadline_s=30)
    assert made.returncode == 0, made.stderr
    try:
        yield
    finally:
        run(["umount", "--lazy", str(folder)], deadline_s=30)


@contextmanager
def served(
    folder: Path, installation: Installation, *, sockets: Path | None = None, watched: bool = False
) -> Iterator[tuple[int, Path]]:
    """A server without a sandbox, which trusts everybody: its port and its log."""
    account = server_account()
    folder.mkdir(mode=0o755)
    data, port = folder / "data", free_port()
    data.mkdir(mode=0o700)
    if account is not None:
        os.chown(data, account.uid, account.gid)
    binaries = installation.binaries
    made = run(initdb_command(binaries, str(data), fsync=False, builtin_locale=False), deadline_s=120,
               env=environment(), cwd=data, user=account)  # fmt: skip
    assert made.returncode == 0, made.stderr
    settings = {"port": port, "unix_socket_directories": sockets or "", "fsync": "off", "log_line_prefix": "%u ",
                "log_statement": "all" if watched else "none", "log_connections": "on" if watched else "off",
                "unix_socket_permissions": "0777", "shared_buffers": "32MB"}  # fmt: skip
    argv = [installation.program("postgres"), "-D", str(data)]
    argv += [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    log = folder / "postgres.log"
    with Child(argv, log=log, env=environment(), cwd=data, user=account) as server:
        until = time.monotonic() + 60
        while time.monotonic() < until and "ready to accept connections" not in _text(log):
            assert server.running, server.tail()
            time.sleep(0.02)
        yield port, log
        server.stop(0)


def entered(account: User | None) -> Sequence[str]:
    """What makes a command that of another account, for which folders of root's that Python lies in are opened."""
    if account is None or os.geteuid() == account.uid:
        return ()
    bwrap = shutil.which("bwrap")
    assert bwrap, "only with bubblewrap on PATH does root become another account here"
    needed = sorted({Path(place).resolve() for place in (sys.base_prefix, sys.prefix, ROOT)})
    closed = sorted({top for place in needed for top in place.parents if not top.stat().st_mode & stat.S_IXOTH})
    view = ["--dev-bind", "/", "/"]
    for top in closed:
        view += ["--perms", "0755", "--tmpfs", str(top)]
        for place in needed:
            if place.is_relative_to(top):
                between = [each for each in reversed(place.parents) if each.is_relative_to(top) and each != top]
                view += [part for each in between for part in ("--perms", "0755", "--dir", str(each))]
                view += ["--ro-bind", str(place), str(place)]
    return (
        bwrap, *view, "--", "setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups",
        "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all",
    )  # fmt: skip


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_bytes().decode("utf-8", "replace")
    return ""
