"""Log lines from Loki, from a moment on."""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import msgspec

from tasks.check_result import Message, msg
from tasks.deadline import UNLIMITED, Deadline
from tasks.http import CODINGS, Body, causes
from tasks.logs.settings import Source
from tasks.logs.sources.cursor import PAGE, Page
from tasks.logs.sources.streams import mib
from tasks.observation import ObservationError, printable
from tasks.outside import external_text

MOST_BYTES = 32 * 1024 * 1024
"""A larger answer is asked for again with fewer lines."""
_FEWER = 8
_READ_BYTES = 4000


class _Data(msgspec.Struct):
    kind: str = msgspec.field(name="resultType")
    result: msgspec.Raw


class _Answer(msgspec.Struct):
    data: _Data


class _Stream(msgspec.Struct):
    values: list[list[Any]]


def read_loki(
    source: Source,
    since_ns: int,
    until_ns: int,
    headers: Mapping[bytes, bytes],
    trusted: ssl.SSLContext,
    deadline: Deadline = UNLIMITED,
    *,
    most_bytes: int = MOST_BYTES,
) -> Iterator[Page]:
    """The lines of a Loki query in the order of their time, page by page.

    Raises ObservationError for every answer that is not Loki's, and when there is none by the deadline.
    """
    assert source.url is not None and source.query is not None  # the settings demand both
    address = f"{source.url}/loki/api/v1/query_range"
    params: dict[str, str | int] = {"query": source.query, "end": until_ns, "direction": "forward"}
    start, most = since_ns, PAGE
    sent = httpx.Headers(CODINGS)
    sent.update(dict(headers))
    with httpx.Client(headers=sent, verify=trusted, trust_env=False) as client:
        while start < until_ns:
            within = deadline.within(source.timeout_s)
            body = _body(client, address, {**params, "start": start, "limit": most}, within, most_bytes)
            if body is None:
                if most == 1:
                    raise ObservationError(msg("Loki returned a line longer than {most} MiB", most=mib(most_bytes)))
                most = max(1, most // _FEWER)
                continue
            lines = _lines(body)
            more = len(lines) >= most
            crowded = more and lines[0][0] == lines[-1][0]
            if more:
                # There may be more lines of the last moment: the next page begins with it, unless it is no other.
                start = lines[-1][0] + crowded
                lines = [entry for entry in lines if entry[0] < start]
            yield Page(lines, more, crowded)
            if not more:
                return


def _body(
    client: httpx.Client, address: str, params: Mapping[str, str | int], deadline: Deadline, most_bytes: int
) -> bytes | None:
    """The body of an answer that is well; None when it is too large."""
    status, body = _get(client, address, params, deadline, most_bytes)
    if status == httpx.codes.OK:
        return None if len(body) > most_bytes else body
    words = external_text(body[:_READ_BYTES].decode(errors="replace").strip())
    raise ObservationError(msg("Loki returned HTTP {status}: {message}", status=status, message=words))


def _get(
    client: httpx.Client, address: str, params: Mapping[str, str | int], deadline: Deadline, most_bytes: int
) -> tuple[int, bytes]:
    """Status and body, of one that is too large only the beginning."""
    try:
        if deadline.passed:
            raise TimeoutError
        # httpx's own bound is for each part of an answer.
        with client.stream("GET", address, params=params, timeout=deadline.left_s) as answer:
            body = Body(answer, most_bytes)
            for sent in answer.iter_raw():
                body.take(sent)
                if deadline.passed:
                    raise TimeoutError
                if body.too_large:
                    return answer.status_code, bytes(body.kept)
            return answer.status_code, body.end()
    except (TimeoutError, httpx.TimeoutException):
        raise ObservationError(msg("Loki did not respond in time")) from None
    except (httpx.HTTPError, OSError) as error:
        raise ObservationError(_unreachable(error)) from None


def _unreachable(error: BaseException) -> Message:
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return msg(
                "Loki's TLS certificate is not trusted ({why}); for a CA of your own set ca_file in [[logs.source]]",
                why=printable(cause.verify_message, 100),
            )
        if isinstance(cause, ssl.SSLError):
            return msg("The TLS handshake with Loki failed: check url")
    return msg("Cannot connect to Loki: check url")


def _lines(body: bytes) -> list[tuple[int, bytes]]:
    try:
        data = msgspec.json.decode(body, type=_Answer).data
        if data.kind != "streams":
            raise ObservationError(msg("The query returns numbers, not lines: it must select log streams"))
        streams = msgspec.json.decode(data.result, type=list[_Stream])
        found = [(int(value[0]), value[1].encode()) for stream in streams for value in stream.values]
    except (msgspec.MsgspecError, ValueError, TypeError, IndexError, AttributeError, RecursionError):
        raise ObservationError(msg("This is not Loki: the response has no streams")) from None
    return sorted(found, key=lambda entry: entry[0])
