"""The content of a lock file: bounded, inside the tree, and as text."""

import codecs
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tasks.check_result import Message, msg
from tasks.outside import external_text
from tasks.security.locks.interface import Collected, Lock, TooManyProblems

MOST_MB: Final = 20
_MOST_BYTES = MOST_MB * 1024 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Unusable(Exception):
    """A file cannot be used; carries the reason, which names it."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.text)
        self.reason = reason


def read_bytes(root: Path, path: str) -> bytes:
    """The content of a file of the tree; raises Unusable, also for one outside the tree."""
    shown = external_text(path)
    try:
        real = (root / path).resolve(strict=True)
        if not real.is_relative_to(root.resolve()):
            raise Unusable(msg("{file} leads out of the source tree", file=shown))
        # Not blocking: a pipe of this name would keep everybody waiting.
        with os.fdopen(os.open(real, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unusable(msg("{file} is not a file", file=shown))
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise Unusable(msg("{file} does not exist", file=shown)) from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Unusable(msg("{file} cannot be read: {why}", file=shown, why=why)) from None
    except (ValueError, RuntimeError):  # a NUL in the name, a loop of links
        raise Unusable(msg("{file} is not a path that can be read", file=shown)) from None
    if len(content) > _MOST_BYTES:
        raise Unusable(msg("{file} is larger than {most} MB", file=shown, most=MOST_MB))
    return content


def decoded(content: bytes, path: str) -> str:
    """Text in UTF-8, or in what its byte order mark names; raises Unusable for anything else."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unusable(
            msg("{file}, line {line}: the file is not text in UTF-8", file=external_text(path), line=line)
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Unusable(msg("{file}, line {line}: the file is not text but binary", file=external_text(path), line=line))
    return text


def read_whole(root: Path, path: str, ecosystem: str, collect: Callable[[str, Collected], None]) -> Lock:
    """A lock that is one file; what `collect` cannot use is a problem of it."""
    collected = Collected(path, ecosystem)
    digest = ""
    try:
        content = read_bytes(root, path)
        digest = hashlib.sha256(content).hexdigest()
        collect(decoded(content, path), collected)
    except (Unusable, TooManyProblems) as error:
        gathered = collected.lock(digest)
        last = error.reason if isinstance(error, Unusable) else not_this_format(path)
        return Lock(
            path,
            ecosystem,
            gathered.packages,
            digest,
            gathered.left_out,
            gathered.unmatched,
            (*gathered.problems, last),
        )
    return collected.lock(digest)


def not_this_format(path: str) -> Message:
    """The problem of a file that cannot be what its name says."""
    return msg("{file} has too many lines that cannot be read: it is not a lock file", file=external_text(path))


def malformed(path: str, line: int | None, form: str) -> Unusable:
    """The error for a file that its own format's parser refuses; `form` names the format."""
    if line is None:
        return Unusable(msg("{file} is not valid {form}", file=external_text(path), form=form))
    return Unusable(
        msg("{file}, line {line}: this is not valid {form}", file=external_text(path), line=line, form=form)
    )


def unexpected(path: str, what: str) -> Unusable:
    """The error for a file of the right syntax whose content is not that of its format."""
    return Unusable(msg("{file} does not have the form of {what}", file=external_text(path), what=what))
