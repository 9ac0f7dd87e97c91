"""The looks at a service, against real servers that answer well, badly, slowly or not at all."""

import asyncio
import gzip
import json
import os
import re
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tasks.check_result import Status
from tasks.errors import UsageError
from tasks.health.body import parse_health
from tasks.health.facts import Component, HealthBody, HealthReport, Sampled
from tasks.health.judge import judge_errors, judge_latency, judge_liveness, judge_readiness, judge_status
from tasks.health.limits import HealthLimits
from tasks.health.observe import open_target, read_answers, read_health
from tasks.observation import ObservationError, Unobserved

HEALTHY = b'{"status": "healthy"}'


@dataclass
class Seen:
    """What a server saw: how many connections, and each request's head."""

    url: str = ""
    connections: int = 0
    requests: list[str] = field(default_factory=list)


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[bool]]
"""Answers one request, given its number from 0; False ends the connection."""


@asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Seen]:
    seen = Seen()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                seen.requests.append((await reader.readuntil(b"\r\n\r\n")).decode("utf-8"))
                if not await talk(reader, writer, len(seen.requests) - 1):
                    break
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    seen.url = f"{'https' if tls else 'http'}://{host}:{port}"
    try:
        yield seen
    finally:
        server.close()


def http(body: bytes = HEALTHY, code: int = 200, kind: str = "application/json", *extra: str) -> bytes:
    lines = (f"HTTP/1.1 {code} Some", f"content-type: {kind}", f"content-length: {len(body)}", *extra)
    return "\r\n".join((*lines, "", "")).encode() + body


