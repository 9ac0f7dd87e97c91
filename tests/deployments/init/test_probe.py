"""Which pages are taken for health pages, and which only look like them."""

import gzip
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from deployments.init.probe import MOST_REQUESTS, NoAnswer, open_prober
from tasks.errors import UsageError
from tests.english import english

SHELL = "<!doctype html><title>shop</title><div id=app></div>" + "<script></script>" * 100
HEALTH = json.dumps({"status": "ok", "version": "3", "checks": [{"name": "db", "status": "ok"}]})
PACKED = gzip.compress(HEALTH.encode(), mtime=0)  # the same bytes in every process: they name tests
NOT_FOUND = (404, "text/plain", "no")


def pages(**answers: tuple[int, str, str | bytes]) -> Callable[[str, str], tuple[int, str, str | bytes]]:
    return lambda path, _: answers.get(path.strip("/").replace("/", "_") or "front", NOT_FOUND)


def test_the_pages_of_a_service_are_found_with_few_requests(serve: Any) -> None:
    web = serve(
        pages(
            front=(200, "text/html", SHELL),
            livez=(200, "text/plain", "ok"),
            healthz=(200, "application/json", HEALTH),
            readyz=(204, "text/plain", ""),
            metrics=(200, "text/plain", "# TYPE up gauge\nup 1\n"),
            items=(200, "application/json", "[]"),
            gone=(404, "application/json", "[]"),
        )
    )
    with open_prober(web.url) as prober:
        found = prober.look()
        sampled = prober.answered(["/gone", "/items", "/livez"])
    assert (found.live, found.ready, found.report, found.metrics) == ("/livez", "/readyz", "/healthz", "/metrics")
    assert found.body is not None and [part.name for part in found.body.components] == ["db"]
    assert sampled == ("/", "/items", "/livez")
    assert found.notes == ()
    assert len(web.asked) == len(set(web.asked)) == prober.asked <= MOST_REQUESTS


def test_an_application_that_answers_every_path_with_its_page_has_no_health_pages(serve: Any) -> None:
    def nonce(path: str, _: str) -> tuple[int, str, str]:
        return 200, "text/html; charset=utf-8", SHELL.replace("shop", f"{path} {len(web.asked)}f3")

    web = serve(nonce)
    with open_prober(web.url) as prober:
        found = prober.look()
        assert prober.answered(["/items"]) == ("/",)
    assert (found.live, found.ready, found.report, found.metrics) == (None, None, None, None)
    assert english(*found.notes) == ("the service answers every path with 200: only pages that differ were taken",)
    assert len(web.asked) <= MOST_REQUESTS


def test_behind_such_an_application_the_pages_of_another_kind_are_found(serve: Any) -> None:
    def routed(path: str, _: str) -> tuple[int, str, str]:
        if not path.startswith("/api/"):
            return 200, "text/html", SHELL
        return (200, "application/json", HEALTH) if path == "/api/health" else NOT_FOUND

    with open_prober(serve(routed).url) as prober:
        found = prober.look()
    assert (found.live, found.report) == (None, "/api/health")


def test_json_that_answers_every_path_is_no_health_report(serve: Any) -> None:
    def echo(path: str, _: str) -> tuple[int, str, str]:
        return 200, "application/json", json.dumps({"status": "ok", "path": path, "id": f"a{len(web.asked)}", "at": 17})

    web = serve(echo)
    with open_prober(web.url) as prober:
        found = prober.look()
    assert (found.live, found.ready, found.report) == (None, None, None)


def test_a_long_page_for_people_is_no_probe(serve: Any) -> None:
    with open_prober(serve(pages(live=(200, "text/html", SHELL), ping=(200, "text/html", "ok"))).url) as prober:
        assert prober.look().live == "/ping"


def test_a_service_that_says_it_is_not_well_is_found_too(serve: Any) -> None:
    ill = json.dumps({"status": "unhealthy"})
    web = serve(pages(ready=(503, "text/plain", "starting"), health=(503, "application/json", ill)))
    with open_prober(web.url) as prober:
        found = prober.look()
    assert (found.ready, found.report) == ("/ready", "/health")


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [(200, PACKED, "/health"), (200, PACKED[:-8], None), (200, HEALTH.encode(), None), (206, HEALTH, None)],
    ids=["packed", "cut", "not packed", "a part"],
)
def test_only_a_whole_answer_is_a_page(serve: Any, status: int, body: str | bytes, found: str | None) -> None:
    with open_prober(serve(pages(health=(status, "application/json", body))).url) as prober:
        assert prober.look().report == found


@pytest.mark.parametrize("body", [PACKED[:-8], HEALTH.encode()])
def test_a_service_that_never_answers_whole_is_reported(serve: Any, body: bytes) -> None:
    web = serve(lambda *_: (200, "application/json", body))
    with pytest.raises(NoAnswer, match="its answer is cut, damaged or encoded"), open_prober(web.url):
        pass


def test_a_proxy_without_its_service_has_no_health_pages(serve: Any) -> None:
    with open_prober(serve(lambda *_: (503, "application/json", '{"status": "down"}')).url) as prober:
        found = prober.look()
    assert (found.live, found.ready, found.report) == (None, None, None)


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ((401, "text/plain", ""), "every path asks for a login (HTTP 401): set [health.headers] and run this again"),
        (
            (301, "https://shop.example/?state=hunter22", ""),
            "every path leads to https://shop.example/: perhaps that is the address",
        ),
    ],
)
def test_a_login_and_a_redirect_are_reported_and_not_followed(serve: Any, answer: Any, note: str) -> None:
    web = serve(lambda *_: answer)
    with open_prober(web.url) as prober:
        found = prober.look()
        assert prober.answered([]) == ()
    assert found.live is None and english(*found.notes)[0].startswith(note)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1", "refuses connections; is it running"),
        ("https://127.0.0.1:PORT", "the TLS handshake failed; perhaps it speaks http"),
        ("http://no-such-host.invalid", "its name does not resolve"),
    ],
)
def test_a_service_that_does_not_answer_is_reported_with_what_to_do(serve: Any, url: str, why: str) -> None:
    port = serve(pages()).url.rpartition(":")[2]
    with pytest.raises(NoAnswer, match=why) as refused, open_prober(url.replace("PORT", port)):
        pass
    assert not isinstance(refused.value, UsageError)  # status 3


def test_a_server_that_does_not_speak_http_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts, and says nothing for ever
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(NoAnswer, match="nothing came in time"), open_prober(url, timeout_s=0.1):
            pass
