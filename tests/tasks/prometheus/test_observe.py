"""Prometheus as it answers well, badly, slowly or not at all: each failure in words of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tasks.errors import UsageError
from tasks.observation import ObservationError
from tasks.processes import free_port
from tasks.prometheus.answer import parse_answer, points
from tasks.prometheus.facts import Point
from tasks.prometheus.observe import Prometheus, open_prometheus, read_instant, read_number

T = TypeVar("T")


def vector(*values: str, kind: str = "vector") -> dict[str, Any]:
    series = [{"metric": {"n": str(n)}, "value": [1700000000.5, value]} for n, value in enumerate(values)]
    return {"status": "success", "data": {"resultType": kind, "result": series}}


def http(body: Any, code: int = 200, kind: str = "application/json") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {code} Some\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content


@asynccontextmanager
async def answering(answer: bytes, heard: list[str] | None = None) -> AsyncIterator[str]:
    """A server that sends these bytes to everybody and then keeps the line open."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(next((x.split(":")[1] for x in head.lower().split("\r\n") if x.startswith("content-l")), "0"))
            (heard if heard is not None else []).append(head + (await reader.readexactly(length)).decode())
            writer.write(answer)
            await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/prom"
    finally:
        server.close()


def ask(
    answer: bytes,
    task: Callable[[Prometheus, str], Awaitable[T]],
    heard: list[str] | None = None,
    timeout_s: float = 30.0,
) -> T:
    async def run() -> T:
        async with (
            answering(answer, heard) as url,
            open_prometheus(url, headers={"X-Scope-OrgID": "team"}, ca_file=None, timeout_s=timeout_s) as prometheus,
        ):
            return await task(prometheus, 'up{job="node"}')

    return asyncio.run(run())


def refused(answer: bytes, timeout_s: float = 30.0) -> str:
    with pytest.raises(ObservationError) as error:
        ask(answer, read_number.fn, timeout_s=timeout_s)
    assert error.value.__cause__ is None
    return str(error.value)


class TestAnswers:
    """What is read of a good answer."""

    def test_the_query_goes_as_a_form_with_the_headers(self) -> None:
        heard: list[str] = []
        assert ask(http(vector("42.5")), read_number.fn, heard) == 42.5
        [request] = heard
        assert request.startswith("POST /prom/api/v1/query ")
        assert "x-scope-orgid: team" in request.lower()
        assert "query=up%7Bjob%3D%22node%22%7D" in request and "partial_response=false" in request

    def test_every_series_with_its_labels(self) -> None:
        found = ask(http(vector("1", "NaN")), read_instant.fn)
        assert found[0] == Point({"n": "0"}, 1.0, 1700000000.5)
        assert found[1].value != found[1].value

    def test_nothing_that_matches_is_an_answer_for_many_and_none_for_one(self) -> None:
        assert ask(http(vector()), read_instant.fn) == ()
        assert refused(http(vector())) == "The query returned no series: check that the metric still exists"

    def test_a_scalar_is_a_number(self) -> None:
        scalar = {"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}}
        assert ask(http(scalar), read_number.fn) == 7.0


class TestFailures:
    """Each kind of failure in words of its own."""

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (http(vector("1", "2")), "The query returned 2 series: one number is needed"),
            (http(vector("NaN")), "The query returned nan, not a number"),
            (http(vector("+Inf")), "The query returned inf, not a number"),
            (http(b"<html>hello</html>", kind="text/html"), "not Prometheus's JSON but text/html"),
            (http(b"<html>sorry</html>", 500, "text/html"), "Prometheus returned HTTP 500"),
            (http(vector("1"), 503), "Prometheus returned HTTP 503"),
            (http(b"", 302), "Prometheus returned HTTP 302"),
            (http(b"null"), "not Prometheus's JSON"),
            (http({"status": "success"}), "not Prometheus's JSON"),
            (http(b"[" * 100_000), "not Prometheus's JSON"),
            (http({"status": "error"}, 400), "Prometheus refused the query (error)"),
            (
                http({"status": "error", "errorType": "bad_data", "error": "parse error: \x1b[31m"}, 400),
                "Prometheus refused the query (bad_data): parse error: \\u001b[31m",
            ),
            (http({**vector("1"), "warnings": ["store down"]}), "incomplete: store down"),
            (http({**vector("1"), "warnings": ["no kim@example.com"]}), "incomplete: no <email>"),
            (http({"status": "error", "errorType": "execution", "error": "kim@example.com"}, 422), "): <email>"),
            (http(vector("1", kind="matrix")), "The query returned a matrix"),
            (http(vector("one")), "does not have the form"),
            (
                http({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}}]}}),
                "does not have the form",
            ),
            (
                http(
                    {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "histogram": []}]}}
                ),
                "a histogram",
            ),
            (b"SSH-2.0-OpenSSH\r\n\r\n", "was lost before the response was complete"),
        ],
    )
    def test_an_answer(self, answer: bytes, expected: str) -> None:
        assert expected in refused(answer)

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", b""])
    def test_none_in_time(self, answer: bytes) -> None:
        assert "did not answer within 0.3 s" in refused(answer, timeout_s=0.3)

    def test_nobody_listens(self) -> None:
        async def run() -> float:
            url = f"http://127.0.0.1:{free_port()}"
            async with open_prometheus(url, headers={}, ca_file=None, timeout_s=30) as prometheus:
                return await read_number.fn(prometheus, "up")

        with pytest.raises(ObservationError, match="cannot be reached: check prometheus_url"):
            asyncio.run(run())

    def test_more_series_than_anybody_meant(self) -> None:
        body = json.dumps(vector(*["1"] * 10_001)).encode()
        with pytest.raises(ObservationError, match="more than 10000 series"):
            points(parse_answer(200, body, "application/json"))

    @pytest.mark.parametrize(("headers", "ca_file"), [({"X-A": "a\nb"}, None), ({}, Path("/nowhere/ca.pem"))])
    def test_what_cannot_be_used_is_reported_before_anything_is_requested(
        self, headers: dict[str, str], ca_file: Path | None
    ) -> None:
        async def run() -> None:
            async with open_prometheus("http://127.0.0.1:1", headers=headers, ca_file=ca_file, timeout_s=1):
                pass

        with pytest.raises(UsageError):
            asyncio.run(run())
