"""The first lines of log files and of a command's output."""

import glob
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.check_result import Message
from tasks.logs.content import Content
from tasks.logs.files import find_files, open_log, unreadable
from tasks.logs.settings import Source
from tasks.logs.streams import read_command
from tasks.observation import ObservationError

MOST_LINES = 1000
_MOST_FILES = 5
_MOST_BYTES = 16 * 1024 * 1024
"""Of one file: its lines may be long."""
_SINCE = timedelta(hours=1)
_DEADLINE_S = 60.0
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Lines of one source; `where` names it as it was given, `problems` say what could not be read."""

    where: str
    lines: tuple[bytes, ...]
    problems: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def sample_files(given: str) -> Sample:
    """The first lines of each file that a path or a glob pattern names, of the newest files if there are many."""
    pattern = glob.escape(given) if Path(given).is_file() else given
    paths = (str(Path.cwd() / pattern),)
    lines: list[bytes] = []
    files, unfit = find_files(Path.cwd(), (pattern,), oldest_mtime_s=0.0)
    problems = [_words(message) for message in unfit]
    for file in reversed(files[-_MOST_FILES:]):
        try:
            with open_log(file.path) as log:
                lines += _first_lines(log.content())
        except OSError as error:
            problems.append(_words(unreadable(file.path, error)))
        except ObservationError as error:
            problems.append(_words(error.reason))
    return Sample(given, tuple(lines), tuple(problems), paths)


def _first_lines(content: Content) -> list[bytes]:
    """The first lines of a file, packed or not; a damaged one is told of by the round."""
    data = b""
    for block in content.blocks():
        data += block
        if len(data) > _MOST_BYTES or data.count(b"\n") >= MOST_LINES:
            return data.split(b"\n")[:-1][:MOST_LINES]  # the last one is cut
    return data.split(b"\n")[:MOST_LINES]


def sample_command(command: tuple[str, ...], now: datetime) -> Sample:
    """The first lines that a command gives of the last hour."""
    where = " ".join(command)
    source = Source(name="sample", kind="command", command=command, timeout_s=_DEADLINE_S)
    since_ns = int((now - _SINCE).timestamp()) * _NS
    try:
        lines = read_command(source, since_ns, lambda _: None, UTC, [])
    except ObservationError as error:
        return Sample(where, (), (_words(error.reason),), command=command)
    return Sample(where, tuple(line for _, line in lines[:MOST_LINES]), command=command)


def _words(message: Message) -> str:
    return message.text.format(**message.params)
