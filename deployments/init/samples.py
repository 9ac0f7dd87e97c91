"""The first lines of log files and of a command's output."""

import glob
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.check_result import Message, msg
from tasks.found_files import unreadable
from tasks.logs.settings import SINCE
from tasks.logs.sources.content import Content
from tasks.logs.sources.files import find_files, open_log
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.processes import run

MOST_LINES = 1000
_MOST_FILES = 5
_MOST_BYTES = 16 * 1024 * 1024
"""Of one file: its lines may be long."""
_MOST_COMMAND_BYTES = 4 * 1024 * 1024
_SINCE = timedelta(hours=1)
_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Lines of one source; `where` names it as it was given, `problems` say what could not be read."""

    where: str
    lines: tuple[bytes, ...]
    problems: tuple[Message, ...] = ()
    paths: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def sample_files(given: str) -> Sample:
    """The first lines of each file that a path or a glob pattern names, of the newest files if there are many."""
    pattern = glob.escape(given) if Path(given).is_file() else given
    paths = (str(Path.cwd() / pattern),)
    lines: list[bytes] = []
    found = find_files(Path.cwd(), (pattern,))
    problems = list(found.all_problems)
    for file in reversed(found.files[-_MOST_FILES:]):
        try:
            with open_log(file.path) as log:
                lines += _first_lines(log.content())
        except OSError as error:
            problems.append(unreadable(file.path, error))
        except ObservationError as error:
            problems.append(error.reason)
    return Sample(given, tuple(lines), tuple(problems), paths)


def _first_lines(content: Content) -> list[bytes]:
    """The first lines of a file, packed or not; a damaged one is reported by the checklist."""
    data = b""
    for block in content.blocks():
        data += block
        if len(data) > _MOST_BYTES or data.count(b"\n") >= MOST_LINES:
            return data.split(b"\n")[:-1][:MOST_LINES]  # the last one is cut
    return data.split(b"\n")[:MOST_LINES]


def sample_command(command: tuple[str, ...], now: datetime) -> Sample:
    """The first lines that a command gives of the last hour, stopped as soon as there are enough."""
    where = " ".join(command)
    since = (now - _SINCE).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    argv = [part.replace(SINCE, since) for part in command]
    try:
        ended = run(argv, deadline_s=_DEADLINE_S, max_output_bytes=_MOST_COMMAND_BYTES)
    except FileNotFoundError:
        return Sample(
            where, (), (msg("Program {program} is not installed on this machine", program=argv[0]),), command=command
        )
    stopped = ended.timed_out or ended.truncated
    *lines, last = ended.stdout.split(b"\n")
    lines += [] if stopped or not last else [last]  # the last one of what was stopped is cut
    problems = []
    if ended.timed_out:
        problems.append(
            msg(
                "The command did not finish within {seconds} s: it must return what there is, and end",
                seconds=_DEADLINE_S,
            )
        )
    elif ended.returncode != 0 and not stopped:
        errors = ended.stderr.decode(errors="replace").strip().splitlines()
        why = external_text(errors[-1] if errors else "")
        problems.append(msg("The command exited with status {status}: {why}", status=ended.returncode, why=why))
        lines = []
    return Sample(where, tuple(lines[:MOST_LINES]), tuple(problems), command=command)