def answering(*answers: bytes) -> Talk:
    """The answers one after another, the last one for ever."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        writer.write(answers[min(number, len(answers) - 1)])
        await writer.drain()
        return True

    return talk


def hanging_after(sent: bytes) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: int) -> bool:
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(30)
        return False

    return talk


def dropping_after(sent: bytes) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: int) -> bool:
        writer.write(sent)
        await writer.drain()
        return False

    return talk


async def look(
    url: str,
    path: str = "/health",
    *,
    samples: int = 4,
    timeout_s: float = 30.0,
    headers: dict[str, str] | None = None,
    ca_file: Path | None = None,
) -> tuple[Sampled, HealthReport]:
    async with open_target("a", url, headers=headers or {}, ca_file=ca_file, timeout_s=timeout_s) as target:
        return await read_answers.fn(target, path, samples), await read_health.fn(target, path)


def observe(talk: Talk, **how: Any) -> tuple[Sampled, HealthReport, Seen]:
    async def run() -> tuple[Sampled, HealthReport, Seen]:
        async with serving(talk) as seen:
            return *await look(seen.url, **how), seen

    return asyncio.run(run())


def causes(sampled: Sampled) -> set[str]:
    return {a.error.text.format(**a.error.params) for a in sampled.answers if a.error is not None}


def why(body: HealthBody | Unobserved) -> str:
    assert isinstance(body, Unobserved)
    return body.reason.text.format(**body.reason.params)


def parsed(data: Any) -> HealthBody:
    return parse_health(json.dumps(data).encode(), "application/json")


def refused(body: bytes, kind: str = "application/json") -> str:
    with pytest.raises(ObservationError) as error:
        parse_health(body, kind)
    return str(error.value)


class TestAnswers:
    """What is kept of each request."""

    def test_all_samples_use_one_connection(self) -> None:
        sampled, report, seen = observe(answering(http()), samples=20)
        assert [a.status for a in sampled.answers] == [200] * 21
        assert (sampled.wanted, sampled.gave_up, len(sampled.warm)) == (21, False, 20)
        assert all(a.ms > 0 and a.error is None for a in sampled.answers)
        assert (seen.connections, len(seen.requests)) == (1, 22)
        assert report.body == HealthBody("healthy", None, None, ())

    def test_the_time_is_that_of_the_whole_answer(self) -> None:
        async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: int) -> bool:
            head, body = http()[: -len(HEALTHY)], HEALTHY
            for part in (head, body[:5], body[5:]):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.05)
            return True

        sampled, _, _ = observe(talk)
        assert all(a.ms >= 100 for a in sampled.answers)

    def test_a_redirect_is_not_followed(self) -> None:
        sampled, report, seen = observe(answering(http(b"", 302, "text/html", "location: /login")))
        assert {a.status for a in sampled.answers} == {302}
        assert {r.split()[1] for r in seen.requests} == {"/health"}
        assert judge_status(report, "a", HealthLimits(), datetime.now(UTC)).status is Status.UNKNOWN

    def test_a_path_of_the_base_url_is_kept(self) -> None:
        async def run() -> Seen:
            async with serving(answering(http())) as seen:
                await look(f"{seen.url}/shop", "/health?deep=1")
                return seen

        assert {r.split()[1] for r in asyncio.run(run()).requests} == {"/shop/health?deep=1"}

    def test_headers_are_sent_and_no_cache_answers(self) -> None:
        _, _, seen = observe(answering(http()), headers={"Authorization": "Bearer s3cret", "X-Team": "運用"})
        for head in (request.lower() for request in seen.requests):
            assert "authorization: bearer s3cret\r\n" in head
            assert "x-team: 運用\r\n" in head
            assert "cache-control: no-cache\r\n" in head

    def test_a_header_of_the_service_file_wins(self) -> None:
        _, _, seen = observe(answering(http()), headers={"cache-control": "max-age=5"})
        assert all(re.findall(r"(?i)^cache-control: (.*)\r", r, re.M) == ["max-age=5"] for r in seen.requests)

    @pytest.mark.parametrize("value", ["s3cret\n", "a\r\nX-Evil: 1", " s3cret", "s3\x00cret", "\ud800"])
    def test_a_header_that_cannot_be_sent_is_a_mistake_of_ours(self, value: str) -> None:
        with pytest.raises(UsageError, match=r"^health\.headers\.X-Key: ") as error:
            asyncio.run(look("http://127.0.0.1:9", headers={"X-Key": value}))
        assert "s3" not in str(error.value)

    def test_proxies_of_the_environment_are_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        sampled, _, _ = observe(answering(http()))
        assert {a.status for a in sampled.answers} == {200}
        assert os.environ["HTTP_PROXY"] == "http://127.0.0.1:9"


class TestNoAnswer:
    """Each way of not answering has its own words, and three in a row end the asking."""

    def test_refused(self) -> None:
        async def run() -> tuple[Sampled, HealthReport]:
            async with serving(answering(http())) as seen:
                pass
            return await look(seen.url, samples=20)

        sampled, report = asyncio.run(run())
        assert (len(sampled.answers), sampled.wanted, sampled.gave_up) == (3, 21, True)
        assert causes(sampled) == {"Connection refused"}
        assert (report.answer.status, why(report.body)) == (None, "Connection refused")

    @pytest.mark.parametrize("sent", [b"", http()[:20], http()[:-5]], ids=["nothing", "half a head", "half a body"])
    def test_hanging(self, sent: bytes) -> None:
        started = time.monotonic()
        sampled, report, _ = observe(hanging_after(sent), samples=20, timeout_s=0.2)
        assert time.monotonic() - started < 25  # the server hangs for 30 s
        assert causes(sampled) == {"No response within 0.2 s"}
        assert all(a.ms >= 200 for a in sampled.answers)
        assert (len(sampled.answers), report.answer.status) == (3, None)

    def test_a_body_that_trickles_is_no_answer(self) -> None:
        async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: int) -> bool:
            for byte in http(HEALTHY + b" " * 100):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)
            return True

        sampled, report, _ = observe(talk, timeout_s=0.3)
        assert causes(sampled) == {"No response within 0.3 s"}
        assert why(report.body) == "No response within 0.3 s"

    @pytest.mark.parametrize("sent", [b"", http()[:20], http()[:-5]], ids=["nothing", "half a head", "half a body"])
    def test_dropped(self, sent: bytes) -> None:
        sampled, report, _ = observe(dropping_after(sent))
        assert causes(sampled) == {"The connection was lost before the response was complete"}
        assert (len(sampled.answers), report.answer.status) == (3, None)

    @pytest.mark.parametrize("sent", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00" * 100, b"HTTP/1.1 abc\r\n\r\n"])
    def test_another_protocol(self, sent: bytes) -> None:
        sampled, _, _ = observe(dropping_after(sent))
        assert all(a.bad for a in sampled.answers)

    def test_a_host_name_that_does_not_resolve_is_not_the_fault_of_the_service(self) -> None:
        async def run(task: Any, *arguments: Any) -> None:
            async with open_target("a", "http://shop.invalid", headers={}, ca_file=None, timeout_s=5.0) as target:
                await task.fn(target, *arguments)

        for task, arguments in ((read_answers, ("/x", 4)), (read_health, ("/x",))):
            with pytest.raises(ObservationError, match=r"^The host name does not resolve"):
                asyncio.run(run(task, *arguments))

    def test_three_failures_with_an_answer_between_go_on(self) -> None:
        async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
            if number % 3 != 2:
                return False
            writer.write(http())
            await writer.drain()
            return True

        sampled, _, _ = observe(talk, samples=8)
        assert [a.status for a in sampled.answers] == [None, None, 200] * 3

    def test_giving_up_near_the_end_is_judged_as_no_success(self) -> None:
        async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
            writer.write(http() if number < 197 else b"")
            await writer.drain()
            return number < 197

        sampled, _, _ = observe(talk, samples=200)
        assert (len(sampled.answers), sampled.gave_up) == (200, True)
        now = datetime.now(UTC)
        assert judge_errors(sampled, "a", HealthLimits(), now).status is Status.FAIL
        assert judge_latency(sampled, "a", HealthLimits(), now).status is Status.UNKNOWN


class TestTls:
    """A certificate is trusted, or the reason is given."""

    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    def observe(self, authority: trustme.CA, ca_file: Path | None, *, name: str = "localhost") -> Sampled:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)

        async def run() -> Sampled:
            async with serving(answering(http()), context, host="localhost") as seen:
                return (await look(seen.url, ca_file=ca_file))[0]

        return asyncio.run(run())

    def test_a_private_authority_is_trusted_when_named(self, authority: trustme.CA, tmp_path: Path) -> None:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        assert {a.status for a in self.observe(authority, tmp_path / "ca.pem").answers} == {200}

    def test_a_self_signed_certificate_is_not_trusted(self, authority: trustme.CA) -> None:
        [cause] = causes(self.observe(authority, None))
        assert re.fullmatch(r"The TLS certificate is not trusted \(.+\); for a private CA, set .*ca_file", cause)

    def test_a_certificate_for_another_name_is_not_trusted(self, authority: trustme.CA, tmp_path: Path) -> None:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        [cause] = causes(self.observe(authority, tmp_path / "ca.pem", name="other.example"))
        assert cause.startswith("The certificate is not trusted: Hostname mismatch") and "localhost" in cause

    def test_a_server_without_tls(self) -> None:
        async def run() -> Sampled:
            async with serving(dropping_after(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as seen:
                return (await look(seen.url.replace("http:", "https:"), timeout_s=0.5))[0]

        assert all(a.bad for a in asyncio.run(run()).answers)

    @pytest.mark.parametrize("content", [None, b"", b"no certificate"])
    def test_a_ca_file_that_cannot_be_used_is_a_mistake_of_ours(self, tmp_path: Path, content: bytes | None) -> None:
        if content is not None:
            (tmp_path / "ca.pem").write_bytes(content)
        with pytest.raises(UsageError, match=r"ca\.pem cannot be used \(.+\): correct \[health\] ca_file"):
            asyncio.run(look("http://127.0.0.1:9", ca_file=tmp_path / "ca.pem"))


class TestNotWhole:
    """An answer that is not whole, or not of now, never passes."""

    PACKED = gzip.compress(HEALTHY, mtime=0)  # the same bytes in every process: they name tests

    @pytest.mark.parametrize(
        ("answer", "cause"),
        [
            (http(PACKED[:-8], 200, "application/json", "content-encoding: gzip"), "its gzip data has no end"),
            (http(b"plain", 200, "application/json", "content-encoding: gzip"), "it is not gzip data"),
            (http(HEALTHY, 206, "application/json", "content-range: bytes 0-20/400"), "HTTP 206"),
        ],
    )
    def test_a_part_is_no_answer(self, answer: bytes, cause: str) -> None:
        sampled, report, _ = observe(answering(answer))
        assert all(cause in found for found in causes(sampled))
        assert cause in why(report.body)
        now = datetime.now(UTC)
        assert judge_liveness(sampled, "a", HealthLimits(), now).status is Status.FAIL
        assert judge_errors(sampled, "a", HealthLimits(), now).status is Status.FAIL
        assert judge_status(report, "a", HealthLimits(), now).status is Status.FAIL

    @pytest.mark.parametrize(
        ("header", "errors"),
        [
            ("content-encoding: br", Status.UNKNOWN),
            ("age: 301", Status.PASS),
            ("age: 1000000, 3", Status.PASS),
            ("date: Mon, 23 Nov 2020 09:00:00 GMT", Status.PASS),
        ],
    )
    def test_what_shows_nothing_of_now(self, header: str, errors: Status) -> None:
        sampled, report, _ = observe(answering(http(HEALTHY, 200, "application/json", header)))
        now = datetime.now(UTC)
        assert judge_readiness(sampled, "a", HealthLimits(), now).status is Status.UNKNOWN
        assert judge_status(report, "a", HealthLimits(), now).status is Status.UNKNOWN
        assert judge_errors(sampled, "a", HealthLimits(), now).status is errors
        down, _, _ = observe(answering(http(HEALTHY, 503, "application/json", header)), samples=1)
        assert judge_readiness(down, "a", HealthLimits(), now).status is Status.FAIL

    @pytest.mark.parametrize("header", ["age: 0", "age: 5", "age: x", "date: yesterday", "content-encoding: identity"])
    def test_what_ordinary_servers_say(self, header: str) -> None:
        sampled, report, _ = observe(answering(http(HEALTHY, 200, "application/json", header)), samples=1)
        now = datetime.now(UTC)
        assert judge_readiness(sampled, "a", HealthLimits(), now).status is Status.PASS
        assert judge_status(report, "a", HealthLimits(), now).status is Status.PASS


class TestHugeBodies:
    """Nothing that a server sends takes much memory or more than the timeout."""

    @pytest.fixture(autouse=True)
    def _memory(self) -> Iterator[None]:
        tracemalloc.start()
        yield
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20e6

    def test_an_endless_body_is_no_answer(self) -> None:
        """A page that never ends, read in part, would look quick."""

        async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: int) -> bool:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

        sampled, report, _ = observe(talk, timeout_s=0.3)
        assert causes(sampled) == {"No response within 0.3 s"}
        assert why(report.body) == "No response within 0.3 s"

    def test_a_large_page_is_read_to_its_end_on_one_connection(self) -> None:
        sampled, report, seen = observe(answering(http(b" " * 3_000_000)))
        assert {a.status for a in sampled.answers} == {200}
        assert seen.connections == 1
        assert why(report.body) == "The health report is larger than 262144 bytes"

    @pytest.mark.parametrize(("size", "read"), [(262_143, True), (262_144, True), (262_145, False)])
    def test_a_report_that_would_have_to_be_cut_is_not_judged(self, size: int, read: bool) -> None:
        """Up to the cut it would be a perfectly healthy report."""
        body = HEALTHY + b" " * (size - len(HEALTHY))
        _, report, _ = observe(answering(http(body)), samples=1)
        assert isinstance(report.body, HealthBody) is read
        _, down, _ = observe(answering(http(body, 503)), samples=1)
        assert judge_status(down, "a", HealthLimits(), datetime.now(UTC)).status is Status.FAIL

    def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_kept(self) -> None:
        packed = gzip.compress(HEALTHY + b" " * 100_000_000)
        assert len(packed) < 200_000
        tracemalloc.reset_peak()
        packed_answer = http(packed, 200, "application/json", "content-encoding: gzip")
        sampled, report, _ = observe(answering(packed_answer), samples=1)
        assert {a.status for a in sampled.answers} == {200}
        assert why(report.body) == "The health report is larger than 262144 bytes"

    def test_a_packed_report_is_read(self) -> None:
        packed = http(gzip.compress(HEALTHY), 200, "application/json", "content-encoding: gzip")
        assert observe(answering(packed))[1].body == HealthBody("healthy", None, None, ())

    def test_a_packed_report_of_nothing_is_unknown(self) -> None:
        _, report, _ = observe(answering(http(b"", 200, "application/json", "content-encoding: gzip")), samples=1)
        assert why(report.body) == "The health report is not JSON but application/json"


class TestReport:
    """What is read out of a health report, and what is refused."""

    def test_the_guides_own_form(self) -> None:
        body = parsed(
            {
                "status": "healthy",
                "version": "1.4.0",
                "timestamp": "2026-11-24T09:00:00+09:00",
                "checks": [
                    {"name": "database", "status": "healthy", "responseTime": 5},
                    {"name": "cache", "status": "unhealthy", "message": "no route to host"},
                ],
            }
        )
        assert body.timestamp == datetime(2026, 11, 24, tzinfo=UTC)
        assert body == HealthBody(
            "healthy",
            "1.4.0",
            body.timestamp,
            (Component("database", "healthy", 5.0), Component("cache", "unhealthy", None, "no route to host")),
        )

    def test_components_as_an_object(self) -> None:
        body = parsed({"status": "UP", "components": {"db": {"status": "UP", "details": {}}, "disk": "DOWN"}})
        assert body.components == (Component("db", "UP", None), Component("disk", "DOWN", None))

    def test_a_component_is_called_by_its_key(self) -> None:
        body = parsed({"status": "UP", "components": {"db": {"name": "x", "status": "UP"}}})
        assert [c.name for c in body.components] == ["db"]

    def test_components_beside_checks_are_read_too(self) -> None:
        down = {"name": "db", "status": "down"}
        assert len(parsed({"status": "UP", "checks": [], "components": [down]}).components) == 1
        assert len(parsed({"status": "UP", "checks": None, "components": [down]}).components) == 1
        assert len(parsed({"status": "UP", "checks": [down], "components": {"x": "up"}}).components) == 2

    @pytest.mark.parametrize("empty", [{}, {"checks": None}, {"checks": []}, {"components": {}}])
    def test_no_components(self, empty: dict[str, Any]) -> None:
        assert parsed({"status": "UP", **empty}).components == ()

    def test_two_components_of_one_name_are_both_kept(self) -> None:
        checks = [{"name": "db", "status": "down"}, {"name": "db", "status": "up"}]
        assert [c.status for c in parsed({"status": "up", "checks": checks}).components] == ["down", "up"]

    @pytest.mark.parametrize(
        ("body", "key"),
        [
            (b'{"status": "unhealthy", "status": "healthy"}', "status"),
            (b'{"status": "up", "components": {"db": {"status": "down"}, "db": {"status": "up"}}}', "db"),
        ],
    )
    def test_one_key_with_two_values_is_refused(self, body: bytes, key: str) -> None:
        assert refused(body) == f"The health report contains {key} twice"

    def test_a_duplicate_key_is_found_quickly(self) -> None:
        started = time.thread_time()
        refused(("{" + ",".join(f'"{n}":1' for n in range(25_000)) + ',"24999":2}').encode())
        assert time.thread_time() - started < 1  # comparing each with each takes several

    @pytest.mark.parametrize(
        ("body", "kind", "found"),
        [
            (b"<html>Welcome to nginx!</html>", "text/html; charset=utf-8", "text/html"),
            (b"<html>", "", "no content type"),
            (b"<html>", "text/\u202ehtml<script>", "text/\\u202ehtml<script>"),
            (b"", "application/json", "application/json"),
            (b'{"status": "healthy"', "application/json", "application/json"),
            (b'{"status": "healthy"} trailing', "application/json", "application/json"),
            (b'{"status": "\xff"}', "application/json", "application/json"),
            (b"[" * 20_000, "application/json", "application/json"),
            (b'{"a":' * 20_000, "application/json", "application/json"),
            (b'{"status": "up", "x": NaN}', "application/json", "application/json"),
            (b'{"status": "up", "x": -Infinity}', "application/json", "application/json"),
            (b'{"status": "up", "x": ' + b"9" * 5000 + b"}", "application/json", "application/json"),
        ],
    )
    def test_what_is_not_json_is_named(self, body: bytes, kind: str, found: str) -> None:
        assert refused(body, kind) == f"The health report is not JSON but {found}"

    @pytest.mark.usefixtures("no_collection")
    @pytest.mark.parametrize("depth", [100, 480, 900, 970, 990])
    def test_nesting_within_a_name_or_a_message_breaks_nothing(self, depth: int) -> None:
        nested = b"[" * depth + b"]" * depth
        with suppress(ObservationError):
            parse_health(b'{"status":"up","checks":[{"name":' + nested + b',"status":"up"}]}', "")
        with suppress(ObservationError):
            parse_health(
                b'{"status":"up","version":'
                + nested
                + b',"checks":[{"name":"a","status":"up","message":'
                + nested
                + b"}]}",
                "",
            )

    @pytest.mark.parametrize(
        "data", [[], ["healthy"], "healthy", 1, None, True, {}, {"status": None}, {"status": True}]
    )
    def test_no_status_is_refused(self, data: Any) -> None:
        assert refused(json.dumps(data).encode()) == "The health report has no text field status"

    @pytest.mark.parametrize("checks", [False, 0, "", "db", 7, [{"name": "a", "status": "up"}] * 51])
    def test_components_of_another_kind_or_too_many_are_refused(self, checks: Any) -> None:
        words = "The components of the health report are not a list of at most 50 entries"
        assert refused(json.dumps({"status": "up", "checks": checks}).encode()) == words

    def test_fifty_components_are_read(self) -> None:
        assert len(parsed({"status": "up", "checks": [{"name": "a", "status": "up"}] * 50}).components) == 50

    @pytest.mark.parametrize(
        "component",
        [
            "db",
            None,
            [],
            {},
            {"name": "db"},
            {"status": "up"},
            {"name": 5, "status": "up"},
            {"name": "db", "status": 1},
        ],
    )
    def test_a_component_without_name_or_status_is_refused(self, component: Any) -> None:
        body = json.dumps({"status": "up", "checks": [component]}).encode()
        assert refused(body) == "A component of the health report has no name or no status"

    @pytest.mark.parametrize("time", ["-1", "1e9", "1e999", "1" + "0" * 400, '"5"', "true", "[]"])
    def test_a_response_time_that_is_none_is_refused(self, time: str) -> None:
        body = f'{{"status": "up", "checks": [{{"name": "db", "status": "up", "responseTime": {time}}}]}}'
        assert refused(body.encode()) == "A response time in the health report is not a number of milliseconds"

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("db\r\nBcc: x", "db\\u000d\\u000aBcc: x"),
            ("a\u202eb", "a\\u202eb"),
            ("a\x00b\x1b[31m", "a\\u0000b\\u001b[31m"),
            ("在庫\u3000管理", "在庫\u3000管理"),
            ("x" * 61, "x" * 59 + "…"),
        ],
    )
    def test_text_from_outside_is_spelt_out_and_bounded(self, name: str, shown: str) -> None:
        body = parsed({"status": name, "checks": [{"name": name, "status": name, "message": name}]})
        [component] = body.components
        assert (body.status, component.name, component.status) == (shown, shown, shown)
        assert "\n" not in component.message

    def test_lone_surrogates_are_spelt_out(self) -> None:
        body = parse_health(b'{"status": "up", "version": "\\ud800", "checks": {"\\udfff": "up"}}', "")
        assert (body.version, body.components[0].name) == ("\\ud800", "\\udfff")
        assert repr(body).encode()

    def test_a_message_that_is_no_text_is_left_out(self) -> None:
        checks = [{"name": "db", "status": "down", "message": value} for value in (None, 5, {"a": 1})]
        assert {c.message for c in parsed({"status": "up", "checks": checks}).components} == {""}

    @pytest.mark.parametrize(
        ("value", "version"),
        [
            ("1.4.0", "1.4.0"),
            (7, "7"),
            (1.5, "1.5"),
            (" 1.4.0 ", "1.4.0"),
            ("v" * 200, "v" * 200),
            ("v" * 201, None),  # cut, two versions could look like one
            ("", None),
            ("  ", None),
            (None, None),
            (True, None),
            (["1"], None),
        ],
    )
    def test_a_version_can_be_compared_or_is_none(self, value: Any, version: str | None) -> None:
        assert parsed({"status": "up", "version": value}).version == version

    @pytest.mark.parametrize(
        ("value", "offset"),
        [
            ("2026-11-24T00:00:00Z", 0),
            ("2026-11-24T00:00:00.123+09:00", 9),
            ("2026-11-24T00:00:00", 0),
            ("2026-11-24", 0),
        ],
    )
    def test_a_time_without_a_zone_is_utc(self, value: str, offset: int) -> None:
        found = parsed({"status": "up", "timestamp": value}).timestamp
        assert found is not None
        assert found.utcoffset() == timedelta(hours=offset)

    @pytest.mark.parametrize("value", [1790000000, "yesterday", "", True, "2026-13-01T00:00:00Z", {}])
    def test_a_time_that_is_none_is_refused(self, value: Any) -> None:
        body = json.dumps({"status": "up", "timestamp": value}).encode()
        assert refused(body) == "The timestamp of the health report is not ISO 8601"

    def test_a_report_keeps_the_http_status_it_came_with(self) -> None:
        _, report, _ = observe(answering(http(b'{"status": "unhealthy"}', 503)))
        assert (report.answer.status, report.body) == (503, HealthBody("unhealthy", None, None, ()))

    def test_html_over_http(self) -> None:
        _, report, _ = observe(answering(http(b"<html>", 200, "text/html")))
        assert why(report.body) == "The health report is not JSON but text/html"
