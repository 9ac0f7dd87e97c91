"""Mail through a real server: plain, STARTTLS and TLS, with and without a login."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from aiosmtplib import SMTP, SMTPResponse
from aiosmtplib.protocol import SMTPProtocol

from tasks.delivery.errors import DeliveryError, MailOutcome
from tasks.delivery.login import authenticate, is_loopback
from tasks.delivery.server import Security, SmtpAddress, SmtpServer, parse_smtp_url
from tests.tasks.delivery.blocking import SmtpLink

SENDER = "rounds@example.com"
JAPANESE = "日次点検: 3件の不合格 — ①バックアップ"


def mail(
    subject: str = JAPANESE, recipient: str = "a@example.com", body: str = "本文です。\n.点で始まる行\n"
) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Bcc"] = SENDER, recipient, "hidden@example.com"
    message["Subject"], message["Message-ID"] = subject, "<daily.2026-11-24.r1@example.com>"
    message.set_content(body)
    message.add_alternative("<p lang='ja'>本文です。</p>", subtype="html")
    return message


def raw(envelope: Envelope) -> bytes:
    assert isinstance(envelope.content, bytes)
    return envelope.content


class Mailbox:
    """What the server accepted, and how often it was connected to."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.peers: set[Any] = set()

    async def handle_RCPT(self, _s: Any, connection: Any, envelope: Envelope, address: str, _o: Any) -> str:
        self.peers.add(connection.peer)
        if address.startswith("nobody"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 recipient ok"

    async def handle_DATA(self, _s: Any, _connection: Any, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 kept as 42"


class AnyPort(Controller):
    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


Serve = Callable[..., tuple[Mailbox, int]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(**options: Any) -> tuple[Mailbox, int]:
            mailbox = Mailbox()
            controller = AnyPort(mailbox, **{"hostname": "127.0.0.1", "port": 0, "ready_timeout": 60, **options})
            controller.start()
            stack.callback(controller.stop)
            return mailbox, controller.port

        yield start


class Authority:
    """A certificate authority, and a server certificate for localhost that it signed."""

    def __init__(self, folder: Path) -> None:
        ca = trustme.CA()
        self.file = folder / "ca.pem"
        ca.cert_pem.write_to_path(self.file)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        ca.issue_cert("localhost").configure_cert(self.context)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def at(port: int, security: Security = "plain", **options: Any) -> SmtpServer:
    return SmtpServer(**{"host": "localhost", "port": port, "security": security, "timeout_s": 30.0, **options})


@contextmanager
def fails(kind: MailOutcome, *words: str) -> Iterator[None]:
    with pytest.raises(DeliveryError) as caught:
        yield
    assert caught.value.kind is kind, caught.value
    for word in words:
        assert word in str(caught.value)


def login(_server: Any, _connection: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
    good = (data.login, data.password) == (b"rounds", "合言葉-s3cret".encode())
    return AuthResult(success=good, handled=good)


def test_japanese_subject_body_and_dots_arrive_intact(serve: Serve) -> None:
    mailbox, port = serve()
    with SmtpLink(at(port)) as link:
        assert link.send(mail(), SENDER, "a@example.com") == "250 2.0.0 kept as 42"
    (envelope,) = mailbox.envelopes
    assert raw(envelope).isascii()
    got = message_from_bytes(raw(envelope), policy=policy.default)
    assert got["Subject"] == JAPANESE
    text = got.get_body(("plain",))
    assert text is not None and text.get_content() == "本文です。\n.点で始まる行\n"
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, ["a@example.com"])
    assert got["Bcc"] is None


def test_a_line_that_is_only_a_dot_does_not_end_an_ascii_mail(serve: Serve) -> None:
    mailbox, port = serve()
    with SmtpLink(at(port)) as link:
        link.send(mail("ascii", body="one\n.\n..two\n"), SENDER, "a@example.com")
    assert b"\r\n\r\none\r\n.\r\n..two\r\n" in raw(mailbox.envelopes[0])


def test_one_bad_recipient_of_three_on_one_connection(serve: Serve) -> None:
    mailbox, port = serve()
    with SmtpLink(at(port)) as link:
        link.send(mail(), SENDER, "a@example.com")
        with fails(MailOutcome.PERMANENT, "550 5.1.1 no such mailbox", "check the recipient"):
            link.send(mail(), SENDER, "nobody@example.com")
        link.send(mail(), SENDER, "c@example.com")
    assert [e.rcpt_tos for e in mailbox.envelopes] == [["a@example.com"], ["c@example.com"]]
    assert len(mailbox.peers) == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_login_over_verified_tls(serve: Serve, authority: Authority, security: Security) -> None:
    tls = {"tls_context": authority.context, "require_starttls": True}
    options = tls if security == "starttls" else {"ssl_context": authority.context, "auth_require_tls": False}
    mailbox, port = serve(authenticator=login, auth_required=True, **options)
    credentials = {"username": "rounds", "password": "合言葉-s3cret", "ca_file": authority.file}
    with SmtpLink(at(port, security, **credentials)) as link:
        for _ in range(2):
            link.send(mail(), SENDER, "a@example.com")
    assert len(mailbox.envelopes) == 2
    assert len(mailbox.peers) == 1


def test_a_refused_login_is_permanent_and_keeps_the_password(serve: Serve, authority: Authority) -> None:
    mailbox, port = serve(authenticator=login, auth_required=True, tls_context=authority.context)
    wrong = at(port, "starttls", username="rounds", password="hunter2!", ca_file=authority.file)
    with SmtpLink(wrong) as link, fails(MailOutcome.PERMANENT, "535", "[mail] username and password"):
        link.send(mail(), SENDER, "a@example.com")
    assert "hunter2!" not in repr(wrong) and not mailbox.envelopes


@pytest.mark.parametrize(("security", "host"), [("starttls", "localhost"), ("tls", "localhost"), ("tls", "127.0.0.1")])
def test_an_untrusted_certificate_or_another_name_is_permanent(
    serve: Serve, authority: Authority, tmp_path: Path, security: Security, host: str
) -> None:
    key = "tls_context" if security == "starttls" else "ssl_context"
    mailbox, port = serve(**{key: authority.context})
    other = Authority(tmp_path).file if host == "localhost" else authority.file
    with (
        SmtpLink(at(port, security, host=host, ca_file=other)) as link,
        fails(MailOutcome.PERMANENT, "certificate", "ca_file"),
    ):
        link.send(mail(), SENDER, "a@example.com")
    assert not mailbox.envelopes


def test_tls_spoken_to_a_plain_port_is_permanent(serve: Serve) -> None:
    _, port = serve()
    with SmtpLink(at(port, "tls")) as link, fails(MailOutcome.PERMANENT, "speaks no TLS here"):
        link.send(mail(), SENDER, "a@example.com")


def test_starttls_not_offered_is_permanent(serve: Serve) -> None:
    mailbox, port = serve()
    with SmtpLink(at(port, "starttls")) as link, fails(MailOutcome.PERMANENT, "does not offer STARTTLS"):
        link.send(mail(), SENDER, "a@example.com")
    assert not mailbox.envelopes


class FarAway(asyncio.Transport):
    """The transport to a server on another machine, which a test cannot have: it knows only who is at its end."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 25)})
        self.sent = b""

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data


def test_a_password_never_leaves_the_machine_unencrypted() -> None:
    far = FarAway()

    async def log_in() -> None:
        smtp = SMTP(hostname="far.example", local_hostname="here.example")
        smtp.transport, smtp.protocol = far, SMTPProtocol()
        smtp.protocol.connection_made(far)
        smtp.last_ehlo_response = SMTPResponse(250, "far.example\nAUTH PLAIN LOGIN")
        await authenticate(smtp, "mail server far.example:25", "u", "hunter2!")

    with fails(MailOutcome.PERMANENT, "unencrypted", "smtps://"):
        asyncio.run(log_in())
    assert far.sent == b""


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
    ],
)
def test_loopback(address: str, here: bool) -> None:
    assert is_loopback(address) is here


@pytest.mark.parametrize("offered", [True, False])
def test_an_address_that_is_not_ascii_needs_smtputf8(serve: Serve, offered: bool) -> None:
    mailbox, port = serve(enable_SMTPUTF8=offered)
    with SmtpLink(at(port)) as link:
        if offered:
            link.send(mail(recipient="田中@example.com"), SENDER, "田中@example.com")
        else:
            with fails(MailOutcome.PERMANENT, "SMTPUTF8"):
                link.send(mail(recipient="田中@example.com"), SENDER, "田中@example.com")
        link.send(mail(), SENDER, "a@example.com")
    assert [e.rcpt_tos[0] for e in mailbox.envelopes] == ["田中@example.com", "a@example.com"][not offered :]
    if offered:
        assert "\r\nTo: 田中@example.com\r\n".encode() in raw(mailbox.envelopes[0])


@pytest.mark.parametrize(
    "address", ["a@example.com>\r\nRCPT TO:<b@x", "a@x.com\r\nDATA", "a b@x", "a@x,b@x", "", "a\udcff@x"]
)
def test_an_address_that_would_be_a_command_is_refused(serve: Serve, address: str) -> None:
    mailbox, port = serve()
    with SmtpLink(at(port)) as link:
        for sender, recipient in ((SENDER, address), (address, "a@example.com")):
            with fails(MailOutcome.PERMANENT, "not one plain mail address"):
                link.send(mail(), sender, recipient)
    assert not mailbox.envelopes


def test_a_line_break_in_a_header_is_refused_when_set() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        mail("daily\r\nBcc: evil@example.org")


def test_a_line_break_hidden_in_an_encoded_word_is_inert(serve: Serve) -> None:
    inner = "=?utf-8?q?b=0D=0AX-Evil:_2?="
    nested = "=?utf-8?q?a=0D=0ABcc:_evil=40x.example_" + inner.replace("=", "=3D").replace("?", "=3F") + "?="
    mailbox, port = serve()
    with SmtpLink(at(port)) as link:
        for subject in ("=?utf-8?q?a=0D=0ABcc:_evil=40x.example?=", nested, "点検 " * 30 + nested):
            link.send(mail(subject), SENDER, "a@example.com")
    for envelope in mailbox.envelopes:
        got = message_from_bytes(raw(envelope), policy=policy.compat32)
        assert got.keys() == ["From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type"]
        assert "Bcc: evil@x.example" in " ".join(str(policy.default.header_factory("Subject", got["Subject"])).split())


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("smtp://mail.example.com", SmtpAddress("mail.example.com", 25, "plain")),
        ("smtp+starttls://mail.example.com/", SmtpAddress("mail.example.com", 587, "starttls")),
        ("SMTPS://Mail.example.com", SmtpAddress("mail.example.com", 465, "tls")),
        ("smtps://[::1]:10465", SmtpAddress("::1", 10465, "tls")),
    ],
)
def test_smtp_url(url: str, address: SmtpAddress) -> None:
    assert parse_smtp_url(url) == address


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("smtp://ops:hunter2!@mail.example.com", "username and password"),
        ("smtp://ops@mail.example.com", "username and password"),
        ("http://mail.example.com", "use smtp://"),
        ("mail.example.com", "use smtp://"),
        ("smtp://", "use smtp://"),
        ("smtp://mail:0", "1 to 65535"),
        ("smtp://mail:65536", "1 to 65535"),
        ("smtp://mail:x", "1 to 65535"),
        ("smtp://[::1", "use smtp://"),
        ("smtp://mail/path", "use smtp://"),
        ("smtp://mail?tls=no", "use smtp://"),
        ("smtp://mail\n", "control"),
        (f"smtp://{'a' * 64}.example.com", "host name"),
    ],
)
def test_an_smtp_url_that_cannot_be_used(url: str, word: str) -> None:
    with pytest.raises(ValueError, match=word) as caught:
        parse_smtp_url(url)
    assert "hunter2!" not in str(caught.value)
