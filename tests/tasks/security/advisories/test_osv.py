"""The client of OSV's API, against a real server that answers well, badly, slowly or not at all."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from deployments.demo.advisories import Feed, FeedFault, serving
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.security.advisories.feed import is_stale, modified_at
from tasks.security.advisories.http import Endpoint
from tasks.security.advisories.osv import query, query_batch, query_ids, read_records
from tasks.security.facts.scans import Package
from tasks.security.settings import Advisories
from tests.advisory_feeds import advisory, feed_of

PAD = Package("npm", "pad", "1.0.0")


def endpoint(url: str, *, waits_s: tuple[float, ...] = (), timeout_s: float = 5, within_s: float = 30) -> Endpoint:
    return Endpoint(url, ca_file=None, timeout_s=timeout_s, deadline=Deadline.after(within_s), waits_s=waits_s)


@contextmanager
def saying(body: bytes, **how: Any) -> Iterator[tuple[str, list[str]]]:
    """A server that sends these bytes for every request, in pieces if `drip_s` is given."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(str(self.headers.get("Range")))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(how.get("code", 200))
            self.send_header("Content-Length", str(how.get("length", len(body))))
            for name, value in how.get("headers", {}).items():
                self.send_header(name, value)
            self.end_headers()
            for at in range(0, len(body), how.get("piece", 65536)):
                self.wfile.write(body[at : at + how.get("piece", 65536)])
                time.sleep(how.get("drip_s", 0))

        do_GET = do_POST

        def log_message(self, *_: object) -> None: ...

    class Quiet(ThreadingHTTPServer):
        daemon_threads, block_on_close = True, False

        def handle_error(self, *_: object) -> None: ...

    with Quiet(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://user:hunter2@127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_pages_are_read_to_their_end() -> None:
    many = [advisory(f"GHSA-{n:04}", "pad", ecosystem="npm") for n in range(11)]
    with feed_of(*many, page=3) as (feed, url), endpoint(url) as asked:
        assert len(query(asked, PAD)) == 11
        assert feed.asked == ["/v1/query"] * 4
        assert len(query_batch(asked, [PAD, Package("npm", "clean", "1.0.0")])[PAD]) == 11


def test_a_thousand_packages_are_one_request() -> None:
    packages = [Package("npm", f"p{n}", "1.0.0") for n in range(1001)]
    with feed_of(advisory("a", "p1000", ecosystem="npm")) as (feed, url), endpoint(url) as asked:
        found = query_batch(asked, packages)
    assert [package.name for package, ids in found.items() if ids] == ["p1000"]
    assert feed.asked == ["/v1/querybatch"] * 2


def test_records_that_do_not_exist_and_ids_that_are_none_are_left_out() -> None:
    with feed_of(advisory("a", "pad")) as (feed, url), endpoint(url) as asked:
        assert set(read_records(asked, ["a", "b", "../../etc", "x y", "c?d"])) == {"a"}
    assert sorted(feed.asked) == ["/v1/vulns/a", "/v1/vulns/b"]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"1",
        b'{"vulns": 1}',
        b'{"vulns": [{}]}',
        b'{"vulns": [{"id": 1}]}',
        b'{"vulns": [], "next_page_token": 5}',
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
)
def test_an_answer_that_is_not_osv_s(body: bytes) -> None:
    with saying(body) as (url, _), endpoint(url) as asked, pytest.raises(ObservationError) as caught:
        query(asked, PAD)
    assert str(caught.value) == "The response of the advisory endpoint 127.0.0.1 is not OSV's JSON"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"results": []}',
        b'{"results": [{}, {}]}',
        b'{"results": [1]}',
        b'{"results": [null]}',
        b'{"results": [[]]}',
    ],
)
def test_a_batch_that_does_not_answer_each_query(body: bytes) -> None:
    with saying(body) as (url, _), endpoint(url) as asked, pytest.raises(ObservationError):
        query_batch(asked, [PAD])


def test_a_record_of_another_advisory_says_nothing_of_this_one() -> None:
    other = b'{"id": "GHSA-other", "withdrawn": "2026-01-01T00:00:00Z"}'
    with saying(other) as (url, _), endpoint(url) as asked, pytest.raises(ObservationError):
        read_records(asked, ["GHSA-asked"])


