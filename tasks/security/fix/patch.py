"""Updates as changes of requirements files, or as the commands that make them. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import PurePosixPath

from packaging.utils import canonicalize_name

from tasks.check_result import Message, msg
from tasks.outside import external_text
from tasks.security.fix.updates import Update

_PIN = re.compile(
    r"(?P<before>\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*={2,3}\s*)"
    r"(?P<version>[^\s;#,\\]+)(?P<after>(?:[\s;#\\].*)?)",
    re.DOTALL,
)
_HASH = re.compile(r"--hash[=\s]")
_PLAIN = re.compile(r"[A-Za-z0-9@/._+!-]+")


@dataclass(frozen=True, slots=True)
class Changed:
    """A file of the tree as it would be after the updates."""

    path: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The change as a unified diff, for `git apply` and `patch -p1`."""
        lines = unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            _name("a", self.path),
            _name("b", self.path),
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


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
    """Change the requirements files among `texts` (the lock files by their path, line ends as they are).

    Only a pinned version changes. What hashes, or another kind of lock file, hold is left to its own tool.
    """
    changed: list[Changed] = []
    patched: list[Update] = []
    by_command: list[ByCommand] = []
    possible = [update for update in updates if update.to is not None]
    for path in dict.fromkeys(update.path for update in possible):
        mine = [update for update in possible if update.path == path]
        before = texts.get(path)
        if before is None or not _is_requirements(path) or _HASH.search(before):
            by_command += [_by_tool(update, hashed=before is not None) for update in mine]
            continue
        after, done = _upgraded(before, mine)
        patched += done
        by_command += [_not_found(update) for update in mine if update not in done]
        if after != before:
            changed.append(Changed(path, before, after))
    unfixed = tuple(update for update in updates if update.to is None)
    return Fix(tuple(changed), tuple(patched), tuple(by_command), unfixed)


def _upgraded(text: str, updates: Sequence[Update]) -> tuple[str, list[Update]]:
    wanted = {(canonicalize_name(update.package), update.version): update for update in updates}
    done: list[Update] = []
    lines = []
    for line in text.splitlines(keepends=True):
        pin = _PIN.fullmatch(line)
        update = None if pin is None else wanted.get((canonicalize_name(pin["name"]), pin["version"]))
        if pin is not None and update is not None and update.to is not None:
            line = f"{pin['before']}{update.to}{pin['after']}"
            done.append(update)
        lines.append(line)
    return "".join(lines), [update for update in updates if update in done]


def _is_requirements(path: str) -> bool:
    return PurePosixPath(path).suffix in (".txt", ".in")


def _by_tool(update: Update, *, hashed: bool) -> ByCommand:
    name = PurePosixPath(update.path).name
    package, to, path = (_word(text) for text in (update.package, update.to or "", update.path))
    folder = str(PurePosixPath(update.path).parent)
    there = "" if folder == "." else f"cd {_word(folder)} && "
    tools = {
        "uv.lock": f"uv lock --upgrade-package {package}=={to}",
        "package-lock.json": f"npm install {package}@{to}",
        "npm-shrinkwrap.json": f"npm install {package}@{to}",
        "pnpm-lock.yaml": f"pnpm update {package}@{to}",
        "yarn.lock": f"yarn upgrade {package}@{to}",
    }
    if name in tools:
        return ByCommand(update, there + tools[name], msg("The lock file is written by its own tool"))
    if name.startswith("pylock") and name.endswith(".toml"):
        return ByCommand(update, f"pip lock {package}=={to} …", msg("The lock file is written by its own tool"))
    if _is_requirements(update.path) and hashed:
        command = f"pip-compile --generate-hashes --upgrade-package {package}=={to} --output-file {path} …"
        return ByCommand(update, command, msg("The file holds hashes, which its own tool writes"))
    return ByCommand(update, f"pip install {package}=={to}", msg("The packages are installed, not locked"))


def _not_found(update: Update) -> ByCommand:
    reason = msg("The file does not pin {package} in a line of its own", package=external_text(update.package))
    return ByCommand(update, f"{_word(update.package)}=={_word(update.to or '')}", reason)


def _word(text: str) -> str:
    """A text from outside as it may stand in a command that people copy: no shell may find more than a word in it."""
    return text if _PLAIN.fullmatch(text) else f"'{external_text(text).replace(chr(39), '’')}'"


def _name(side: str, path: str) -> str:
    """A file's name in the head of a diff, quoted as git does where it must be."""
    name = f"{side}/{path}"
    if name.isprintable() and name.isascii() and '"' not in name and "\\" not in name:
        return f"{name}\t" if " " in name else name
    quoted = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in (0x22, 0x5C) else f"\\{byte:03o}"
        for byte in name.encode(errors="surrogateescape")
    )
    return f'"{quoted}"'
