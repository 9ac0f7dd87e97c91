"""TLS servers as they are met: valid, invalid, old, silent, or none at all."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tasks.errors import UsageError
from tasks.observation import ObservationError
from tasks.tls.certificate import matches
from tasks.tls.facts import Offer, TlsFact
from tasks.tls.observe import read_tls

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def server(cert: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context


def limited(context: ssl.SSLContext, oldest: ssl.TLSVersion, newest: ssl.TLSVersion) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = oldest, newest
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@asynccontextmanager
async def serving(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], tls: ssl.SSLContext | None
) -> AsyncIterator[int]:
    running = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


async def quiet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0)
    writer.close()


def look(
    tls: ssl.SSLContext | None,
    ca_file: Path | None,
    *,
    name: str = "localhost",
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = quiet,
    timeout_s: float = 30.0,
    below: str | None = None,
) -> TlsFact:
    async def run() -> TlsFact:
        async with serving(talk, tls) as port:
            asked = read_tls.fn("127.0.0.1", port, name, ca_file, timeout_s, section="security.surface", below=below)
            return await asked

    return asyncio.run(run())


def why(fact: TlsFact) -> str:
    assert fact.distrust is not None
    return fact.distrust.text.format(**fact.distrust.params)


def offers(fact: TlsFact) -> dict[str, Offer]:
    return {version.name: version.offer for version in fact.versions}


class TestCertificate:
    """What stands in it, and whether it is believed."""

    def test_a_good_one(self, authority: trustme.CA, ca_file: Path) -> None:
        fact = look(server(authority.issue_cert("localhost", "10.0.0.1")), ca_file)
        certificate = fact.certificate
        assert (fact.distrust, fact.matches, fact.negotiated) == (None, True, "1.3")
        assert certificate.names == ("localhost", "10.0.0.1")
        assert not certificate.self_signed
        assert certificate.not_before < NOW < certificate.not_after
        assert (certificate.key, certificate.key_bits, certificate.signature) == ("EC", 256, "sha256")
        assert "trustme" in certificate.issuer

    def test_the_chain_up_to_whom_is_trusted(self, authority: trustme.CA, ca_file: Path) -> None:
        between = authority.create_child_ca()
        fact = look(server(between.issue_cert("localhost")), ca_file, below="1.2")
        assert [found.subject for found in fact.chain] == [fact.certificate.issuer, fact.chain[0].issuer]
        assert fact.first_to_expire.not_after == min(c.not_after for c in (fact.certificate, *fact.chain))
        assert look(server(authority.issue_cert("localhost")), None, below="1.2").chain == ()

    def test_an_unknown_authority(self, authority: trustme.CA) -> None:
        fact = look(server(authority.issue_cert("localhost")), None)
        assert why(fact).startswith("The certificate is not trusted: unable to get")
        assert fact.matches

    def test_another_host(self, authority: trustme.CA, ca_file: Path) -> None:
        fact = look(server(authority.issue_cert("other.example")), ca_file)
        assert (fact.distrust, fact.matches) == (None, False)
        assert fact.certificate.names == ("other.example",)

    def test_one_that_has_expired_is_read_all_the_same(self, authority: trustme.CA, ca_file: Path) -> None:
        over = NOW.replace(microsecond=0) - timedelta(hours=1)
        fact = look(server(authority.issue_cert("localhost", not_after=over)), ca_file)
        assert fact.certificate.not_after == over
        assert fact.certificate.days_left(NOW) == -1
        assert why(fact) == "The certificate is not trusted: certificate has expired"

    def test_one_that_is_not_valid_yet(self, authority: trustme.CA, ca_file: Path) -> None:
        begins = NOW.replace(microsecond=0) + timedelta(days=2)
        fact = look(server(authority.issue_cert("localhost", not_before=begins)), ca_file)
        assert fact.certificate.not_before == begins
        assert why(fact) == "The certificate is not trusted: certificate is not yet valid"

    def test_a_self_signed_one_with_a_weak_key_and_text_of_an_attacker(self, tmp_path: Path) -> None:
        key = rsa.generate_private_key(65537, 1024)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tanaka@example.com\u202e\x1b[31m")])
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        form = serialization.PrivateFormat.TraditionalOpenSSL
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        (tmp_path / "own.pem").write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(tmp_path / "own.pem")
        fact = look(context, None)
        assert fact.certificate.self_signed
        assert (fact.certificate.key, fact.certificate.key_bits) == ("RSA", 1024)
        assert "tanaka" not in fact.certificate.subject
        assert "\u202e" not in fact.certificate.subject and "\x1b" not in fact.certificate.subject
        assert (fact.certificate.names, fact.matches) == ((), False)
        assert why(fact) == "The certificate is not trusted: self-signed certificate"

    def test_a_ca_file_that_cannot_be_used(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"correct \[security\.surface\] ca_file"):
            look(None, tmp_path / "none.pem")


class TestVersions:
    """Which versions a server accepts, each offered alone."""

    def test_an_old_server_is_found_out(self, authority: trustme.CA, ca_file: Path) -> None:
        context = server(authority.issue_cert("localhost"))
        fact = look(limited(context, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_3), ca_file)
        assert offers(fact) == dict.fromkeys(("1.0", "1.1", "1.2", "1.3"), Offer.ACCEPTED)
        assert fact.negotiated == "1.3"

    def test_a_server_that_only_speaks_an_old_one_is_read(self, authority: trustme.CA, ca_file: Path) -> None:
        context = server(authority.issue_cert("localhost"))
        fact = look(limited(context, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1), ca_file)
        assert offers(fact)["1.0"] is Offer.ACCEPTED
        assert set(list(offers(fact).values())[1:]) == {Offer.REFUSED}
        assert (fact.negotiated, fact.distrust) == ("1.0", None)

    def test_a_new_server_refuses_old_ones(self, authority: trustme.CA, ca_file: Path) -> None:
        fact = look(server(authority.issue_cert("localhost")), ca_file)
        assert offers(fact) == {
            "1.0": Offer.REFUSED,
            "1.1": Offer.REFUSED,
            "1.2": Offer.ACCEPTED,
            "1.3": Offer.ACCEPTED,
        }

    def test_the_old_ones_alone_are_offered_together(self, authority: trustme.CA, ca_file: Path) -> None:
        context = server(authority.issue_cert("localhost"))
        assert offers(look(context, ca_file, below="1.2")) == {"1.0": Offer.REFUSED, "1.1": Offer.REFUSED}
        assert offers(look(context, ca_file, below="1.0")) == {}
        old = limited(context, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_3)
        assert offers(look(old, ca_file, below="1.2")) == {"1.1": Offer.ACCEPTED}
        assert offers(look(old, ca_file, below="1.3")) == {"1.2": Offer.ACCEPTED}

    def test_a_server_that_went_away_refused_nothing(self, authority: trustme.CA, ca_file: Path) -> None:
        """Of what is not reached any more, nothing is known."""
        context = server(authority.issue_cert("localhost"))

        async def run() -> TlsFact:
            met = 0

            async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                nonlocal met
                met += 1
                with_tls = met <= 2
                if with_tls:
                    await writer.start_tls(context)
                writer.close()

            async with serving(talk, None) as port:
                return await read_tls.fn("127.0.0.1", port, "localhost", ca_file, 30.0, section="x")

        fact = asyncio.run(run())
        assert set(offers(fact).values()) == {Offer.NOT_TRIED}
        assert all(version.reason is not None for version in fact.versions)


class TestNoTls:
    """What is no TLS server is not observed, and the words say why."""

    def refused(
        self, talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], **how: float
    ) -> str:
        with pytest.raises(ObservationError) as error:
            look(None, None, talk=talk, **how)  # type: ignore[arg-type]
        return str(error.value)

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail ESMTP\r\n", b"\x00" * 50])
    def test_another_protocol(self, answer: bytes) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(answer)
            await writer.drain()
            await asyncio.sleep(0.2)
            writer.close()

        assert self.refused(talk) == "This port does not speak TLS"

    def test_one_that_hangs(self) -> None:
        async def talk(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
            await asyncio.sleep(30)

        assert self.refused(talk, timeout_s=0.2) == "No TLS answer within 0.2 s"

    def test_one_that_hangs_up(self) -> None:
        assert self.refused(quiet) == "The server ended the connection during the TLS handshake"

    def test_nobody_there(self) -> None:
        with pytest.raises(ObservationError, match=r"^Connection refused$"):
            asyncio.run(read_tls.fn("127.0.0.1", 1, "localhost", None, 5.0, section="x"))

    def test_no_such_name(self) -> None:
        with pytest.raises(ObservationError, match="does not resolve"):
            asyncio.run(read_tls.fn("none.invalid", 443, "none.invalid", None, 5.0, section="x"))


@pytest.mark.parametrize(
    ("host", "names", "expected"),
    [
        ("shop.example", {"shop.example"}, True),
        ("SHOP.example.", {"shop.example"}, True),
        ("a.shop.example", {"*.shop.example"}, True),
        ("a.b.shop.example", {"*.shop.example"}, False),
        ("shop.example", {"*.shop.example"}, False),
        ("shop.example", {"*.example"}, False),
        ("example", {"*"}, False),
        ("a.example", {"*"}, False),
        ("10.0.0.1", {"10.0.0.1"}, True),
        ("10.0.0.1", {"*.0.0.1"}, False),
        ("::1", {"::1"}, True),
        ("日本.example", {"xn--wgv71a.example"}, True),
        ("shop.example", set(), False),
    ],
)
def test_whom_a_certificate_is_made_out_to(host: str, names: set[str], expected: bool) -> None:
    assert matches(host, frozenset(names)) is expected
