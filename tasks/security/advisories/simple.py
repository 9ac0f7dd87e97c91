"""Pages of a simple index of Python packages (PEP 503, 691, 700): the versions that they list."""

import json
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Final
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

ACCEPT: Final = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_JSON = ("application/vnd.pypi.simple.v1+json", "application/json")
_EGG = re.compile(r"(.+?)-([^-]+)-py[0-9.]+(?:-.+)?\.egg")
_ARCHIVE = re.compile(r"\.(?:tar\.(?:gz|bz2|xz|Z)|tgz|zip)$")


def versions_of(name: str, content: bytes, kind: str) -> frozenset[Version]:
    """The versions of a package, yanked ones included; raises ValueError for what is not its page."""
    return _of_json(name, content) if kind in _JSON else _of_html(name, content)


def has(versions: Iterable[Version], pinned: Version) -> bool:
    """True when a pin would be served: as by `==`, a pin without a local part also by a version that has one."""
    return any(one == pinned or (pinned.local is None and Version(one.public) == pinned) for one in versions)


def _of_json(name: str, content: bytes) -> frozenset[Version]:
    try:
        page = json.loads(content)
        files = [file["filename"] for file in page["files"]]
        listed = page.get("versions")
        told = page.get("name", name)
        if canonicalize_name(told) != name or not all(isinstance(one, str) for one in [*files, *(listed or ())]):
            raise ValueError("another page")
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("not a page of a simple index") from None
    if listed is None:
        return frozenset(version for file in files if (version := _of_file(name, file)) is not None)
    return frozenset(version for one in listed if (version := _version(one)) is not None)


def _of_html(name: str, content: bytes) -> frozenset[Version]:
    """A page without a file of the package is one of an index only if it says so: a login page has links too."""
    page = _Page()
    page.feed(content.decode("utf-8", "replace"))
    found = frozenset(version for file in page.files if (version := _of_file(name, file)) is not None)
    if not found and not page.is_index:
        raise ValueError("not a page of a simple index")
    return found


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.files: list[str] = []
        self.is_index = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "meta" and given.get("name") == "pypi:repository-version":
            self.is_index = True
        if tag == "a" and (href := given.get("href")):
            try:
                self.files.append(unquote(urlsplit(href).path.rpartition("/")[2]))
            except ValueError:
                return


def _of_file(name: str, file: str) -> Version | None:
    """The version of a file of this package; None for another's, and for what has no version in its name."""
    try:
        if file.endswith(".whl"):
            own, version, _, _ = parse_wheel_filename(file)
        elif egg := _EGG.fullmatch(file):
            own, version = canonicalize_name(egg[1]), Version(egg[2])
        else:
            own, version = parse_sdist_filename(_ARCHIVE.sub(".tar.gz", file))
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None
    return version if own == name else None


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
