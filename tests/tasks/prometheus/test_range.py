"""Range queries against a server that follows a script: good answers, and each failure in words of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs

import pytest

from tasks.observation import ObservationError
from tasks.processes import free_port
from tasks.prometheus.answer import TooMuch
from tasks.prometheus.facts import Track
from tasks.prometheus.observe import ask_in_parts, open_prometheus, read_range

START, STEP = 1_700_000_040, 60
Form = Mapping[str, str]
Script = Callable[[Form], bytes]


def matrix(*series: Mapping[str, Any], kind: str = "matrix") -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": list(series)}}


def series(*values: str, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "values": [[START + STEP * n, value] for n, value in enumerate(values)]}


def http(body: Any, code: int = 200, kind: str = "application/json") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {code} Some\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content


def error(kind: str, why: str, code: int) -> bytes:
    return http({"status": "error", "errorType": kind, "error": why}, code)


@asynccontextmanager
async def following(script: Script) -> AsyncIterator[str]:
    """A server that answers each request by its form, and leaves the line open."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(next(line.split(":")[1] for line in head.split("\r\n") if line.startswith("content-len")))
                form = parse_qs((await reader.readexactly(length)).decode())
                writer.write(script({"head": head, **{name: values[0] for name, values in form.items()}}))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/prom"
    finally:
        server.close()


def ask(script: Script, lookback_s: int | None = None, timeout_s: float = 30.0) -> tuple[Track, ...]:
    async def run() -> tuple[Track, ...]:
        async with (
            following(script) as url,
            open_prometheus(url, headers={}, ca_file=None, timeout_s=timeout_s) as prometheus,
        ):
            return await read_range.fn(prometheus, 'up{job="a"}', START, START + 5 * STEP, STEP, lookback_s)

    return asyncio.run(run())


def parts(script: Script, steps: int, most: int) -> list[tuple[int, int]]:
    """The times of the parts that were answered."""
    found: list[tuple[int, int]] = []

    async def run() -> None:
        async with following(script) as url, open_prometheus(url, headers={}, ca_file=None, timeout_s=30) as prometheus:
            times = range(START, START + STEP * steps, STEP)
            await ask_in_parts(prometheus, "up", times, most, lambda _, part: found.append((part[0], part[-1])))

    asyncio.run(run())
    return sorted(found)


def refused(answer: bytes, timeout_s: float = 30.0) -> ObservationError:
    with pytest.raises(ObservationError) as caught:
        ask(lambda _: answer, timeout_s=timeout_s)
    assert caught.value.__cause__ is None
    return caught.value


class TestAnswers:
    """What is asked, and what is read of a good answer."""

    def test_the_query_goes_with_its_times(self) -> None:
        heard: list[Form] = []
        ask(lambda form: heard.append(form) or http(matrix()), 150)
        [form] = heard
        assert form["head"].startswith("post /prom/api/v1/query_range ")
        del form["head"]  # type: ignore[attr-defined]
        assert form == {
            "query": 'up{job="a"}',
            "start": str(START),
            "end": str(START + 300),
            "step": "60",
            "lookback_delta": "150s",
            "timeout": "27000ms",
            "partial_response": "false",
        }

    def test_every_series_with_its_values_where_it_has_any(self) -> None:
        answer = http(matrix(series("1", "NaN", "+Inf", n="a"), {"metric": {}, "values": [[START + 240, "2.5"]]}))
        one, other = ask(lambda _: answer)
        assert one.labels == {"n": "a"} and one.times_s.tolist() == [START, START + 60, START + 120]
        assert [str(value) for value in one.values] == ["1.0", "nan", "inf"]
        assert other.labels == {} and other.times_s.tolist() == [START + 240] and other.values.tolist() == [2.5]

    def test_nothing_that_matches_is_an_answer(self) -> None:
        assert ask(lambda _: http(matrix())) == ()

    def test_hints_are_no_warnings(self) -> None:
        assert ask(lambda _: http({**matrix(), "warnings": ["PromQL info: metric might not be a counter"]})) == ()


