"""When an answer is whole, in whatever pieces it comes, and whom a client trusts."""

import gzip
import ssl
import zlib
from pathlib import Path

import certifi
import httpx
import pytest
import trustme

from tasks.errors import UsageError
from tasks.http import Body, NotReadable, NotWhole, shared_trust, trust, write_bundle

PLAIN = b'{"status": "healthy"}' * 40
PACKED = gzip.compress(PLAIN)
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
DEFLATED = RAW.compress(PLAIN) + RAW.flush()


def body(
    sent: bytes, coding: str = "", status: int = 200, *, most: int = 100_000, piece: int = 7, **sent_for: str
) -> Body:
    request = httpx.Request("GET", "http://a", headers=sent_for)
    headers = {"content-encoding": coding} if coding else {}
    taken = Body(httpx.Response(status, headers=headers, request=request), most)
    for start in range(0, len(sent), piece):
        taken.take(sent[start : start + piece])
    return taken


# Named: a packed body names its second, and every process would have its own ids.
WHOLE = {
    "plain": (PLAIN, ""),
    "identity": (PLAIN, "identity"),
    "gzip": (PACKED, "gzip"),
    "upper case": (PACKED, "X-GZIP"),
    "two members": (gzip.compress(PLAIN[:99]) + gzip.compress(PLAIN[99:]), "gzip"),
    "zeros behind": (PACKED + b"\0" * 1000, "gzip"),
    "zlib": (zlib.compress(PLAIN), "deflate"),
    "deflate": (DEFLATED, "deflate"),
    "twice": (gzip.compress(zlib.compress(PLAIN)), "deflate, gzip"),
}
NOT_WHOLE = {
    "wrong sum": (PACKED[:-8] + b"\1" * 8, "gzip"),
    "a letter behind": (PACKED + b"x", "gzip"),
    "a page behind": (PACKED + b"<html>Welcome</html>", "gzip"),
    "a member cut": (PACKED + PACKED[:-3], "gzip"),
    "not packed": (PLAIN, "gzip"),
    "zlib cut": (zlib.compress(PLAIN)[:-1], "deflate"),
    "deflate cut": (DEFLATED[:-1], "deflate"),
    "cut inside": (gzip.compress(PACKED[:-4]), "gzip, gzip"),
}


@pytest.mark.parametrize(("sent", "coding"), WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("piece", [1, 5000])
def test_a_whole_answer(sent: bytes, coding: str, piece: int) -> None:
    assert body(sent, coding, piece=piece).end() == PLAIN


@pytest.mark.parametrize(("sent", "coding"), NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_an_answer_that_is_cut_or_damaged(sent: bytes, coding: str) -> None:
    with pytest.raises(NotWhole):
        body(sent, coding).end()


@pytest.mark.parametrize("piece", [1, 9, 500])
def test_no_beginning_of_what_is_packed_is_whole(piece: int) -> None:
    for cut in range(len(PACKED)):
        with pytest.raises(NotWhole):
            body(PACKED[:cut], "gzip", piece=piece).end()


@pytest.mark.parametrize("status", [206, 207, 226])
def test_a_part_that_was_not_asked_for(status: int) -> None:
    with pytest.raises(NotWhole, match=f"^HTTP {status}: not the whole response$"):
        body(PLAIN, "", status).end()


def test_a_part_that_was_asked_for() -> None:
    assert body(PLAIN, "", 206, range="bytes=0-99").end() == PLAIN


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "aws-chunked", "gzip, gzip, gzip"])
def test_another_coding_than_was_asked_for(coding: str) -> None:
    with pytest.raises(NotReadable):
        body(PLAIN, coding).end()


def test_an_answer_without_a_body_needs_no_end() -> None:
    request = httpx.Request("GET", "http://a")
    packed = {"content-encoding": "gzip"}
    assert Body(httpx.Response(204, headers=packed, request=request), 9).end() == b""
    assert Body(httpx.Response(200, headers={**packed, "content-length": "0"}, request=request), 9).end() == b""


def test_what_is_more_than_is_kept_is_read_to_its_end() -> None:
    assert not body(PLAIN, most=len(PLAIN)).too_large
    large = body(PACKED, "gzip", most=len(PLAIN) - 1)
    assert large.too_large
    assert large.end() == PLAIN
    with pytest.raises(NotWhole):
        body(PACKED[:-1], "gzip", most=5).end()


def test_what_unpacks_without_an_end_is_given_up() -> None:
    bomb = gzip.compress(b"\0" * 135_000_000, 1)
    with pytest.raises(NotWhole, match="unpacks to more than"):
        body(bomb, "gzip", piece=65536)


class TestTrust:
    """A CA file adds to the machine's authorities."""

    def test_both_are_trusted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        machines, own = trustme.CA(), trustme.CA()
        machines.cert_pem.write_to_path(tmp_path / "machine.pem")
        own.cert_pem.write_to_path(tmp_path / "own.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "machine.pem"))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        both, alone = trust(tmp_path / "own.pem", "health"), trust(None, "health")
        for authority in (machines, own):
            shake_hands(both, authority)
        shake_hands(alone, machines)
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(alone, own)

    def test_a_file_for_programs_that_take_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        own = trustme.CA()
        own.cert_pem.write_to_path(tmp_path / "own.pem")
        bundle = write_bundle(tmp_path / "own.pem", tmp_path).read_bytes()
        assert bundle.startswith(Path(certifi.where()).read_bytes())
        assert bundle.endswith(own.cert_pem.bytes())


def shake_hands(client: ssl.SSLContext, authority: trustme.CA) -> None:
    """A handshake in memory; raises what the client has against the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    left = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        context.wrap_bio(to_server, to_client, server_side=True),
    ]
    for end in [*left * 4]:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue


def test_a_shared_trust_is_read_again_once_its_file_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    first = shared_trust(file, "health")
    assert shared_trust(file, "health") is first is not trust(file, "health")
    trustme.CA().cert_pem.write_to_path(file)
    other = shared_trust(file, "health")
    assert other is not first and other.get_ca_certs() != first.get_ca_certs()
    file.write_text("")
    with pytest.raises(UsageError, match=r"it holds no certificate.*\[health\] ca_file"):
        shared_trust(file, "health")
