"""The packages that are installed in a virtual environment, read without running its Python."""

import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from tasks.check_result import msg
from tasks.outside import external_text
from tasks.security.locks.interface import GIT, LOCAL, PYPI, Collected, Lock

_SITES = ("lib/python3*/site-packages", "lib64/python3*/site-packages", "Lib/site-packages")


def read_environment(folder: Path, name: str) -> Lock:
    """The installed packages; `name` is how the environment is called in the service file."""
    collected = Collected(name, PYPI)
    shown = external_text(name)
    sites = site_packages(folder)
    if not folder.is_dir():
        collected.problem(msg("The environment {name} does not exist: correct [source] environment", name=shown))
    elif not sites:
        collected.problem(msg("The environment {name} has no site-packages: correct [source] environment", name=shown))
    for found in distributions(path=[str(site) for site in sites]):
        _take(found, collected)
    lock = collected.lock("")
    stated = json.dumps([sorted((p.name, p.version) for p in lock.packages), sorted(e.what for e in lock.unmatched)])
    return Lock(
        name,
        PYPI,
        tuple(sorted(lock.packages, key=lambda package: (package.name, package.version))),
        hashlib.sha256(stated.encode()).hexdigest(),
        lock.left_out,
        lock.unmatched,
        lock.problems,
    )


def site_packages(folder: Path) -> tuple[Path, ...]:
    """The folders of an environment that packages are installed in, each real one once."""
    if next(folder.glob("*.dist-info"), None) is not None:
        return (folder,)
    found = (site.resolve() for pattern in _SITES for site in sorted(folder.glob(pattern)) if site.is_dir())
    return tuple(dict.fromkeys(found))


def _take(found: Distribution, collected: Collected) -> None:
    try:
        name, version = found.metadata["Name"], found.metadata["Version"]
    except Exception:  # whatever is wrong with a file that somebody else wrote
        name, version = None, None
    if name is None:
        collected.unmatched(Path(str(getattr(found, "_path", "?"))).name, msg("its metadata cannot be read"))
        return
    origin = dict(_origin(found))
    if "dir_info" in origin:
        collected.leave_out(name, LOCAL)
    elif "vcs_info" in origin:
        collected.unmatched(name, GIT)
    else:
        collected.pin(name, version)


def _origin(found: Distribution) -> Iterator[tuple[str, Any]]:
    """direct_url.json: where a package came from that came from no index."""
    try:
        stated = json.loads(found.read_text("direct_url.json") or "{}")
    except (OSError, ValueError, RecursionError):
        return
    yield from stated.items() if isinstance(stated, dict) else ()
