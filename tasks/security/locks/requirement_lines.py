"""The lines of a requirements file, as pip joins and reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier

_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_NEXT_OPTION = re.compile(r"\s+--?[A-Za-z]")
_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s*=\s*|\s*)(.+)", re.DOTALL)
_EDITABLE = re.compile(r"(?:-e|--editable)(?:[\s=]|$)")
# They change where pip looks, not what is pinned; their values may hold passwords.
_IGNORED = re.compile(
    r"(?:-c|--constraint|-i|--index-url|--pypi-url|--extra-index-url|-f|--find-links|--no-index|--trusted-host|--pre"
    r"|--prefer-binary|--require-hashes|--no-binary|--only-binary|--use-feature|--process-dependency-links"
    r"|--config-settings?|--global-option|--no-build-isolation)(?:[\s=./]|$)|-[cif]\S"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?:git|hg|svn|bzr)\+", re.IGNORECASE)
_PATH = re.compile(
    r"[.~]{0,2}[\\/]|\.{1,2}(?:\[|$)|[^@\s;]+[\\/]|[^@\s;]+\.(?:whl|zip|tar\.gz|tgz|tar\.bz2)(?:\[|\s|$)"
)
_ARCHIVE = re.compile(r"[^@\s;/=<>!~]+\.(?:whl|zip|tar\.gz|tgz|tar\.bz2)(?:\[[^\]]*\])?", re.IGNORECASE)
_BAD_VERSION = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*={2,3}\s*([^\s;,*$]+)\s*(?:;.*)?")


class Form(StrEnum):
    """What a line is."""

    PIN = "pin"
    BAD_VERSION = "bad version"
    OTHER_PLATFORM = "other platform"
    INCLUDE = "include"
    IGNORED = "ignored"
    UNPINNED = "unpinned"
    EDITABLE = "editable"
    URL = "url"
    PATH = "path"
    OPTION = "option"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a requirements file; `name` is a package's, or the file that is included."""

    form: Form
    name: str = ""
    version: str = ""


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with the number of their first one; a backslash continues a line, comments are cut."""
    started, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        started = started if parts else number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            parts.append(line[:-1])
            continue
        joined = "".join((*parts, f" {line}" if comment else line))
        parts = []
        if bare := _COMMENT.sub("", joined).strip():
            yield started, bare
    if bare := _COMMENT.sub("", "".join(parts)).strip():
        yield started, bare


def read_line(text: str) -> Line:
    """What a line is; nothing of a URL or of an option's value is kept."""
    if text.startswith("-"):
        return _option(text)
    bare = text[: found.start()] if (found := _NEXT_OPTION.search(text)) else text
    if _ARCHIVE.fullmatch(bare.strip()):  # without a slash it would be a name that is not pinned
        return Line(Form.PATH)
    try:
        requirement = Requirement(bare)
    except InvalidRequirement:
        return _no_requirement(bare)
    if requirement.marker is not None and not _holds(requirement.marker):
        return Line(Form.OTHER_PLATFORM, requirement.name)
    if requirement.url is not None:
        return Line(Form.PATH if requirement.url.startswith("file:") else Form.URL, requirement.name)
    exact = [version for one in requirement.specifier if (version := _exact(one)) is not None]
    if len(set(exact)) != 1:
        return Line(Form.UNPINNED, requirement.name)
    return Line(Form.PIN, requirement.name, exact[0])


def _option(text: str) -> Line:
    if include := _INCLUDE.fullmatch(text):
        return Line(Form.INCLUDE, include[1].strip().strip("\"'"))
    if _EDITABLE.match(text):
        return Line(Form.EDITABLE)
    return Line(Form.IGNORED if _IGNORED.match(text) else Form.OPTION)


def _no_requirement(text: str) -> Line:
    if bad := _BAD_VERSION.fullmatch(text):  # 2004d is a version that once was allowed
        return Line(Form.BAD_VERSION, bad[1], bad[2])
    if _URL.match(text):
        return Line(Form.URL)
    if _PATH.match(text) and not text.startswith("<"):
        return Line(Form.PATH)
    return Line(Form.UNREADABLE)


def _holds(marker: Marker) -> bool:
    """A marker that cannot be evaluated is taken to hold: rather a package too many than one too few."""
    try:
        return marker.evaluate()
    except (ValueError, LookupError):  # what packaging raises for a comparison or a name that it does not know
        return True


def _exact(specifier: Specifier) -> str | None:
    if specifier.operator == "===" or (specifier.operator == "==" and not specifier.version.endswith(".*")):
        return specifier.version
    return None
