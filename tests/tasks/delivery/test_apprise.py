"""Messages by Apprise to a real HTTP server that accepts, refuses, waits, hangs and closes."""

import asyncio
import email.charset
import json
import logging
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import requests
from apprise import Apprise

from tasks.delivery import apprise
from tasks.delivery.chat import MOST_TEXT, harmless_text, harmless_title
from tasks.delivery.errors import DeliveryError, MailOutcome
from tasks.delivery.retry_after import retry_after_s
from tasks.processes import free_port
from tests.fixtures.chat import HANG_S, Reply

if TYPE_CHECKING:
    from tests.fixtures.chat import Chat

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOOK = "3ccdd113474722377935511fc85d3dd4"
KEY = "alerts.channel.0.url"
HTTP_DATE = format_datetime(NOW + timedelta(seconds=90), usegmt=True)


def send(url: str, title: str = "disk full", text: str = "since 09:00", **more: float) -> str:
    return asyncio.run(apprise.send(url, KEY, title, text, NOW, **more))  # type: ignore[arg-type]


def refused(url: str, **more: float) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        send(url, **more)
    return caught.value


def test_what_is_accepted_says_by_whom(chat: "Chat") -> None:
    assert send(chat.url(HOOK)) == "accepted by Mattermost (HTTP 200)"
    assert chat.texts(HOOK) == ["disk full\r\nsince 09:00"]


@pytest.mark.parametrize(
    ("reply", "kind", "words", "wait_s"),
    [
        (Reply(500, body="oops"), MailOutcome.RETRY, "answered HTTP 500: oops", None),
        (Reply(503, {"Retry-After": "7"}, ""), MailOutcome.RETRY, "HTTP 503 and asks to wait 7 s", 7.0),
        (Reply(429, {"Retry-After": "30"}, ""), MailOutcome.RETRY, "HTTP 429 and asks to wait 30 s", 30.0),
        (Reply(429, {"Retry-After": HTTP_DATE}, ""), MailOutcome.RETRY, "HTTP 429 and asks", None),
        (Reply(429, body=""), MailOutcome.RETRY, "answered HTTP 429", None),
        (Reply(408, body=""), MailOutcome.RETRY, "answered HTTP 408", None),
        (Reply(404, body="no such hook"), MailOutcome.PERMANENT, "HTTP 404: no such hook; correct " + KEY, None),
        (Reply(403, body=""), MailOutcome.PERMANENT, "answered HTTP 403; correct " + KEY, None),
        (Reply(302, {"Location": "http://127.0.0.1:1/"}, ""), MailOutcome.PERMANENT, "answered HTTP 302", None),
        (Reply(closes=True), MailOutcome.UNKNOWN, "closed the connection without an answer", None),
        (Reply(hangs=True), MailOutcome.UNKNOWN, "did not answer in time", None),
        (Reply(200, body="ok", trickles=True), MailOutcome.UNKNOWN, "did not answer in time", None),
    ],
)
def test_case_4_a_notifiers_answer_says_what_may_be_done(
    chat: "Chat", reply: Reply, kind: MailOutcome, words: str, wait_s: float | None
) -> None:
    chat.replies[HOOK] = [reply]
    before = time.monotonic()
    error = refused(chat.url(HOOK, "?rto=1"), longest_s=2.0)
    assert (error.kind, words in str(error)) == (kind, True), str(error)
    assert time.monotonic() - before < HANG_S / 2
    if wait_s is not None:
        assert error.retry_after_s == wait_s
    assert len(chat.heard) == 1, "tried again by Apprise"
    assert HOOK not in str(error)


