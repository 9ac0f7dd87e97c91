"""Log lines from a command's output, from a moment on."""

import math
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo

from tasks.check_result import Message, msg
from tasks.logs.lines.record import Record, instant
from tasks.logs.settings import SINCE, Source
from tasks.logs.sources.cursor import OVERLAP_NS
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.processes import run

MOST_BYTES = 64 * 1024 * 1024
_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Lines = list[tuple[int | None, bytes]]
"""Lines with their moments in ns since 1970; None for those before the first line that tells its time."""


def read_command(
    source: Source,
    since_ns: int,
    read: Callable[[bytes], Record | None],
    zone: tzinfo,
    problems: list[Message],
    *,
    deadline_s: float = math.inf,
    most_bytes: int = MOST_BYTES,
) -> Lines:
    """The lines of a command's output, each with its time; a line without one has that of the line before.

    Raises ObservationError if the command cannot be started, fails, or does not end in time: then nothing is counted.
    """
    timeout_s = min(source.timeout_s, deadline_s)
    since = datetime.fromtimestamp(since_ns // _NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    argv = [part.replace(SINCE, since) for part in source.command]
    try:
        finished = run(argv, deadline_s=timeout_s, max_output_bytes=most_bytes, env=_environment())
    except FileNotFoundError:
        raise ObservationError(msg("Program {program} is not installed on this machine", program=argv[0])) from None
    if finished.timed_out:
        raise ObservationError(msg("The command did not finish within {seconds} s", seconds=round(timeout_s, 1)))
    if finished.returncode != 0 and not finished.truncated:
        words = finished.stderr.decode(errors="replace").strip().splitlines()
        raise ObservationError(
            msg(
                "The command exited with status {status}: {message}",
                status=finished.returncode,
                message=external_text(words[-1] if words else ""),
            )
        )
    *lines, last = finished.stdout.split(b"\n")
    if last and not finished.truncated:
        lines.append(last)
    stamped = list(_stamped(lines, read, zone))
    if finished.truncated:
        _check_order(stamped, most_bytes)
        problems.append(
            msg("The command returned more than {most} MiB: the rest is read next time", most=mib(most_bytes))
        )
    return stamped


def _environment() -> dict[str, str]:
    """Ours, without the credential of Prefect's server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


def _stamped(
    lines: list[bytes], read: Callable[[bytes], Record | None], zone: tzinfo
) -> Iterator[tuple[int | None, bytes]]:
    at_ns: int | None = None
    for line in lines:
        record = read(line) if line else None
        at = None if record is None else instant(record.timestamp, zone)
        if at is not None:
            since = at - _EPOCH
            at_ns = (since.days * 86400 + since.seconds) * _NS + since.microseconds * 1000
        yield at_ns, line


def _check_order(stamped: Lines, most_bytes: int) -> None:
    """Of an output that was cut, what is missing must be newer than what is there, or it would never be read."""
    newest: int | None = None
    for at_ns, _ in stamped:
        if at_ns is not None and newest is not None and at_ns < newest - OVERLAP_NS:
            raise ObservationError(
                msg(
                    "The command returned more than {most} MiB, and not the oldest lines first: limit its output",
                    most=mib(most_bytes),
                )
            )
        newest = at_ns if newest is None else max(newest, at_ns or newest)
    if newest is None:
        raise ObservationError(
            msg(
                "The command returned more than {most} MiB without a readable time: correct timestamp in "
                "[logs.source.fields]",
                most=mib(most_bytes),
            )
        )


def mib(count: int) -> float:
    """A number of bytes in MiB."""
    found = count / (1 << 20)
    return int(found) if found.is_integer() else round(found, 3)
