"""What becomes of a message when the server refuses, hangs, trickles or goes away at each step."""

import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from email.message import EmailMessage
from typing import Any

import pytest

from tasks.delivery.errors import DeliveryError, MailOutcome
from tasks.delivery.server import SmtpServer
from tests.tasks.delivery.blocking import SmtpLink

SENDER, RECIPIENT = "rounds@example.com", "a@example.com"
TIMEOUT_S = 1.0
"""Of a server that hangs or trickles; the steps before that must still be done in time."""
DEADLINE_S = 3 * TIMEOUT_S
PATIENT_S = 30.0
"""Of any other server: a busy machine may be slow."""
GOOD: dict[str, bytes] = {
    "HELLO": b"220 ready",
    "EHLO": b"250-here\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 10000000",
    "AUTH": b"235 welcome",
    "MAIL": b"250 sender ok",
    "RCPT": b"250 recipient ok",
    "DATA": b"354 go on",
    "TEXT": b"",
    ".": b"250 kept",
    "RSET": b"250 reset",
    "QUIT": b"221 bye",
}
DROP, HANG, TRICKLE, SLOW = b"drop", b"hang", b"trickle", b"slow "
SLOW_S = 0.7 * TIMEOUT_S
"""Of an answer that is SLOW: in time, but six of them are later than the deadline."""


class Script:
    """A server that answers each step as given: a reply, SLOW or not, DROP, HANG or TRICKLE; a list is taken in order.

    HELLO is the greeting, TLS what follows a granted STARTTLS, TEXT what follows the first bytes of a message, "."
    what follows its end.
    """

    def __init__(self, replies: Mapping[str, bytes | list[bytes]], buffer: int = 0) -> None:
        self.replies: dict[str, Any] = {**GOOD, **replies}
        self.heard: list[str] = []
        self.connections = 0
        self.over = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        if buffer:
            self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.port: int = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self.listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb", buffering=0) as lines:
            going = self._answer(connection, "HELLO")
            while going and (line := lines.readline()):
                self.heard.append(line.decode().strip())
                verb = line.split()[0].decode().upper()
                going = self._answer(connection, verb)
                if going and verb == "STARTTLS" and self.replies["STARTTLS"].startswith(b"2"):
                    going = self._answer(connection, "TLS")
                if going and verb == "DATA" and b"354" in self.replies["DATA"]:
                    lines.read(100)
                    going = self._answer(connection, "TEXT")
                    while going and (line := lines.readline()) and line != b".\r\n":
                        pass  # nothing at all is the end of a connection
                    going = going and self._answer(connection, ".")

    def _answer(self, connection: socket.socket, verb: str) -> bool:
        replies = self.replies.get(verb, b"500 what?")
        reply: bytes = (replies.pop(0) if replies else GOOD[verb]) if isinstance(replies, list) else replies
        if reply == HANG:
            self.over.wait(60)
        elif reply == TRICKLE:
            until = time.monotonic() + 60
            while not self.over.wait(TIMEOUT_S / 3) and time.monotonic() < until:
                connection.sendall(b"2")
        elif reply and reply != DROP:
            if reply.startswith(SLOW):
                self.over.wait(SLOW_S)
                reply = reply.removeprefix(SLOW)
            connection.sendall(reply + b"\r\n")
        return reply not in (DROP, HANG, TRICKLE) and not reply.startswith(b"421")


Scripted = Callable[..., Script]


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with ExitStack() as stack:

        def start(replies: Mapping[str, bytes | list[bytes]], buffer: int = 0) -> Script:
            script = Script(replies, buffer)
            stack.callback(script.close)
            return script

        yield start