def test_case_4_a_retry_after_is_read_in_seconds_and_as_a_date_and_bounded() -> None:
    assert retry_after_s({"Retry-After": "0"}, NOW) == 0.0
    assert retry_after_s({"Retry-After": " 30 "}, NOW) == 30.0
    assert retry_after_s({"Retry-After": "999999999999"}, NOW) == 3600.0
    assert retry_after_s({"Retry-After": HTTP_DATE}, NOW) == 90.0
    assert retry_after_s({"Retry-After": format_datetime(NOW - timedelta(days=1), usegmt=True)}, NOW) == 0.0
    assert retry_after_s({"Retry-After": format_datetime(NOW + timedelta(days=1), usegmt=True)}, NOW) == 3600.0
    ahead = {"Retry-After": HTTP_DATE, "Date": format_datetime(NOW, usegmt=True)}
    assert retry_after_s(ahead, NOW + timedelta(minutes=10)) == 90.0  # whose clock is wrong does not matter
    far = "Wed, 21 Oct 99999999999 07:28:00 GMT"
    for unreadable in ("", "soon", "-5", "1.5", "Tue, 99 Nov 2026 09:00:00 GMT", far, "٣"):
        assert retry_after_s({"Retry-After": unreadable}, NOW) is None
    assert retry_after_s({}, NOW) is None


def test_case_4_what_cannot_be_reached_is_tried_again() -> None:
    error = refused(f"mmost://127.0.0.1:{free_port()}/{HOOK}")
    assert (error.kind, "cannot be reached" in str(error)) == (MailOutcome.RETRY, True)
    error = refused(f"mmost://no-such-host.invalid/{HOOK}")
    assert (error.kind, "cannot be reached" in str(error)) == (MailOutcome.RETRY, True)


def test_a_failed_tls_handshake_is_tried_again(chat: "Chat") -> None:
    error = refused(chat.url(HOOK).replace("mmost://", "mmosts://"))
    assert (error.kind, "the TLS handshake failed" in str(error)) == (MailOutcome.RETRY, True)


def test_a_certificate_that_nobody_signed_is_not_trusted(own_certificate: int) -> None:
    error = refused(f"mmosts://127.0.0.1:{own_certificate}/{HOOK}")
    assert (error.kind, "certificate" in str(error), KEY in str(error)) == (MailOutcome.PERMANENT, True, True)


@pytest.mark.parametrize("url", ["", "nonsense", "nonsense://x", "slack://T1/planted", f"mmost://{HOOK}"])
def test_a_url_that_cannot_be_used_is_named_by_its_key_alone(url: str) -> None:
    error = refused(url)
    assert (error.kind, str(error).startswith(f"{KEY}: ")) == (MailOutcome.PERMANENT, True)
    assert not url or url.rpartition("/")[2] not in str(error)


@dataclass
class Elsewhere:
    """Services whose own address cannot be changed: their answers are put in place of the network."""

    answers: list[tuple[int, str]]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def send(self, _adapter: object, request: requests.PreparedRequest, **_: object) -> requests.Response:
        self.asked.append((str(request.url), json.loads(request.body or "{}")))
        response = requests.Response()
        response.status_code, body = self.answers.pop(0)
        response._content = body.encode()
        return response


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Elsewhere]:
    """Answers in place of the network, in their order."""

    def answering(*answers: tuple[int, str]) -> Elsewhere:
        found = Elsewhere(list(answers))
        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda *args, **more: found.send(*args, **more))
        return found

    return answering


def test_a_200_that_says_no_is_no_acceptance(elsewhere: Callable[..., Elsewhere]) -> None:
    elsewhere((200, '{"ok": false, "error": "channel_not_found"}'))
    error = refused("slack://xoxb-1234-1234-abcdefghijklmnopqrstuvwx/#ops")
    assert error.kind is MailOutcome.PERMANENT
    assert "answered HTTP 200, but did not confirm the message" in str(error) and "channel_not_found" in str(error)
    assert str(error).endswith(f"; check {KEY}")


