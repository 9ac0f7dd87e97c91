"""A fix tried out: the tests of the service, in a patched copy of the tree."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tasks.check_result import Message, msg
from tasks.outside import external_text
from tasks.processes import Finished, run
from tasks.security.fix.diff import Changed

_MOST_OUTPUT_BYTES = 16 * 1024 * 1024
_LAST_LINES = 20
_LINE_CHARS = 300
_FROM_HERE = ("PATH", "LANG", "LC_ALL", "TZ")


class TrialEnd(StrEnum):
    """How the tests of a patched copy ended."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Trial:
    """The end of the tests; `last_lines` are the program's, masked and bounded."""

    end: TrialEnd
    reason: Message
    last_lines: tuple[str, ...] = ()


def try_fix(
    root: Path, files: Sequence[str], changed: Sequence[Changed], command: Sequence[str], deadline_s: float
) -> Trial:
    """Run the tests in a temporary copy of the tree's files with the changes applied; the tree stays as it is.

    The program gets neither this process's environment, but PATH and locale, nor its home. At the deadline its whole
    group is killed.
    """
    with tempfile.TemporaryDirectory(prefix="opsrounds-fix-") as place:
        tree, home = Path(place, "tree"), Path(place, "home")
        home.mkdir()
        try:
            _copy(root, files, changed, tree)
        except OSError as error:
            reason = msg(
                "The tree could not be copied: {why}", why=external_text(error.strerror or type(error).__name__)
            )
            return Trial(TrialEnd.NOT_RUN, reason)
        try:
            ended = run(
                [_program(command[0], tree), *command[1:]],
                deadline_s=deadline_s,
                env=_environment(home),
                cwd=tree,
                max_output_bytes=_MOST_OUTPUT_BYTES,
            )
        except FileNotFoundError:
            program = external_text(command[0])
            return Trial(
                TrialEnd.NOT_RUN, msg("There is no program {program}: correct [security] test", program=program)
            )
    return _judged(ended, deadline_s)


def _copy(root: Path, files: Sequence[str], changed: Sequence[Changed], tree: Path) -> None:
    tree.mkdir()
    for path in files:
        copy = tree / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, copy)
    for change in changed:
        copy = tree / change.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(change.after.encode())


def _program(given: str, tree: Path) -> str:
    """A program by its path in the tree, or by its name."""
    return str(tree / given) if "/" in given and not given.startswith("/") else given


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name in _FROM_HERE if (value := os.environ.get(name)) is not None}
    return kept | {"HOME": str(home), "TMPDIR": str(home)}


def _judged(ended: Finished, deadline_s: float) -> Trial:
    lines = _last_lines(ended)
    if ended.timed_out:
        minutes = round(deadline_s / 60, 1)
        return Trial(TrialEnd.TIMED_OUT, msg("The tests were ended after {minutes} minutes", minutes=minutes), lines)
    if ended.truncated:
        return Trial(TrialEnd.FAILED, msg("The tests were ended: they wrote more than 16 MB"), lines)
    if ended.returncode:
        reason = msg("The tests ended with status {status}", status=ended.returncode)
        return Trial(TrialEnd.FAILED, reason, lines)
    return Trial(TrialEnd.PASSED, msg("The tests passed with the patch"), lines)


def _last_lines(ended: Finished) -> tuple[str, ...]:
    text = (ended.stdout + b"\n" + ended.stderr).decode(errors="replace")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return tuple(external_text(line, _LINE_CHARS) for line in lines[-_LAST_LINES:])