@pytest.mark.parametrize("batch", [None, {"vulns": []}])
def test_an_endpoint_without_batches_names_ids_all_the_same(batch: Any) -> None:
    class Single(Feed):
        def answer(self, path: str, body: Any, fault: FeedFault | None) -> Any:
            return batch if path == "/v1/querybatch" else super().answer(path, body, fault)

    with serving(Single([advisory("a", "pad", ecosystem="npm")])) as url, endpoint(url) as asked:
        assert query_ids(asked, [PAD]) == {PAD: frozenset({"a"})}


def test_an_endless_number_of_pages_ends() -> None:
    with saying(b'{"vulns": [], "next_page_token": "again"}') as (url, seen), endpoint(url) as asked:
        with pytest.raises(ObservationError):
            query(asked, PAD)
        assert len(seen) == 100


@pytest.mark.parametrize(("code", "tries"), [(429, 3), (500, 3), (503, 3), (400, 1), (403, 1), (302, 1)])
def test_what_may_mend_is_tried_again(code: int, tries: int) -> None:
    with saying(b"", code=code) as (url, seen), endpoint(url, waits_s=(0.01, 0.01)) as asked:
        with pytest.raises(ObservationError, match=f"127.0.0.1 answered with HTTP {code}"):
            query(asked, PAD)
        assert len(seen) == tries


def after(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "tries"),
    [("0", 3), ("3600", 1), (after(-5), 3), (after(3600), 1), ("soon", 3), ("-1", 3), ("9" * 400, 1)],
    ids=["now", "an hour", "a time before", "a time in an hour", "a word", "negative", "a huge number"],
)
def test_a_server_that_asks_to_wait(header: str, tries: int) -> None:
    """It is waited for while the time allows; a wait that is too long is not begun."""
    busy = saying(b"", code=429, headers={"Retry-After": header})
    with busy as (url, seen), endpoint(url, waits_s=(0.01, 0.01)) as asked:
        with pytest.raises(ObservationError):
            query(asked, PAD)
        assert len(seen) == tries


def test_an_answer_that_drips_does_not_take_for_ever() -> None:
    started = time.monotonic()
    with (
        saying(b"{}" + b" " * 1000, piece=1, drip_s=0.05) as (url, _),
        endpoint(url, timeout_s=0.3) as asked,
        pytest.raises(ObservationError, match=r"did not answer within 0.3 s"),
    ):
        query(asked, PAD)
    assert time.monotonic() - started < 25  # half of what it drips for


def test_nothing_is_asked_when_no_time_is_left() -> None:
    with feed_of() as (feed, url), endpoint(url, within_s=0) as asked:
        with pytest.raises(ObservationError, match="Time ran out"):
            query(asked, PAD)
        assert feed.asked == []


def test_the_list_of_changes_is_read_to_its_first_line_only() -> None:
    body = b"2026-01-02T03:04:05.678Z,PyPI/PYSEC-1\n" * 200_000
    advisories = Advisories(url="http://127.0.0.1:9", changes_url="http://127.0.0.1:9")
    with saying(body) as (url, seen), endpoint(url) as asked:
        given = advisories.model_copy(update={"changes_url": url})
        at = modified_at(asked, given, "PyPI", ())
    assert at == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert seen == ["bytes=0-4095"]


@pytest.mark.parametrize("body", [b"<html>", b"", b"x" * 10_000, b"yesterday,A\n"])
def test_a_list_of_changes_that_is_none(body: bytes) -> None:
    with saying(body) as (url, _), endpoint(url) as asked, pytest.raises(ObservationError, match="does not begin"):
        modified_at(asked, Advisories(url="http://127.0.0.1:9").model_copy(update={"changes_url": url}), "PyPI", ())


def test_without_a_list_the_newest_record_tells() -> None:
    own = Advisories(url="http://127.0.0.1:9")
    times = (None, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    with endpoint("http://127.0.0.1:9") as asked:
        assert modified_at(asked, own, "PyPI", times) == times[2]
        assert modified_at(asked, own, "PyPI", (None,)) is None


@pytest.mark.parametrize(("hours", "stale"), [(167.9, False), (168, False), (168.1, True)])
def test_the_age_of_a_feed(hours: float, stale: bool) -> None:
    now = datetime(2026, 1, 8, tzinfo=UTC)
    assert is_stale(now - timedelta(hours=hours), now, timedelta(hours=168)) is stale
    assert not is_stale(None, now, timedelta(hours=168))
