"""Asks Prometheus, or a server that speaks its query API."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.check_result import msg
from tasks.http import sendable, trust
from tasks.observation import ObservationError
from tasks.prometheus.answer import Data, one_number, parse_answer, points
from tasks.prometheus.facts import Point

_MOST_BYTES = 16_777_216
_LONGEST_S = 120.0


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
    sent = sendable(headers, "metrics")
    async with httpx.AsyncClient(
        base_url=url, headers=sent, verify=trust(ca_file, "metrics"), timeout=timeout_s, trust_env=False
    ) as client:
        yield Prometheus(client, timeout_s)


@task(task_run_name="read-instant", retries=0, timeout_seconds=_LONGEST_S, cache_policy=NO_CACHE, persist_result=False)
async def read_instant(prometheus: Prometheus, promql: str) -> tuple[Point, ...]:
    """Every series of an instant query, none when nothing matches. Raises ObservationError if there is no answer."""
    return points(await _asked(prometheus, "/api/v1/query", {"query": promql}))


@task(task_run_name="read-number", retries=0, timeout_seconds=_LONGEST_S, cache_policy=NO_CACHE, persist_result=False)
async def read_number(prometheus: Prometheus, promql: str) -> float:
    """The one number of an instant query. Raises ObservationError if it gives no, several or no finite numbers."""
    return one_number(points(await _asked(prometheus, "/api/v1/query", {"query": promql})))


async def _asked(prometheus: Prometheus, path: str, form: Mapping[str, str]) -> Data:
    # Thanos and Mimir leave a store that is down out of an answer unless told otherwise; Prometheus ignores the field.
    form = {**form, "timeout": f"{round(prometheus.timeout_s * 1000)}ms", "partial_response": "false"}
    body = b""
    try:
        async with (
            asyncio.timeout(prometheus.timeout_s),
            prometheus.client.stream("POST", path, data=form) as response,
        ):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ObservationError(msg("Prometheus's answer is larger than {most} bytes", most=_MOST_BYTES))
    except (TimeoutError, httpx.TimeoutException):
        seconds = prometheus.timeout_s
        raise ObservationError(msg("Prometheus did not answer within {seconds} s", seconds=seconds)) from None
    except ssl.SSLError:
        raise ObservationError(msg("Prometheus cannot be reached: the TLS connection failed")) from None
    except httpx.ConnectError:
        raise ObservationError(msg("Prometheus cannot be reached: check prometheus_url and the network")) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        raise ObservationError(msg("The connection to Prometheus broke before the answer was complete")) from None
    return parse_answer(response.status_code, body, response.headers.get("content-type", ""))
