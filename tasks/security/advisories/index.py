"""Package indexes: which packages they do not know in their version."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from packaging.version import Version

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.security.advisories.failed import Failed, Trouble
from tasks.security.advisories.patient import WAITS_S, Patient, at_once
from tasks.security.advisories.simple import ACCEPT, has, versions_of
from tasks.security.facts.scans import Package

_MOST_BYTES: Final = 32 * 1024 * 1024
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Index:
    """Where an index is, and who asks: `url` holds no user and no password, and is never shown."""

    url: str
    user: tuple[str, str] | None = None
    ca_file: Path | None = None

    def __repr__(self) -> str:
        return "Index(…)"


def unknown_packages(
    index: Index,
    ecosystem: str,
    packages: Sequence[Package],
    *,
    timeout_s: float,
    deadline: Deadline,
    waits_s: tuple[float, ...] = WAITS_S,
) -> frozenset[Package]:
    """The packages that an index does not know, or not in their version; a few are asked about at once.

    Raises ObservationError, which names neither address nor host.
    """
    with Patient(
        ca_file=index.ca_file,
        timeout_s=timeout_s,
        deadline=deadline,
        waits_s=waits_s,
        most_bytes=_MOST_BYTES,
        user=index.user,
        redirects=True,
    ) as client:
        if ecosystem == "PyPI":
            names = list(dict.fromkeys(package.name for package in packages))
            found = dict(zip(names, at_once(partial(_versions, client, index.url, timeout_s), names), strict=True))
            return frozenset(one for one in packages if not has(found[one.name], Version(one.version)))
        there = at_once(partial(_is_there, client, index.url, timeout_s), packages)
        return frozenset(one for one, known in zip(packages, there, strict=True) if not known)


def _versions(client: Patient, url: str, timeout_s: float, name: str) -> frozenset[Version]:
    """None of a package that the index does not know."""
    found = _read(client, f"{url}/{name}/", ACCEPT, timeout_s, lambda content, kind: versions_of(name, content, kind))
    return frozenset() if found is None else found


def _is_there(client: Patient, url: str, timeout_s: float, package: Package) -> bool:
    address = f"{url}/{quote(package.name, safe='@')}/{quote(package.version, safe='')}"
    return _read(client, address, "application/json", timeout_s, lambda content, _: _tells(package, content)) is True


def _tells(package: Package, content: bytes) -> bool:
    """True for the entry of a package in its version; of a version, npm keeps no build. Raises ValueError."""
    entry = json.loads(content)
    version = entry.get("version") if isinstance(entry, dict) else None
    if not isinstance(version, str) or version.partition("+")[0] != package.version.partition("+")[0]:
        raise ValueError("not an entry of this version")
    return True


def _read(client: Patient, address: str, accept: str, timeout_s: float, parse: Callable[[bytes, str], T]) -> T | None:
    """What an address holds; None if there is nothing."""
    try:
        answer = client.ask("GET", address, headers={"Accept": accept})
        return parse(answer.content, answer.kind)
    except Failed as failed:
        if failed.trouble is Trouble.REFUSED and failed.detail in ("404", "410"):
            return None
        raise ObservationError(_why(failed, timeout_s)) from None
    except (ValueError, RecursionError):
        raise ObservationError(
            msg("The package index could not be asked: its response is not that of a package index")
        ) from None


def _why(failed: Failed, timeout_s: float) -> Message:
    match failed.trouble:
        case Trouble.REFUSED:
            return msg("The package index could not be asked: it answered with HTTP {code}", code=failed.detail)
        case Trouble.LATE:
            return msg("The package index could not be asked: no response within {seconds} s", seconds=timeout_s)
        case Trouble.NAME:
            return msg("The package index could not be asked: its name does not resolve")
        case Trouble.CERTIFICATE:
            return msg(
                "The package index could not be asked: its certificate is not trusted ({why})", why=failed.detail
            )
        case Trouble.UNREACHED:
            return msg("The package index could not be asked: it cannot be reached")
        case Trouble.TOO_LARGE | Trouble.ASTRAY:
            return msg("The package index could not be asked: its response is not that of a package index")
    return msg("The package index could not be asked: the connection was lost")