class TestFailures:
    """Each kind of failure in words of its own."""

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (http(b"<html>sorry</html>", 500, "text/html"), "Prometheus returned HTTP 500"),
            (http(matrix(), 503), "Prometheus returned HTTP 503"),
            (error("bad_data", "parse error: x", 400), "Prometheus refused the query (bad_data): parse error: x"),
            (error("bad_data", "exceeded maximum resolution of 11,000 points", 400), "11,000 points"),
            (http(json.dumps(matrix(series("1", "2"))).encode()[:-20]), "not Prometheus's JSON but application/json"),
            (http(b"<html>hello</html>", kind="text/html"), "not Prometheus's JSON but text/html"),
            (http(b"[" * 100_000), "not Prometheus's JSON"),
            (http({"status": "success", "data": None}), "not Prometheus's JSON"),
            (http({**matrix(), "warnings": ["store down"]}), "incomplete: store down"),
            (http(matrix(kind="vector")), "The query returned a vector, not numbers over time"),
            (http({"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}}), "returned a scalar"),
            (
                http(matrix({"metric": {}, "histograms": [[START, {"count": "1"}]]})),
                "returned a histogram, not a number",
            ),
            (http(matrix(series("one"))), "does not have the form"),
            (http(matrix({"metric": {}, "values": [[START, 1]]})), "does not have the form"),
            (http(matrix({"metric": {}, "values": []})), "does not have the form"),
            (http(matrix({"metric": {"n": 1}, "values": [[START, "1"]]})), "does not have the form"),
            (http(matrix({"values": [[START, "1"]]})), "does not have the form"),
            (http(matrix({"metric": {}, "values": [[START - STEP, "1"]]})), "does not have the form"),
            (http(matrix({"metric": {}, "values": [[START + 6 * STEP, "1"]]})), "does not have the form"),
            (http(matrix({"metric": {}, "values": [[START + 1, "1"]]})), "does not have the form"),
            (http(matrix({"metric": {}, "values": [[START, "1"], [START, "2"]]})), "does not have the form"),
            (http(matrix(*[series("1")] * 10_001)), "more than 10000 series"),
            (http(b" " * (64 * 1024 * 1024 + 1)), "larger than 67108864 bytes"),
            (b"SSH-2.0-OpenSSH\r\n\r\n", "was lost before the response was complete"),
        ],
        ids=lambda value: value[:40] if isinstance(value, str) else "",
    )
    def test_an_answer(self, answer: bytes, expected: str) -> None:
        assert expected in str(refused(answer))

    @pytest.mark.parametrize(
        "answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", b""], ids=["half", "none"]
    )
    def test_none_in_time(self, answer: bytes) -> None:
        assert "did not answer within 0.3 s" in str(refused(answer, timeout_s=0.3))

    def test_nobody_listens(self) -> None:
        async def run() -> None:
            url = f"http://127.0.0.1:{free_port()}"
            async with open_prometheus(url, headers={}, ca_file=None, timeout_s=30) as prometheus:
                await read_range.fn(prometheus, "up", START, START, STEP)

        with pytest.raises(ObservationError, match="cannot be reached: check prometheus_url"):
            asyncio.run(run())

    @pytest.mark.parametrize(
        ("answer", "too_much"),
        [
            (error("timeout", "query timed out in expression evaluation", 503), True),
            (error("execution", "query processing would load too many samples into memory", 422), True),
            (http(b" " * (64 * 1024 * 1024 + 1)), True),
            (error("execution", "multiple matches for labels", 422), False),
            (http(b"", 503), False),
        ],
        ids=["timeout", "samples", "bytes", "matches", "http"],
    )
    def test_what_a_shorter_time_may_help_against(self, answer: bytes, too_much: bool) -> None:
        assert isinstance(refused(answer), TooMuch) is too_much


class TestParts:
    """A long time is asked for in parts."""

    def test_each_time_is_asked_for_once(self) -> None:
        found = parts(lambda _: http(matrix()), 1000, 400)
        assert found == [(START + STEP * a, START + STEP * b) for a, b in ((0, 399), (400, 799), (800, 999))]

    def test_what_is_too_much_is_asked_for_in_halves(self) -> None:
        heavy = error("execution", "query processing would load too many samples into memory", 422)

        def script(form: Form) -> bytes:
            return heavy if int(form["end"]) - int(form["start"]) >= 100 * STEP else http(matrix())

        found = parts(script, 300, 300)
        assert found == [(START + STEP * n * 75, START + STEP * (n * 75 + 74)) for n in range(4)]

    def test_a_range_that_is_always_too_large_is_reported(self) -> None:
        with pytest.raises(TooMuch, match="query timed out"):
            parts(lambda _: error("timeout", "query timed out", 503), 300, 100)

    def test_one_failure_is_enough(self) -> None:
        def script(form: Form) -> bytes:
            return http(b"", 500) if form["start"] == str(START + STEP * 100) else http(matrix())

        with pytest.raises(ObservationError, match="HTTP 500"):
            parts(script, 300, 100)

    def test_at_most_four_at_once(self) -> None:
        async def run() -> int:
            now = most = 0

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                nonlocal now, most
                with suppress(OSError, asyncio.IncompleteReadError):
                    while await reader.readuntil(b"partial_response=false"):
                        now += 1
                        most = max(most, now)
                        await asyncio.sleep(0.05)
                        now -= 1
                        writer.write(http(matrix()))
                writer.close()

            server = await asyncio.start_server(connected, "127.0.0.1", 0)
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with server, open_prometheus(url, headers={}, ca_file=None, timeout_s=30) as prometheus:
                await ask_in_parts(prometheus, "up", range(START, START + 1200, 60), 1, lambda *_: None)
            return most

        assert asyncio.run(run()) == 4