def mail(body: str = "all is well\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, RECIPIENT, "daily"
    message.set_content(body)
    return message


def at(port: int, timeout_s: float = PATIENT_S, **options: Any) -> SmtpServer:
    return SmtpServer("127.0.0.1", port, "plain", timeout_s=timeout_s, **options)


def bound_of(*answers: object) -> float:
    """The time-out with which to ask a server that gives these answers."""
    return TIMEOUT_S if {HANG, TRICKLE}.intersection(answers) else PATIENT_S


def failure(server: SmtpServer, message: EmailMessage | None = None) -> DeliveryError:
    with SmtpLink(server) as link, pytest.raises(DeliveryError) as caught:
        link.send(message or mail(), SENDER, RECIPIENT)
    return caught.value


@pytest.mark.parametrize(
    ("replies", "kind", "words"),
    [
        ({"HELLO": b"421 too busy"}, MailOutcome.RETRY, "421 too busy"),
        ({"HELLO": b"554 go away"}, MailOutcome.PERMANENT, "554 go away"),
        ({"HELLO": b"SSH-2.0-OpenSSH"}, MailOutcome.RETRY, "SSH-2.0-OpenSSH"),
        ({"HELLO": DROP}, MailOutcome.RETRY, "dropped the connection while waiting for the greeting"),
        ({"HELLO": HANG}, MailOutcome.RETRY, "did not answer in time while waiting for the greeting"),
        ({"EHLO": DROP}, MailOutcome.RETRY, "while EHLO"),
        ({"MAIL": b"451 later"}, MailOutcome.RETRY, "451 later"),
        ({"MAIL": b"553 not your sender"}, MailOutcome.PERMANENT, "[mail] sender"),
        ({"RCPT": b"451 4.7.1 greylisted"}, MailOutcome.RETRY, "451 4.7.1 greylisted"),
        ({"RCPT": b"550 nobody"}, MailOutcome.PERMANENT, "550 nobody"),
        ({"RCPT": HANG}, MailOutcome.RETRY, "while RCPT"),
        ({"DATA": b"451 no disk"}, MailOutcome.RETRY, "451 no disk"),
        ({"DATA": b"250 what"}, MailOutcome.RETRY, "250 what"),
        ({"DATA": DROP}, MailOutcome.RETRY, "while sending the text"),
        ({".": b"451 4.3.0 try again"}, MailOutcome.RETRY, "451 4.3.0 try again"),
        ({".": b"421 shutting down"}, MailOutcome.RETRY, "421 shutting down"),
        ({".": b"552 too large"}, MailOutcome.PERMANENT, "552 too large"),
        ({".": DROP}, MailOutcome.UNKNOWN, "same Message-ID"),
        ({".": HANG}, MailOutcome.UNKNOWN, "did not answer in time while ending the text"),
        ({".": b"what?"}, MailOutcome.UNKNOWN, "what?"),
        ({".": TRICKLE}, MailOutcome.UNKNOWN, "did not answer in time"),
    ],
)
def test_each_step(scripted: Scripted, replies: dict[str, bytes | list[bytes]], kind: MailOutcome, words: str) -> None:
    error = failure(at(scripted(replies).port, bound_of(*replies.values())))
    assert (error.kind, words in str(error)) == (kind, True), error


def test_a_closed_port_is_retried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = failure(at(port))
    assert error.kind is MailOutcome.RETRY
    assert "refused the connection" in str(error) and "[mail] smtp" in str(error)


@pytest.mark.parametrize("step", ["HELLO", "EHLO", "RCPT"])
def test_a_server_that_trickles_is_left_at_the_time_out(scripted: Scripted, step: str) -> None:
    began = time.monotonic()
    error = failure(at(scripted({step: TRICKLE}).port, TIMEOUT_S))
    assert (error.kind, "did not answer in time" in str(error)) == (MailOutcome.RETRY, True)
    assert TIMEOUT_S - 0.1 < time.monotonic() - began < DEADLINE_S + 30  # left to itself, it trickles for a minute


def test_a_server_that_is_slow_at_each_step_is_left_at_the_deadline(scripted: Scripted) -> None:
    slow = {step: SLOW + GOOD[step] for step in ("HELLO", "EHLO", "AUTH", "MAIL", "RCPT", "DATA")}
    script = scripted(slow)
    began = time.monotonic()
    error = failure(at(script.port, TIMEOUT_S, username="ops", password="pw"))  # without a deadline it is accepted
    assert (error.kind, "did not answer in time" in str(error)) == (MailOutcome.RETRY, True)
    assert time.monotonic() - began < DEADLINE_S + 30


@pytest.mark.parametrize("then", [DROP, HANG])
def test_a_connection_lost_before_the_dot_is_retried(scripted: Scripted, then: bytes) -> None:
    large = mail(("x" * 70 + "\n") * 120_000)  # more than the buffers of both sides take, so that the dot is never sent
    error = failure(at(scripted({"TEXT": then}, buffer=4096).port, bound_of(then)), large)
    assert error.kind is MailOutcome.RETRY
    assert "while sending the text" in str(error)


@pytest.mark.parametrize(
    ("early", "kind"),
    [(b"552 too large", MailOutcome.PERMANENT), (b"451 no disk", MailOutcome.RETRY), (b"250 kept", MailOutcome.RETRY)],
)
def test_a_reply_before_the_dot_is_never_an_acceptance(scripted: Scripted, early: bytes, kind: MailOutcome) -> None:
    error = failure(at(scripted({"DATA": b"354 go on\r\n" + early}).port))
    assert (error.kind, early.decode() in str(error)) == (kind, True)


@pytest.mark.parametrize(
    ("replies", "kind", "words"),
    [
        ({"STARTTLS": DROP}, MailOutcome.RETRY, "dropped the connection while STARTTLS"),
        ({"STARTTLS": HANG}, MailOutcome.RETRY, "did not answer in time while STARTTLS"),
        ({"STARTTLS": b"454 not now"}, MailOutcome.RETRY, "454 not now"),
        ({"STARTTLS": b"501 no"}, MailOutcome.PERMANENT, "501 no"),
        ({"TLS": DROP}, MailOutcome.RETRY, "dropped the connection while setting up TLS"),
        ({"TLS": HANG}, MailOutcome.RETRY, "did not answer in time while setting up TLS"),
    ],
)
def test_starttls_that_fails_never_goes_on_in_clear(
    scripted: Scripted, replies: dict[str, bytes], kind: MailOutcome, words: str
) -> None:
    script = scripted({"EHLO": b"250-here\r\n250 STARTTLS", "STARTTLS": b"220 go", **replies})
    bound = bound_of(*replies.values())
    server = SmtpServer("127.0.0.1", script.port, "starttls", timeout_s=bound, username="ops", password="pw")
    with SmtpLink(server) as link:
        for _ in range(2):
            with pytest.raises(DeliveryError) as caught:
                link.send(mail(), SENDER, RECIPIENT)
            assert (caught.value.kind, words in str(caught.value)) == (kind, True), caught.value
    assert {line.split()[0].upper() for line in script.heard} == {"EHLO", "STARTTLS"}


def test_a_refusal_in_the_middle_of_the_text_is_heard(scripted: Scripted) -> None:
    large = mail(("x" * 70 + "\n") * 120_000)
    error = failure(at(scripted({"TEXT": b"552 too large"}).port), large)
    assert (error.kind, "552 too large" in str(error)) == (MailOutcome.PERMANENT, True)


@pytest.mark.parametrize("then", [DROP, b"421 idle too long", HANG])
def test_a_dropped_connection_is_made_anew(scripted: Scripted, then: bytes) -> None:
    script = scripted({"MAIL": [b"250 ok", then]})
    with SmtpLink(at(script.port, bound_of(then))) as link:
        assert link.send(mail(), SENDER, RECIPIENT) == "250 kept"
        assert link.send(mail(), SENDER, RECIPIENT) == "250 kept"
    assert script.connections == 2


def test_a_new_connection_that_is_dropped_is_not_tried_again_at_once(scripted: Scripted) -> None:
    script = scripted({"MAIL": DROP})
    assert failure(at(script.port)).kind is MailOutcome.RETRY
    assert script.connections == 1


def test_a_refused_message_leaves_the_connection_for_the_next(scripted: Scripted) -> None:
    script = scripted({"RCPT": [b"550 nobody"], ".": [b"451 later"]})
    with SmtpLink(at(script.port)) as link:
        for _ in range(2):
            with pytest.raises(DeliveryError):
                link.send(mail(), SENDER, RECIPIENT)
        assert link.send(mail(), SENDER, RECIPIENT) == "250 kept"
    assert script.connections == 1
    assert [line.split()[0] for line in script.heard].count("rset") + script.heard.count("RSET") == 2
    assert script.heard[-1] == "QUIT"


def test_the_link_works_again_after_an_unknown(scripted: Scripted) -> None:
    script = scripted({".": [DROP]})
    with SmtpLink(at(script.port)) as link:
        with pytest.raises(DeliveryError):
            link.send(mail(), SENDER, RECIPIENT)
        assert link.send(mail(), SENDER, RECIPIENT) == "250 kept"


@pytest.mark.parametrize("code", ["535", "454"])
def test_a_reply_that_repeats_the_login_is_masked(scripted: Scripted, code: str) -> None:
    echo = f"{code} no: ops-user HUNTER2! AG9wcy11c2VyAGh1bnRlcjIh aHVudGVyMiE= b3BzLXVzZXI=".encode()
    server = at(scripted({"AUTH": echo}).port, username="ops-user", password="hunter2!")
    error = failure(server)
    assert error.kind is (MailOutcome.PERMANENT if code == "535" else MailOutcome.RETRY)
    shown = (str(error) + repr(error) + repr(server)).lower()
    for secret in ("hunter2!", "ops-user", "ag9wcy11c2vyagh1bnrlcjih", "ahvudgvymie=", "b3bzlxvzzxi="):
        assert secret not in shown


@pytest.mark.parametrize(("offer", "kind"), [(b"250 AUTH LOGIN", None), (b"250 AUTH XOAUTH2", MailOutcome.PERMANENT)])
def test_login_mechanisms(scripted: Scripted, offer: bytes, kind: MailOutcome | None) -> None:
    replies = {
        "EHLO": b"250-here\r\n" + offer,
        "AUTH": b"334 VXNlcg==",
        "B3BZ": b"334 UGFzcw==",
        "CHC=": b"235 in",
    }
    server = at(scripted(replies).port, username="ops", password="pw")
    if kind:
        assert failure(server).kind is kind
    else:
        with SmtpLink(server) as link:
            assert link.send(mail(), SENDER, RECIPIENT) == "250 kept"


def test_half_a_login_is_permanent(scripted: Scripted) -> None:
    assert failure(at(scripted({}).port, username="ops")).kind is MailOutcome.PERMANENT


def test_a_long_hostile_reply_is_bounded_and_printable(scripted: Scripted) -> None:
    reply = b"550-" + b"\x1b[31m\xff\xe2\x80\xae" * 200 + b"\r\n550 end"
    error = failure(at(scripted({"RCPT": reply}).port))
    assert str(error).isprintable() and len(str(error)) < 400


@pytest.mark.parametrize("endless", [b"2" * 200_000, b"250-more\r\n" * 20_000])
def test_a_reply_without_end_is_given_up(scripted: Scripted, endless: bytes) -> None:
    assert failure(at(scripted({"MAIL": endless}).port)).kind is MailOutcome.RETRY


def test_an_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(DeliveryError(MailOutcome.UNKNOWN, "send it once more")))
    assert (error.kind, str(error)) == (MailOutcome.UNKNOWN, "send it once more")
