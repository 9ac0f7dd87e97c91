"""requirements.txt: what it pins, with the files that it includes."""

import hashlib
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Final

from tasks.check_result import Message, msg
from tasks.outside import external_text
from tasks.security.locks.content import Unusable, decoded, not_this_format, read_bytes
from tasks.security.locks.interface import MARKER, NOT_A_VERSION, PYPI, Collected, Lock, TooManyProblems
from tasks.security.locks.requirement_lines import Form, Line, logical_lines, read_line

_MOST_FILES: Final = 100


def read_requirements(root: Path, path: str) -> Lock:
    """The pins of a requirements file and of what it includes by `-r`; constraints and index options pin nothing."""
    reading = _Reading(root, Collected(path, PYPI))
    try:
        reading.file(path)
    except TooManyProblems:
        lock = reading.lock()
        return Lock(
            path,
            PYPI,
            lock.packages,
            lock.digest,
            lock.left_out,
            lock.unmatched,
            (*lock.problems, not_this_format(path)),
        )
    return reading.lock()


class _Reading:
    def __init__(self, root: Path, collected: Collected) -> None:
        self._root = root
        self._collected = collected
        self._digest = hashlib.sha256()
        self._seen: set[str] = set()

    def lock(self) -> Lock:
        return self._collected.lock(self._digest.hexdigest())

    def file(self, first: str) -> None:
        """Reads a file and all that it includes, each once."""
        waiting = [first]
        while waiting:
            path = waiting.pop(0)
            if path in self._seen:
                continue
            self._seen.add(path)
            try:
                content = read_bytes(self._root, path)
                self._digest.update(b"%d %s %d\n" % (len(path), path.encode(errors="replace"), len(content)) + content)
                text = decoded(content, path)
            except Unusable as unusable:
                self._collected.problem(unusable.reason)
                continue
            for number, line in logical_lines(text):
                included = self._line(path, number, read_line(line))
                waiting += () if included is None else (included,)

    def _line(self, path: str, number: int, line: Line) -> str | None:
        """Takes a line; gives the file that it includes."""
        match line.form:
            case Form.PIN:
                self._collected.pin(line.name, line.version)
            case Form.BAD_VERSION:
                self._collected.unmatched(f"{line.name} {line.version}", NOT_A_VERSION)
            case Form.OTHER_PLATFORM:
                self._collected.leave_out(f"{path}:{number} {line.name}", MARKER)
            case Form.INCLUDE:
                return self._include(path, number, line.name)
            case Form.IGNORED:
                pass
            case _:
                self._collected.problem(_problem(line, external_text(path), number))
        return None

    def _include(self, path: str, number: int, name: str) -> str | None:
        file = external_text(path)
        if "://" in name:
            self._collected.problem(
                msg(
                    "{file}, line {line}: a file at an address is not included: put it into the tree",
                    file=file,
                    line=number,
                )
            )
        elif len(self._seen) >= _MOST_FILES:
            self._collected.problem(
                msg(
                    "{file}, line {line}: more than {most} files are included", file=file, line=number, most=_MOST_FILES
                )
            )
        else:
            return normpath(str(PurePosixPath(path).parent / name))
        return None


def _problem(line: Line, file: str, number: int) -> Message:
    name = external_text(line.name, 80)
    match line.form:
        case Form.UNPINNED:
            return msg(
                "{file}, line {line}: {name} is not pinned: write {name}==VERSION", file=file, line=number, name=name
            )
        case Form.EDITABLE:
            return msg(
                "{file}, line {line}: an editable requirement (-e) has no version to ask about", file=file, line=number
            )
        case Form.URL:
            return msg(
                "{file}, line {line}: a requirement at an address has no version to ask about", file=file, line=number
            )
        case Form.PATH:
            return msg(
                "{file}, line {line}: a requirement in a file or folder has no version to ask about",
                file=file,
                line=number,
            )
        case Form.OPTION:
            return msg("{file}, line {line}: this option is unknown", file=file, line=number)
        case _:
            return msg("{file}, line {line}: this is not a requirement", file=file, line=number)
