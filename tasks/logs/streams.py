"""Log lines from a command's output and from Loki, from a moment on."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo

import httpx

from tasks.check_result import Message, msg
from tasks.logs.lines import Record, instant
from tasks.logs.settings import SINCE, Source
from tasks.observation import ObservationError, shown
from tasks.processes import run

_MOST_BYTES = 64 * 1024 * 1024
_PAGE = 5000
_MOST_PAGES = 200
_SHOWN_CHARS = 200
_NS = 1_000_000_000
Stamped = list[tuple[int, bytes]]


def read_command(
    source: Source, since_ns: int, read: Callable[[bytes], Record | None], zone: tzinfo, problems: list[Message]
) -> Stamped:
    """The lines of a command's output, each with its time in ns; a line without one has that of the line before.

    Raises ObservationError if the command cannot be started, fails, or does not end in time: then nothing is counted.
    """
    since = datetime.fromtimestamp(since_ns / _NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    argv = [part.replace(SINCE, since) for part in source.command]
    try:
        finished = run(argv, deadline_s=source.timeout_s, max_output_bytes=_MOST_BYTES)
    except FileNotFoundError:
        raise ObservationError(msg("There is no program {program} on this machine", program=argv[0])) from None
    if finished.timed_out:
        raise ObservationError(msg("The command did not end within {seconds} s", seconds=source.timeout_s))
    if finished.returncode != 0 and not finished.truncated:
        said = finished.stderr.decode(errors="replace").strip().splitlines()
        raise ObservationError(
            msg(
                "The command ended with status {status}: {said}",
                status=finished.returncode,
                said=shown(said[-1] if said else "", _SHOWN_CHARS),
            )
        )
    lines = finished.stdout.split(b"\n")
    if finished.truncated:
        problems.append(
            msg("The command gave more than {most} MiB: the rest is read next time", most=_MOST_BYTES >> 20)
        )
        lines.pop()  # cut
    elif lines and not lines[-1]:
        lines.pop()
    return list(_stamped(lines, since_ns, read, zone))


def _stamped(
    lines: list[bytes], since_ns: int, read: Callable[[bytes], Record | None], zone: tzinfo
) -> Iterator[tuple[int, bytes]]:
    at_ns = since_ns
    for line in lines:
        record = read(line) if line else None
        at = None if record is None else instant(record.timestamp, zone)
        if at is not None:
            at_ns = int(at.timestamp()) * _NS + at.microsecond * 1000
        yield at_ns, line


def read_loki(
    source: Source, since_ns: int, until_ns: int, headers: Mapping[str, str], problems: list[Message]
) -> Stamped:
    """The lines of a Loki query in the order of their time, page by page.

    Raises ObservationError for every answer that is not Loki's: then nothing is counted.
    """
    assert source.url is not None and source.query is not None  # the settings demand both
    lines: Stamped = []
    start = since_ns
    with httpx.Client(headers=dict(headers), timeout=source.timeout_s, trust_env=False) as client:
        for _ in range(_MOST_PAGES):
            page = _page(client, source.url, source.query, start, until_ns)
            fresh = page if not lines else _unseen(page, lines, start)
            lines += fresh
            if len(page) < _PAGE:
                return lines
            if not fresh:  # more than a page of one nanosecond: the query cannot go past it
                start += 1
            else:
                start = page[-1][0]
    problems.append(msg("Loki has more lines than are read at once: the rest is read next time"))
    return lines


def _unseen(page: Stamped, lines: Stamped, start: int) -> Stamped:
    """A page begins with the lines of its first nanosecond that the page before ended with."""
    had = [line for line in lines[-_PAGE:] if line[0] == start]
    for line in had:
        if line in page:
            page.remove(line)
    return page


def _page(client: httpx.Client, url: str, query: str, start: int, end: int) -> Stamped:
    params: dict[str, str | int] = {"query": query, "start": start, "end": end, "limit": _PAGE, "direction": "forward"}
    try:
        answer = client.get(f"{url}/loki/api/v1/query_range", params=params)
    except httpx.TimeoutException:
        raise ObservationError(msg("Loki did not answer in time")) from None
    except (httpx.HTTPError, OSError):
        raise ObservationError(msg("Loki cannot be reached: check url")) from None
    if answer.status_code != httpx.codes.OK:
        said = shown(answer.text.strip(), _SHOWN_CHARS)
        raise ObservationError(msg("Loki answered HTTP {status}: {said}", status=answer.status_code, said=said))
    try:
        data = answer.json()["data"]
        if data["resultType"] != "streams":
            raise ObservationError(msg("The query gives figures, not lines: it must select a stream"))
        found = [(int(at), line.encode()) for stream in data["result"] for at, line, *_ in stream["values"]]
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise ObservationError(msg("What answered is not Loki: its answer has no streams")) from None
    return sorted(found, key=lambda entry: entry[0])
