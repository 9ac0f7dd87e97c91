"""Files that name a service's packages and are not supported as lock files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

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
_PACKAGE_JSON = Manifest(NPM, msg("package.json pins nothing: keep the lock file that npm, pnpm or yarn writes"))


def declares_packages(root: Path, path: str) -> Manifest | None:
    """What a file is, if it names packages that a service uses."""
    name = PurePosixPath(path).name
    if name in UNSUPPORTED:
        return UNSUPPORTED[name]
    if name not in ("pyproject.toml", "package.json"):
        return None
    try:
        text = decoded(read_bytes(root, path), path)
        if name == "package.json":
            content = parse_json(text, path)
            return _PACKAGE_JSON if isinstance(content, dict) and content.get("dependencies") else None
        return _PYPROJECT if _has_dependencies(parse_toml(text, path)) else None
    except Unusable:  # a fixture of somebody's tests, a template
        return None


def _has_dependencies(content: Mapping[str, Any]) -> bool:
    project, tool = content.get("project"), content.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    named = poetry.get("dependencies") if isinstance(poetry, dict) else None
    return bool(
        (isinstance(project, dict) and project.get("dependencies"))
        or (isinstance(named, dict) and set(named) - {"python"})
    )
