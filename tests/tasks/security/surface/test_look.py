"""The surface of real servers: what they send, what they hide, and when they do not answer."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from tasks.check_result import CheckResult, Status, Table, msg
from tasks.errors import UsageError
from tasks.observation import Unobserved
from tasks.security.checks import COOKIES, HEADERS, SURFACE_CHECKS, TLS
from tasks.security.surface.look import SurfaceReview, judge_surface_now
from tests.tasks.security.running import round_of, words

GOOD = (
    ("Content-Security-Policy", "default-src 'none'; script-src 'self'; frame-ancestors 'none'"),
    ("Strict-Transport-Security", "max-age=31536000"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
Sent = tuple[tuple[str, str], ...]


@contextmanager
def serving(pages: dict[str, tuple[int, Sent]], tls: ssl.SSLContext | None = None, delay: Any = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if delay is not None:
                delay.wait(30)
            status, sent = pages[self.path]
            self.send_response_only(status)
            for name, value in sent:
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def context(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(made)
    return made


def look(folder: Path, url: str, text: str = "", **how: Any) -> SurfaceReview:
    return asyncio.run(judge_surface_now(round_of(folder, f"[security]\n{text}", base_url=url, **how)))


def by_check(review: SurfaceReview) -> dict[str, CheckResult]:
    return {result.check: result for result in review.results}


def test_a_good_service_over_https(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    cookie = ("Set-Cookie", "session=hunter2-secret; Secure; HttpOnly; SameSite=Lax")
    with serving({"/": (200, (*GOOD, cookie))}, context(authority)) as url:
        review = look(tmp_path, url, '[security.surface]\nca_file = "ca.pem"\n')
    assert {r.check: r.status for r in review.results} == dict.fromkeys([c.id for c in SURFACE_CHECKS], Status.PASS)
    assert (review.grade, review.score) == ("A+", 125)
    assert "hunter2" not in repr(review)


def test_an_untrusted_certificate_blinds_nothing_else(authority: trustme.CA, tmp_path: Path) -> None:
    with serving({"/": (200, GOOD)}, context(authority)) as url:
        review = look(tmp_path, url)
    found = by_check(review)
    assert found[TLS.id].status is Status.FAIL
    assert (review.grade, review.score) == ("B+", 80)
    assert found[COOKIES.id].status is Status.PASS


def test_a_plain_service(tmp_path: Path) -> None:
    cookies = (("Set-Cookie", "a=1; HttpOnly; SameSite=Strict"), ("Set-Cookie", "old=; Max-Age=0"))
    with serving({"/": (200, (*GOOD[:1], *GOOD[2:], *cookies))}) as url:
        review = look(tmp_path, url)
    found = by_check(review)
    assert (found[HEADERS.id].status, found[COOKIES.id].status) == (Status.PASS, Status.PASS)
    assert found[TLS.id].status is Status.SKIPPED
    assert words(found[TLS.id]) == f"{url} is not encrypted: set [security.surface] url to the https address"


def test_the_last_of_very_many_cookies_counts_too(tmp_path: Path) -> None:
    good = tuple(("Set-Cookie", f"c{n}=1; HttpOnly; SameSite=Lax") for n in range(150))
    bad = ("Set-Cookie", "last=1; Expires=Thu, 01 Jan 2026 00:00:00 +99999999999999999999")
    with serving({"/": (200, (*GOOD, *good, bad))}) as url:
        result = by_check(look(tmp_path, url))[COOKIES.id]
    assert (result.status, words(result)) == (
        Status.FAIL,
        "1 of 151 cookies are not protected: last lacks HttpOnly, SameSite",
    )
    [table] = result.evidence
    assert isinstance(table, Table) and (table.rows[0][1], len(table.rows)) == ("last", 100)


def test_every_path_is_looked_at_and_text_from_outside_is_masked(tmp_path: Path) -> None:
    bad = (("Server", "nginx/1.25.3 token=abcdef0123456789 tanaka@example.com"), ("Set-Cookie", "tanaka@example.com=1"))
    with serving({"/": (200, GOOD), "/login": (200, bad)}) as url:
        review = look(tmp_path, url, '[security.surface]\npaths = ["/", "/login"]\n')
    headers, cookies = by_check(review)[HEADERS.id], by_check(review)[COOKIES.id]
    assert (headers.status, cookies.status) == (Status.FAIL, Status.FAIL)
    assert (review.grade, review.score) == ("C", 50)
    assert isinstance(headers.evidence[0], Table)
    assert "tanaka" not in repr(review) and "abcdef0123456789" not in repr(review)


def test_a_redirect_is_not_followed_and_its_target_is_named(tmp_path: Path) -> None:
    with serving({"/": (301, (("Location", "https://shop.example/start?user=tanaka"),))}) as url:
        review = look(tmp_path, url)
    result = by_check(review)[HEADERS.id]
    assert (result.status, review.grade) == (Status.UNKNOWN, None)
    assert words(result).startswith("/ redirects to https://shop.example/start, whose page was not checked")
    assert "tanaka" not in words(result)


@pytest.mark.parametrize("status", [404, 500])
def test_an_error_page_is_not_graded(tmp_path: Path, status: int) -> None:
    with serving({"/": (status, GOOD)}) as url:
        review = look(tmp_path, url)
    assert {r.status for r in review.results} == {Status.UNKNOWN, Status.SKIPPED}
    assert words(by_check(review)[HEADERS.id]).startswith(f"/ answered with HTTP {status}")


def test_nobody_answers(tmp_path: Path) -> None:
    found = by_check(look(tmp_path, "https://127.0.0.1:1"))
    assert {r.status for r in found.values()} == {Status.UNKNOWN}
    assert {words(r) for r in found.values()} == {"Connection refused"}


def test_one_that_hangs(tmp_path: Path) -> None:
    never = threading.Event()
    with serving({"/": (200, GOOD)}, delay=never) as url:
        result = by_check(look(tmp_path, url, "[security.surface]\ntimeout_s = 0.2\n"))[HEADERS.id]
        never.set()
    assert (result.status, words(result)) == (Status.UNKNOWN, "No response within 0.2 s")


def test_a_round_for_the_past_sees_nothing(tmp_path: Path) -> None:
    review = look(tmp_path, "http://127.0.0.1:9", past=Unobserved(msg("It is over")))
    assert [r.check for r in review.results] == [c.id for c in SURFACE_CHECKS]
    assert {r.status for r in review.results} == {Status.UNKNOWN}


def test_a_ca_file_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"correct \[security\.surface\] ca_file"):
        look(tmp_path, "https://127.0.0.1:1", '[security.surface]\nca_file = "none.pem"\n')