@pytest.mark.parametrize("tone", ["fail", "warn", "pass", ""])
@pytest.mark.parametrize(
    ("url", "creates"),
    [
        ("opsgenie://8f4e1c5e-2ad4-4a44-8b1f-4f0a1e1b7c11", lambda url, _data: url.endswith("/v2/alerts")),
        ("jira://8f4e1c5e-2ad4-4a44-8b1f-4f0a1e1b7c11", lambda url, _data: url.endswith("/alerts")),
        (
            "splunk://ops@8f4e1c5e-2ad4-4a44-8b1f-4f0a1e1b7c11",
            lambda _url, data: data["message_type"] in ("WARNING", "CRITICAL"),
        ),
        (
            "pagerduty://0123456789abcdef@0123456789abcdef0123456789abcdef",
            lambda _url, data: data["event_action"] == "trigger",
        ),
    ],
)
def test_a_message_of_any_tone_creates_an_alert_and_closes_none(
    elsewhere: Callable[..., Elsewhere], url: str, creates: Callable[[str, dict[str, Any]], bool], tone: str
) -> None:
    service = elsewhere((202, '{"requestId": "1"}') if "splunk" not in url else (200, "{}"))
    assert asyncio.run(apprise.send(url, KEY, "disk full", "since 09:00", NOW, tone=tone)).startswith("accepted by")
    [(asked, data)] = service.asked
    assert creates(asked, data), (asked, data)


def test_a_plugin_that_says_yes_and_asks_nobody_has_sent_nothing(elsewhere: Callable[..., Elsewhere]) -> None:
    service = elsewhere()
    error = refused("opsgenie://8f4e1c5e-2ad4-4a44-8b1f-4f0a1e1b7c11?action=note")
    assert (error.kind, str(error)) == (
        MailOutcome.PERMANENT,
        f"Opsgenie was sent nothing: check the options of {KEY}",
    )
    assert service.asked == []


def test_what_does_not_go_by_http_needs_no_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        assert send(f"rsyslog://127.0.0.1:{receiver.getsockname()[1]}") == "accepted by Remote Syslog"
        assert b"disk full" in receiver.recv(2000)


DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"


def test_discords_second_try_is_made_at_once_and_its_answer_counts(elsewhere: Callable[..., Elsewhere]) -> None:
    limited = '{"retry_after": 60}'
    service = elsewhere((429, limited), (204, ""))
    assert send(DISCORD) == "accepted by Discord (HTTP 204)"
    service = elsewhere((429, limited), (429, limited))
    error = refused(DISCORD, longest_s=5.0)
    assert (error.kind, "answered HTTP 429" in str(error)) == (MailOutcome.RETRY, True)
    assert len(service.asked) == 2


def test_a_second_try_that_hangs_leaves_open_whether_it_was_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    released, asked = threading.Event(), list[str]()

    def answered(_: object, request: requests.PreparedRequest, **__: object) -> requests.Response:
        asked.append(str(request.url))
        if len(asked) > 1:
            released.wait(10)
        response = requests.Response()
        response.status_code, response._content = 429, b""
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", answered)
    try:
        assert refused(DISCORD, longest_s=0.5).kind is MailOutcome.UNKNOWN
    finally:
        released.set()


@pytest.mark.parametrize("login", ["ops:S3cretPw", "ops:S%C3%BC%C3%9Fes", "S3cretKey"])
def test_a_login_that_is_repeated_in_base64_is_masked(chat: "Chat", login: str) -> None:
    username, _, password = login.partition(":")
    pair = f"{unquote(username)}:{unquote(password) or None}".encode("latin-1")
    url = chat.url(HOOK).replace("mmost://", f"json://{login}@")
    chat.replies[HOOK] = [Reply(500, body=f"refused: Authorization: Basic {b64encode(pair).decode()}")]
    error = str(refused(url))
    assert error == "JSON answered HTTP 500: refused: Authorization: Basic ••••••"


