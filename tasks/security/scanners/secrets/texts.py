"""The files of a tree as detect-secrets is given them: copies of what it could find something in."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.security.facts.scans import LeftOut
from tasks.security.scanners.secrets.lines import kept_lines, marks, suspicious_lines
from tasks.security.tree.tree import SourceFile

_IGNORED = re.compile(
    r"\.(?:7z|bin|bmp|bz2|class|css|dmg|doc|eot|exe|gif|gz|ico|iml|ipr|iws|jar|jpe?g|lock|map|mo|pdf|png|prefs|psd|rar"
    r"|realm|s7z|sum|svg|tar|tiff?|ttf|webp|woff|xls|xlsx|zip)"
)
"""detect-secrets never reads files with these endings, nor those of these names."""
_LOCKS = frozenset(
    {"Brewfile.lock.json", "Cartfile.resolved", "Package.resolved", "package-lock.json", "packages.lock.json"}
)
_SETTINGS = re.compile(r"\.(?:e?yaml|yml|cnf|conf|cfg|cf|ini|properties|toml)")
_ENV = re.compile(r"\.env(?:rc)?")
_CODE = re.compile(r"\.(?:cls|example|go|java|js|m|php|pyi?|swift|tf|cs|c|cpp)")
_NO_SETTING = re.compile(rb"^(?![\s#;\[])[^=:\n]+$", re.MULTILINE)
_FIRST_WORD = re.compile(rb"^[ \t]*(?![#;\s])(.)", re.MULTILINE)
_NUL_WITHIN = 8000
_NAMING = re.compile(rb"token|secret|passw|pwd|auth(?!or)|authoriz|cred|key(?![a-z])|salt|bearer", re.IGNORECASE)
_LONG_LINE = 1000
"""Characters of a line that no person writes."""
_BOM_16 = (b"\xff\xfe", b"\xfe\xff")


def is_read(path: str) -> bool:
    """Whether detect-secrets reads a file of this name."""
    name = PurePosixPath(path)
    return not _IGNORED.fullmatch(name.suffix) and name.name not in _LOCKS


def is_binary(beginning: bytes) -> bool:
    """Whether a file that begins so is not text: it has a NUL, as Git decides it."""
    return b"\0" in beginning[:_NUL_WITHIN] and not beginning.startswith(_BOM_16)


@dataclass(frozen=True)
class Copy:
    """A copy: the file it is of, and the numbers that its lines have there (empty when it is whole).

    `generated` are its lines that no person has written, `naming` those others that name a key, a token and the like.
    """

    path: str
    origin: tuple[int, ...]
    generated: frozenset[int]
    naming: frozenset[int]

    def line(self, number: int) -> int:
        """The line of the file that a line of the copy, from 1, is."""
        return self.origin[number - 1] if 0 < number <= len(self.origin) else number


@dataclass
class Copies:
    """Copies in a folder by their names, and what was met in making them."""

    folder: Path
    of: dict[str, Copy] = field(default_factory=dict)
    texts: int = 0
    lines: int = 0
    marks: int = 0
    missed: list[LeftOut] = field(default_factory=list)

    def take(self, root: Path, files: Iterable[SourceFile], deadline: Deadline) -> None:
        """Copy files of a tree; raises ObservationError when the deadline passes."""
        for file in files:
            deadline.require()
            try:
                content = (root / file.path).read_bytes()
            except OSError:
                content = b""
            if hashlib.sha256(content).hexdigest() != file.sha256:
                self.missed.append(LeftOut(file.path, msg("It changed while it was scanned")))
            elif not is_binary(content):
                self._add(file.path, _in_utf8(content))
            elif _named_as_text(file.path):
                self.missed.append(LeftOut(file.path, msg("It is not text: it holds a NUL")))

    def _add(self, path: str, text: bytes) -> None:
        self.texts += 1
        self.lines += text.count(b"\n") + (not text.endswith(b"\n") and bool(text))
        self.marks += marks(text)
        ending = PurePosixPath(path).suffix
        origin: tuple[int, ...] = ()
        kept = text
        if not _may_be_settings(ending, text):
            if not (numbers := suspicious_lines(text)):
                return
            kept, origin = kept_lines(text, numbers)
        lines = list(enumerate(kept.split(b"\n"), 1))
        generated = frozenset(number for number, line in lines if len(line) > _LONG_LINE)
        naming = frozenset(number for number, line in lines if number not in generated and _NAMING.search(line))
        name = f"{len(self.of)}{ending}"
        (self.folder / name).write_bytes(kept)
        self.of[name] = Copy(path, origin, generated, naming)


def _named_as_text(path: str) -> bool:
    """A file of code or settings is read by its program in spite of a NUL, or is damaged: it is not passed over."""
    name = PurePosixPath(path)
    ending = name.suffix or name.name  # .env has none
    return any(named.fullmatch(ending) for named in (_SETTINGS, _CODE, _ENV))


def _may_be_settings(ending: str, text: bytes) -> bool:
    """detect-secrets reads files of settings in another way, and whole: a value in them needs no quotes."""
    if _SETTINGS.fullmatch(ending):
        return True
    if _CODE.fullmatch(ending):  # then only what has sections
        first = _FIRST_WORD.search(text)
        return first is not None and first[1] == b"["
    return _NO_SETTING.search(text) is None


def _in_utf8(content: bytes) -> bytes:
    """Whatever the text is written in: detect-secrets passes over all that is not UTF-8."""
    try:
        text = content.decode("utf-16" if content.startswith(_BOM_16) else "utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
