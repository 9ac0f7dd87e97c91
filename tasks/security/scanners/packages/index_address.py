"""Where the package indexes are: as the service file says, else as pip and npm have it on this machine."""

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from tasks.check_result import msg
from tasks.configuration import http_url
from tasks.deadline import Deadline
from tasks.observation import ObservationError, Unobserved, seen_now
from tasks.secrets import keep_secret
from tasks.security.advisories.index import Index
from tasks.security.scanners.supervised import run_scanner
from tasks.security.settings import NPM_INDEX, PIP_INDEX, Advisories

PYPI_INDEX: Final = "https://pypi.org/simple"
NPM_REGISTRY: Final = "https://registry.npmjs.org"
_PIP_S, _PIP_MB = 20.0, 1024
_PIP_NEEDS = ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "VIRTUAL_ENV")
_NOT_SET = b"No such key"
_NPM_NAMES = ("npm_config_registry", "NPM_CONFIG_REGISTRY")
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_MOST_NPMRC = 1024 * 1024


def python_index(advisories: Advisories, deadline: Deadline) -> Index:
    """The simple index; raises ObservationError when pip does not tell its own."""
    if advisories.index_url != PIP_INDEX:
        return Index(advisories.index_url, ca_file=advisories.ca_file)
    address = os.environ.get("PIP_INDEX_URL") or _pip_tells("index-url", deadline) or PYPI_INDEX
    certificates = os.environ.get("PIP_CERT") or _pip_tells("cert", deadline)
    return _index(address, Path(certificates) if certificates else advisories.ca_file)


def npm_index(advisories: Advisories) -> Index:
    """The npm registry; raises ObservationError when npm's own cannot be used."""
    if advisories.npm_index_url != NPM_INDEX:
        return Index(advisories.npm_index_url, ca_file=advisories.ca_file)
    address = next((os.environ[name] for name in _NPM_NAMES if os.environ.get(name)), None)
    return _index(address or _npmrc() or NPM_REGISTRY, advisories.ca_file)


def _index(address: str, ca_file: Path | None) -> Index:
    """The user and password of an address are kept apart from it, and out of every text."""
    try:
        parts = urlsplit(address.strip())
        login, at, host = parts.netloc.rpartition("@")
        url = http_url(urlunsplit((parts.scheme, host, parts.path, parts.query, parts.fragment)))
    except ValueError:
        if "@" in address:
            keep_secret(address)
        raise ObservationError(
            msg("The package index could not be asked: its address is not one of http or https")
        ) from None
    if not at:
        return Index(url, ca_file=ca_file)
    name, _, password = login.partition(":")
    for secret in (address, login, name, password, unquote(name), unquote(password)):
        keep_secret(secret)
    return Index(url, (unquote(name), unquote(password)), ca_file)


def _pip_tells(setting: str, deadline: Deadline) -> str | None:
    """What pip's files set, None when none does; raises ObservationError.

    One at a time: `pip config list` lists a setting once for each file, sorted by the names of the files.
    """
    kept = {name: os.environ[name] for name in os.environ if name in _PIP_NEEDS or name.startswith("PIP_")}
    command = ["config", "get", f"global.{setting}", "--disable-pip-version-check"]
    limit_s = min(deadline.require(), _PIP_S)
    finished = seen_now(lambda: run_scanner("pip", command, cwd=None, deadline_s=limit_s, memory_mb=_PIP_MB, env=kept))
    if not isinstance(finished, Unobserved):
        if not finished.returncode:
            return finished.stdout.decode("utf-8", "replace").strip() or None
        if _NOT_SET in finished.stderr:
            return None
    key = "[security.advisories] index_url"
    raise ObservationError(
        msg("The package index could not be asked: pip did not report its settings. Set {key}", key=key)
    )


def _npmrc() -> str | None:
    """`registry=` of the user's file, with the environment variables that it names."""
    try:
        with (Path.home() / ".npmrc").open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_MOST_NPMRC).splitlines()
    except (OSError, RuntimeError):
        return None
    values = [value for key, _, value in (line.partition("=") for line in lines) if key.strip() == "registry"]
    if not values:
        return None
    return _PLACEHOLDER.sub(lambda found: os.environ.get(found[1], ""), values[-1].strip().strip("\"'")) or None
