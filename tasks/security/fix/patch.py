"""Updates as changes of requirements files, or as the commands that make them. Pure."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from packaging.utils import canonicalize_name

from tasks.check_result import Message, msg
from tasks.outside import external_text
from tasks.security.fix.diff import Changed, lines_of
from tasks.security.fix.updates import Update
from tasks.security.fix.versions import parse_version

_PIN = re.compile(
    r"(?P<before>\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*={2,3}\s*)"
    r"(?P<version>[^\s;#,\\]+)(?P<after>(?:[\s;#\\].*)?)",
    re.DOTALL,
)
_INCLUDE = re.compile(r"^[ \t]*(?:-[rc]|--requirement|--constraint)[ \t=]*(?P<file>[^\s#]+|\"[^\"\n]+\")", re.MULTILINE)
_HASH = re.compile(r"--hash[=\s]")
_TOOLS = {
    "uv.lock": "uv lock --upgrade-package {package}=={to}",
    "pylock*.toml": "pip lock {package}=={to} …",
    "package-lock.json": "npm install {package}@{to}",
    "npm-shrinkwrap.json": "npm install {package}@{to}",
    "pnpm-lock.yaml": "pnpm update {package}@{to}",
    "yarn.lock": "yarn upgrade {package}@{to}",
}
_PLAIN = re.compile(r"[A-Za-z0-9@/._+!-]+")


@dataclass(frozen=True, slots=True)
class ByCommand:
    """An update that no patch makes: what makes it, and why."""

    update: Update
    command: str
    reason: Message


@dataclass(frozen=True, slots=True)
class Fix:
    """What the updates come to: files that are changed, updates left to a command, and packages without a fix."""

    changed: tuple[Changed, ...]
    patched: tuple[Update, ...]
    by_command: tuple[ByCommand, ...]
    unfixed: tuple[Update, ...]

    @property
    def patch(self) -> str:
        """All changes as one unified diff, empty without any."""
        return "".join(changed.diff for changed in self.changed)


def make_fix(updates: Sequence[Update], texts: Mapping[str, str]) -> Fix:
    """Change the requirements files among `texts` (lock files and what they include, by path, line ends as they are).

    Only a pinned version changes. What hashes, or another kind of lock file, hold is left to its own tool.
    """
    after = dict(texts)
    patched: list[Update] = []
    by_command: list[ByCommand] = []
    for update in updates:
        if update.to is None:
            continue
        left = _left_to_tool(update, texts)
        if left is None and _upgrade(update, after):
            patched.append(update)
        else:
            by_command.append(left or _not_found(update))
    changed = tuple(Changed(path, texts[path], text) for path, text in after.items() if text != texts[path])
    unfixed = tuple(update for update in updates if update.to is None)
    return Fix(changed, tuple(patched), tuple(by_command), unfixed)


def with_included(path: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """A requirements file and the files that it includes, as far as their texts are given."""
    found: dict[str, None] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop(0)
        if file in texts and file not in found:
            found[file] = None
            waiting += included(file, texts[file])
    return tuple(found)


def included(path: str, text: str) -> list[str]:
    """The paths in the tree that a requirements file includes by `-r` or `-c`."""
    named = (match["file"].strip("\"'") for match in _INCLUDE.finditer(text))
    return [posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in named]


def is_requirements(path: str) -> bool:
    """True for a file in the format of pip's requirements."""
    return PurePosixPath(path).suffix in (".txt", ".in")


def _upgrade(update: Update, texts: dict[str, str]) -> bool:
    """Change the version wherever the package is pinned; false if it is nowhere."""
    done = False
    for path in with_included(update.path, texts):
        lines = lines_of(texts[path])
        for place, line in enumerate(lines):
            pin = _PIN.fullmatch(line)
            if pin is not None and _is_pin_of(update, pin["name"], pin["version"]):
                lines[place] = f"{pin['before']}{update.to}{pin['after']}"
                done = True
        texts[path] = "".join(lines)
    return done


def _is_pin_of(update: Update, name: str, version: str) -> bool:
    if canonicalize_name(name) != canonicalize_name(update.package):
        return False
    pinned = parse_version(update.ecosystem, version)
    return pinned is not None and pinned == parse_version(update.ecosystem, update.version)


def _left_to_tool(update: Update, texts: Mapping[str, str]) -> ByCommand | None:
    """Why a tool of its own changes this file; None for one that a patch can change."""
    name, path = PurePosixPath(update.path).name, _word(update.path)
    package, to = _word(update.package), _word(update.to or "")
    folder = posixpath.dirname(update.path)
    there = f"cd {_word(folder)} && " if folder else ""
    for pattern, command in _TOOLS.items():
        if fnmatchcase(name, pattern):
            text = there + command.format(package=package, to=to)
            return ByCommand(update, text, msg("The lock file is written by its own tool"))
    if not is_requirements(update.path):
        return ByCommand(update, f"pip install {package}=={to}", msg("The packages are installed, not locked"))
    if update.path not in texts:
        return ByCommand(update, f"{package}=={to}", msg("The file cannot be read as UTF-8 text in the tree"))
    if any(_HASH.search(texts[file]) for file in with_included(update.path, texts)):
        command = f"pip-compile --generate-hashes --upgrade-package {package}=={to} --output-file {path} …"
        return ByCommand(update, command, msg("The file holds hashes, which its own tool writes"))
    return None


def _not_found(update: Update) -> ByCommand:
    reason = msg("The file does not pin {package} in a line of its own", package=external_text(update.package))
    return ByCommand(update, f"{_word(update.package)}=={_word(update.to or '')}", reason)


def _word(text: str) -> str:
    """A text from outside as it may stand in a command that people copy: no shell may find more than a word in it."""
    return text if _PLAIN.fullmatch(text) else f"'{external_text(text).replace(chr(39), '’')}'"
