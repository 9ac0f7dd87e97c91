"""Asks Prometheus, or a server that speaks its query API."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tasks.check_result import msg
from tasks.http import CODINGS, Body, sendable, shared_trust
from tasks.observation import ObservationError
from tasks.prometheus.answer import Data, TooMuch, one_number, parse_alerts, parse_answer, points, tracks
from tasks.prometheus.facts import Point, PrometheusAlert, Track
from tasks.visible import look

_MOST_BYTES = 16 * 1024 * 1024
_MOST_RANGE_BYTES = 64 * 1024 * 1024
_LONGEST_S = 120.0
_AT_ONCE = 4
_LEAST_STEPS = 16


@dataclass(frozen=True)
class Prometheus:
    """A server with a warm client of its own; `timeout_s` bounds a whole query."""

    client: httpx.AsyncClient
    timeout_s: float


@asynccontextmanager
async def open_prometheus(
    url: str, *, headers: Mapping[str, str], ca_file: Path | None, timeout_s: float
) -> AsyncIterator[Prometheus]:
    """A client for one server; redirects are not followed, proxies of the environment not used.

    Raises UsageError if the CA file or a header cannot be used.
    """
    sent = httpx.Headers(CODINGS)
    sent.update(sendable(headers, "metrics"))
    async with httpx.AsyncClient(
        base_url=url, headers=sent, verify=shared_trust(ca_file, "metrics"), timeout=timeout_s, trust_env=False
    ) as client:
        yield Prometheus(client, timeout_s)


@look("read-instant", timeout_s=_LONGEST_S)
async def read_instant(prometheus: Prometheus, promql: str) -> tuple[Point, ...]:
    """Every series of an instant query, none when nothing matches. Raises ObservationError if there is no answer."""
    return points(await _asked(prometheus, "/api/v1/query", {"query": promql}))


@look("read-number", timeout_s=_LONGEST_S)
async def read_number(prometheus: Prometheus, promql: str) -> float:
    """The one number of an instant query. Raises ObservationError if it gives no, several or no finite numbers."""
    return one_number(points(await _asked(prometheus, "/api/v1/query", {"query": promql})))


@look("read-range", timeout_s=_LONGEST_S)
async def read_range(
    prometheus: Prometheus, promql: str, start_s: int, end_s: int, step_s: int, lookback_s: int | None = None
) -> tuple[Track, ...]:
    """Every series of a range query from `start_s` to `end_s` (Unix time), none when nothing matches.

    Prometheus refuses more than 11,000 steps. A value holds for `lookback_s` after its scrape (default: the server's).
    Raises ObservationError if there is no answer, TooMuch if a shorter range may have one.
    """
    form = {"query": promql, "start": str(start_s), "end": str(end_s), "step": str(step_s)}
    if lookback_s is not None:
        form["lookback_delta"] = f"{lookback_s}s"
    data = await _asked(prometheus, "/api/v1/query_range", form, _MOST_RANGE_BYTES)
    # In a thread: other answers that are on their way are not late because this one is being read.
    return await asyncio.to_thread(tracks, data, range(start_s, end_s + 1, step_s))


@look("read-alerts", timeout_s=_LONGEST_S)
async def read_alerts(prometheus: Prometheus) -> tuple[PrometheusAlert, ...]:
    """The alerts of its own rules that are pending or firing. Raises ObservationError if there is no answer."""
    return parse_alerts(*await _fetched(prometheus, "GET", "/api/v1/alerts", None, _MOST_BYTES))


async def ask_in_parts(
    prometheus: Prometheus,
    promql: str,
    times_s: range,
    most_steps: int,
    take: Callable[[Sequence[Track], range], None],
    lookback_s: int | None = None,
) -> None:
    """A range query in parts of at most `most_steps`, four at once, each handed to `take` with its times.

    A part that is too much is asked for in halves. Raises ObservationError, as `read_range` and `take` do.
    """
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(part: range) -> None:
        try:
            async with gate:
                found = await read_range.fn(prometheus, promql, part[0], part[-1], part.step, lookback_s)
        except TooMuch:
            if len(part) < 2 * _LEAST_STEPS:
                raise
            middle = len(part) // 2
            await ask(part[:middle])
            await ask(part[middle:])
        else:
            take(found, part)

    try:
        async with asyncio.TaskGroup() as group:
            for start in range(0, len(times_s), most_steps):
                group.create_task(ask(times_s[start : start + most_steps]))
    except ExceptionGroup as errors:
        refused, broken = errors.split(ObservationError)
        if broken is None and refused is not None:
            raise refused.exceptions[0] from None
        raise


async def _asked(prometheus: Prometheus, path: str, form: Mapping[str, str], most_bytes: int = _MOST_BYTES) -> Data:
    # Thanos and Mimir leave a store that is down out of an answer unless asked not to; Prometheus ignores the field.
    # A little less time than is waited here: a query that takes too long is then not mistaken for a silent server.
    form = {**form, "timeout": f"{round(prometheus.timeout_s * 900)}ms", "partial_response": "false"}
    return parse_answer(*await _fetched(prometheus, "POST", path, form, most_bytes))


async def _fetched(
    prometheus: Prometheus, method: str, path: str, form: Mapping[str, str] | None, most_bytes: int
) -> tuple[int, bytes, str]:
    """Status, body and content type of an answer that came whole."""
    try:
        async with (
            asyncio.timeout(prometheus.timeout_s),
            prometheus.client.stream(method, path, data=form) as response,
        ):
            body = Body(response, most_bytes)
            async for sent in response.aiter_raw():
                body.take(sent)
                if body.too_large:
                    raise TooMuch(msg("Prometheus's response is larger than {most} bytes", most=most_bytes))
    except (TimeoutError, httpx.TimeoutException):
        seconds = prometheus.timeout_s
        raise ObservationError(msg("Prometheus did not answer within {seconds} s", seconds=seconds)) from None
    except ssl.SSLError:
        raise ObservationError(msg("Prometheus cannot be reached: the TLS connection failed")) from None
    except httpx.ConnectError:
        raise ObservationError(msg("Prometheus cannot be reached: check prometheus_url and the network")) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        raise ObservationError(msg("The connection to Prometheus was lost before the response was complete")) from None
    return response.status_code, body.end(), response.headers.get("content-type", "")