class Listening(logging.Handler):
    """Keeps whatever any logger says to the root."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listening]:
    """A root logger to which nothing is too small."""
    root, handler = logging.getLogger(), Listening()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    logging.getLogger("urllib3.connectionpool").manager._clear_cache()  # type: ignore[attr-defined]
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


def test_the_parts_of_a_url_are_in_no_log_and_no_error(
    chat: "Chat", listening: Listening, capfd: pytest.CaptureFixture[str]
) -> None:
    for reply in (Reply(404, body=f"no hook {HOOK} for planted-user"), Reply(500, body=f"{HOOK} failed")):
        chat.replies[HOOK] = [reply]
        error = refused(chat.url(HOOK).replace("://", "://planted-user@"))
        assert HOOK not in str(error) and "planted-user" not in str(error) and "••••••" in str(error)
    refused(f"slack://planted-{HOOK}/x/y")
    requests.get(f"http://127.0.0.1:{chat.server.server_port}/heard-of-others", timeout=5)
    assert any("urllib3" in line and "heard-of-others" in line for line in listening.said)
    out, err = capfd.readouterr()
    assert "planted" not in "".join(listening.said) + out + err and HOOK not in "".join(listening.said) + out + err


def test_requests_of_others_are_left_alone(chat: "Chat") -> None:
    send(chat.url(HOOK))
    chat.replies["other"] = [Reply(418)]
    answer = requests.post(
        f"http://127.0.0.1:{chat.server.server_port}/other", data=json.dumps({"text": ""}), timeout=5
    )
    assert answer.status_code == 418
    send(chat.url(HOOK))
    assert requests.Session.send.__wrapped__.__module__ == "requests.sessions"  # type: ignore[attr-defined]


def test_two_messages_at_once_do_not_hear_each_others_answers(chat: "Chat") -> None:
    chat.replies["refused"] = [Reply(404)]

    async def both() -> tuple[object, ...]:
        urls = (chat.url("refused"), chat.url("taken"))
        return tuple(await asyncio.gather(*(apprise.send(u, KEY, "t", "x", NOW) for u in urls), return_exceptions=True))

    bad, good = asyncio.run(both())
    assert isinstance(bad, DeliveryError) and "HTTP 404" in str(bad)
    assert good == "accepted by Mattermost (HTTP 200)"


HOSTILE = (
    "<!channel> <@U1> <https://evil.example|bank> @here @everyone a@b.example *bold* [x](http://evil) \u202e\x1b[31m"
)


def test_hostile_text_is_harmless_and_bounded(chat: "Chat") -> None:
    send(chat.url(HOOK), f"{HOSTILE}\nsecond line", "\n".join([HOSTILE, "x" * 10_000]))
    [text] = chat.texts(HOOK)
    for obeyed in ("<!", "<@", "<http", "@here", "@everyone", "](", "\u202e", "\x1b"):
        assert obeyed not in text
    assert "‹!channel> ‹@U1>" in text.replace("＠", "@") and "a@b.example" in text and "\\u202e" in text
    assert len(text) < MOST_TEXT + 400


def test_comparisons_and_addresses_stay_as_they_are() -> None:
    assert harmless_text("p95 < 300 ms, > 80 %\r\nhttps://ops.example/@x a@b.example") == (
        "p95 < 300 ms, > 80 %\nhttps://ops.example/@x a@b.example"
    )
    assert harmless_title("a\nb") == "a\\u000ab"


@pytest.fixture
def own_certificate() -> Iterator[int]:
    """The port of a TLS server with a certificate of an authority that nobody knows."""
    import ssl

    import trustme

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_handshakes, args=(listening, context.wrap_socket), daemon=True).start()
        yield listening.getsockname()[1]


def _handshakes(listening: socket.socket, wrap: Callable[..., socket.socket]) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        try:
            wrap(connection, server_side=True).close()
        except OSError:
            connection.close()


def test_apprise_changes_nothing_of_how_mail_is_encoded() -> None:
    assert Apprise.instantiate("mailto://user:password@shop.example") is not None
    assert email.charset.CHARSETS["utf-8"] == (email.charset.SHORTEST, email.charset.BASE64, "utf-8")
