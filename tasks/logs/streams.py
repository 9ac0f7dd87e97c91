"""Log lines from a command's output and from Loki, from a moment on."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

import httpx
import msgspec

from tasks.check_result import Message, msg
from tasks.logs.cursor import OVERLAP_NS
from tasks.logs.lines import Record, instant
from tasks.logs.personal import mask
from tasks.logs.settings import SINCE, Source
from tasks.observation import ObservationError, shown
from tasks.processes import run
from tasks.secrets import masked

MOST_BYTES = 64 * 1024 * 1024
MOST_LOKI_BYTES = 256 * 1024 * 1024
PAGE = 5000
"""Lines asked of Loki at once: its own default bound."""
_SHOWN_CHARS = 200
_READ_CHARS = 4000
_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Lines = list[tuple[int | None, bytes]]
"""Lines with their moments in ns since 1970; None for those before the first line that tells its time."""


class _Data(msgspec.Struct):
    kind: str = msgspec.field(name="resultType")
    result: msgspec.Raw


class _Answer(msgspec.Struct):
    data: _Data


class _Stream(msgspec.Struct):
    values: list[list[Any]]


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
        finished = run(argv, deadline_s=timeout_s, max_output_bytes=most_bytes)
    except FileNotFoundError:
        raise ObservationError(msg("There is no program {program} on this machine", program=argv[0])) from None
    if finished.timed_out:
        raise ObservationError(msg("The command did not end within {seconds} s", seconds=round(timeout_s, 1)))
    if finished.returncode != 0 and not finished.truncated:
        said = finished.stderr.decode(errors="replace").strip().splitlines()
        raise ObservationError(
            msg(
                "The command ended with status {status}: {said}",
                status=finished.returncode,
                said=_said(said[-1] if said else ""),
            )
        )
    *lines, last = finished.stdout.split(b"\n")
    if last and not finished.truncated:
        lines.append(last)
    stamped = list(_stamped(lines, read, zone))
    if finished.truncated:
        _check_order(stamped, most_bytes)
        problems.append(msg("The command gave more than {most} MiB: the rest is read next time", most=_mib(most_bytes)))
    return stamped


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
                    "The command gave more than {most} MiB, and not the oldest lines first: let it give less",
                    most=_mib(most_bytes),
                )
            )
        newest = at_ns if newest is None else max(newest, at_ns or newest)
    if newest is None:
        raise ObservationError(
            msg(
                "The command gave more than {most} MiB without a time that can be read: correct timestamp in "
                "[logs.source.fields]",
                most=_mib(most_bytes),
            )
        )


def read_loki(
    source: Source,
    since_ns: int,
    until_ns: int,
    headers: Mapping[str, str],
    problems: list[Message],
    *,
    deadline_s: float = math.inf,
    most_bytes: int = MOST_LOKI_BYTES,
) -> Lines:
    """The lines of a Loki query in the order of their time, page by page; after `deadline_s` no more are asked for.

    Raises ObservationError for every answer that is not Loki's: then nothing is counted.
    """
    assert source.url is not None and source.query is not None  # the settings demand both
    address = f"{source.url}/loki/api/v1/query_range"
    params: dict[str, str | int] = {"query": source.query, "end": until_ns, "limit": PAGE, "direction": "forward"}
    lines: Lines = []
    until = time.monotonic() + deadline_s
    start, taken, crowded = since_ns, 0, False
    with httpx.Client(headers=dict(headers), timeout=source.timeout_s, trust_env=False) as client:
        while start < until_ns:
            page = _page(client, address, {**params, "start": start}, source.timeout_s)
            fresh = _unseen(page, lines, start)
            lines += fresh
            taken += sum(len(line) for _, line in fresh)
            if len(page) < PAGE:
                break
            if fresh:
                start = page[-1][0]
            else:  # as many as are given at once, all of one moment: whether there are more cannot be found out
                start, crowded = start + 1, True
            if taken > most_bytes or time.monotonic() > until:
                problems.append(msg("Loki has more lines than are read at once: the rest is read next time"))
                break
    if crowded:
        problems.append(
            msg("Loki has {most} lines of one moment: if there are more, they cannot be asked for", most=PAGE)
        )
    return lines


def _unseen(page: list[tuple[int, bytes]], lines: Lines, start: int) -> Lines:
    """A page begins with the lines of its first moment that the page before ended with."""
    had = Counter(line for at_ns, line in lines[-PAGE:] if at_ns == start)
    fresh: Lines = []
    for at_ns, line in page:
        if at_ns == start and had[line] > 0:
            had[line] -= 1
        else:
            fresh.append((at_ns, line))
    return fresh


def _page(
    client: httpx.Client, address: str, params: Mapping[str, str | int], timeout_s: float
) -> list[tuple[int, bytes]]:
    status, body = _get(client, address, params, timeout_s)
    if status != httpx.codes.OK:
        said = _said(body[:_READ_CHARS].decode(errors="replace").strip())
        raise ObservationError(msg("Loki answered HTTP {status}: {said}", status=status, said=said))
    try:
        data = msgspec.json.decode(body, type=_Answer).data
        if data.kind != "streams":
            raise ObservationError(msg("The query gives figures, not lines: it must select a stream"))
        streams = msgspec.json.decode(data.result, type=list[_Stream])
        found = [(int(value[0]), value[1].encode()) for stream in streams for value in stream.values]
    except (msgspec.MsgspecError, ValueError, TypeError, IndexError, AttributeError, RecursionError):
        raise ObservationError(msg("What answered is not Loki: its answer has no streams")) from None
    return sorted(found, key=lambda entry: entry[0])


def _get(
    client: httpx.Client, address: str, params: Mapping[str, str | int], timeout_s: float
) -> tuple[int, bytearray]:
    """Status and body, within `timeout_s` altogether: httpx's own bound is for each part of an answer."""
    until, body = time.monotonic() + timeout_s, bytearray()
    try:
        with client.stream("GET", address, params=params) as answer:
            for part in answer.iter_bytes():
                body += part
                if time.monotonic() > until:
                    raise ObservationError(msg("Loki did not answer in time"))
                if len(body) > MOST_LOKI_BYTES:
                    raise ObservationError(
                        msg("Loki answered with more than {most} MiB at once", most=_mib(MOST_LOKI_BYTES))
                    )
            return answer.status_code, body
    except httpx.TimeoutException:
        raise ObservationError(msg("Loki did not answer in time")) from None
    except (httpx.HTTPError, OSError):
        raise ObservationError(msg("Loki cannot be reached: check url")) from None


def _said(text: str) -> str:
    """What the outside says of itself, without secrets and personal data."""
    return shown(mask(masked(text)), _SHOWN_CHARS)


def _mib(count: int) -> float:
    mib = count / (1 << 20)
    return int(mib) if mib.is_integer() else round(mib, 3)
