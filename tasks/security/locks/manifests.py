"""Files that name a service's packages and are not supported as lock files."""

import re
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from configparser import Error as BadSettings
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from tasks.check_result import Message, msg
from tasks.security.locks.content import Unusable, decoded, read_bytes
from tasks.security.locks.interface import NPM, PYPI
from tasks.security.locks.package_lock import parse_json
from tasks.security.locks.pylock import parse_toml


@dataclass(frozen=True, slots=True)
class Manifest:
    """An ecosystem's file, and what to do so that its packages can be scanned."""

    ecosystem: str
    advice: Message


UNSUPPORTED: Final[Mapping[str, Manifest]] = {
    "poetry.lock": Manifest(PYPI, msg("poetry.lock is not supported: run `poetry export -o requirements.txt`")),
    "Pipfile.lock": Manifest(PYPI, msg("Pipfile.lock is not supported: run `pipenv requirements > requirements.txt`")),
    "pdm.lock": Manifest(PYPI, msg("pdm.lock is not supported: run `pdm export -o requirements.txt`")),
    "bun.lock": Manifest(NPM, msg("bun.lock is not supported: run `bun install --yarn` and keep yarn.lock")),
    "bun.lockb": Manifest(NPM, msg("bun.lockb is not supported: run `bun install --yarn` and keep yarn.lock")),
}
"""Lock files by name."""

_PYPROJECT = Manifest(PYPI, msg("pyproject.toml pins nothing: make a lock file, with `uv lock` or `pip lock`"))
_SETUP_PY = Manifest(PYPI, msg("setup.py pins nothing: run `uv pip compile setup.py -o requirements.txt`"))
_SETUP_CFG = Manifest(PYPI, msg("setup.cfg pins nothing: run `uv pip compile setup.cfg -o requirements.txt`"))
_PIPFILE = Manifest(PYPI, msg("Pipfile pins nothing: run `pipenv lock` and `pipenv requirements > requirements.txt`"))
_INPUT = Manifest(PYPI, msg("A file of pip-compile pins nothing: keep the requirements.txt that it writes"))
_PACKAGE_JSON = Manifest(NPM, msg("package.json pins nothing: keep the lock file that npm, pnpm or yarn writes"))

_INSTALLS = re.compile(rb"^[^#\n]*\binstall_requires\b(?!['\"]?\s*[=:]\s*\[\s*\])", re.MULTILINE)
"""A setup.py is not run and, if it is for Python 2, not parsed."""


def declares_packages(root: Path, path: str) -> Manifest | None:
    """What a file is, if it names packages that a service uses."""
    file = PurePosixPath(path)
    if file.name in UNSUPPORTED:
        return UNSUPPORTED[file.name]
    if file.suffix == ".in" and (file.name.startswith("requirements") or file.parent.name == "requirements"):
        return _INPUT
    if (known := _MANIFESTS.get(file.name)) is None:
        return None
    kind, names_packages = known
    try:
        return kind if names_packages(read_bytes(root, path), path) else None
    except Unusable:  # a fixture of somebody's tests, a template
        return None


def _in_pyproject(content: bytes, path: str) -> bool:
    read = parse_toml(decoded(content, path), path)
    project, tool = read.get("project"), read.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    named = poetry.get("dependencies") if isinstance(poetry, dict) else None
    return bool(
        (isinstance(project, dict) and project.get("dependencies"))
        or (isinstance(named, dict) and set(named) - {"python"})
    )


def _in_setup_py(content: bytes, _: str) -> bool:
    return _INSTALLS.search(content) is not None


def _in_setup_cfg(content: bytes, path: str) -> bool:
    settings = ConfigParser(interpolation=None, strict=False)
    try:
        settings.read_string(decoded(content, path))
    except BadSettings:
        return False
    return bool(settings.get("options", "install_requires", fallback="").strip())


def _in_pipfile(content: bytes, path: str) -> bool:
    return bool(parse_toml(decoded(content, path), path).get("packages"))


def _in_package_json(content: bytes, path: str) -> bool:
    read = parse_json(decoded(content, path), path)
    return isinstance(read, dict) and bool(read.get("dependencies"))


_MANIFESTS: Final[Mapping[str, tuple[Manifest, Callable[[bytes, str], bool]]]] = {
    "pyproject.toml": (_PYPROJECT, _in_pyproject),
    "setup.py": (_SETUP_PY, _in_setup_py),
    "setup.cfg": (_SETUP_CFG, _in_setup_cfg),
    "Pipfile": (_PIPFILE, _in_pipfile),
    "package.json": (_PACKAGE_JSON, _in_package_json),
}
"""Files that name packages without pinning them, and whether one does."""
