"""What every HTTP client of the rounds is made of: whom it trusts, what it sends, and when an answer is whole."""

import os
import ssl
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

import certifi
import httpx

from tasks.check_result import msg
from tasks.errors import UsageError
from tasks.observation import ObservationError, printable

CODINGS: Final = {"Accept-Encoding": "gzip, deflate"}
"""What is asked for, whatever else is installed: the codings whose end can be told here."""
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_PARTS = frozenset({206, 207, 226})
"""Statuses that say that the body is not the answer itself: a part, several answers, a difference.

Source: RFC 9110 15.3.7, RFC 4918 11.1, RFC 3229 10.4.1."""
_PIECE = 65_536
_MOST_CODINGS = 2
_MOST_UNPACKED = 128 * 1024 * 1024
_Stream: TypeAlias = "zlib._Decompress"


class NotWhole(ObservationError):
    """An answer that is not whole: cut, damaged, or only a part of what was asked for."""


class NotReadable(ObservationError):
    """An answer packed in another way than was asked for: whether it is whole cannot be told."""


class Body:
    """The body of a response, unpacked as it comes: the first `most_bytes` and one more are `kept`.

    The one place where an answer is taken, since httpx passes over the missing end of what is packed. `take` gets what
    `iter_raw` gives, and `end` says that it was all.
    """

    def __init__(self, response: httpx.Response, most_bytes: int) -> None:
        self.kept = bytearray()
        self._response, self._most_bytes, self._size = response, most_bytes, 0
        named = [name.strip().lower() for name in response.headers.get("content-encoding", "").split(",")]
        self._codings = [name for name in named if name not in ("", "identity")]
        self._readable = len(self._codings) <= _MOST_CODINGS and all(name in _WINDOWS for name in self._codings)
        self._unpackers = [_Unpacker(name) for name in reversed(self._codings)] if self._readable else []

    @property
    def too_large(self) -> bool:
        """True once there is more than `most_bytes`."""
        return len(self.kept) > self._most_bytes

    def take(self, sent: bytes) -> None:
        """One more piece as it was sent; raises NotWhole if it is damaged."""
        for plain in _through(self._unpackers, sent):
            self._size += len(plain)
            if self._unpackers and self._size > self._most_bytes + _MOST_UNPACKED:
                raise NotWhole(msg("The response unpacks to more than {most} bytes", most=_MOST_UNPACKED))
            self.kept += plain[: self._most_bytes + 1 - len(self.kept)]

    def end(self) -> bytes:
        """What was kept of a whole answer; raises NotWhole, and NotReadable where that cannot be told."""
        status = self._response.status_code
        if status in _PARTS and "range" not in self._response.request.headers:
            raise NotWhole(msg("HTTP {code}: not the whole response", code=str(status)))
        codings = printable(", ".join(self._codings), 60)
        if not self._readable:
            raise NotReadable(msg("The response is encoded with {codings}, which was not requested", codings=codings))
        bodiless = status in (204, 304) or self._response.headers.get("content-length") == "0"
        if not bodiless and not all(unpacker.whole for unpacker in self._unpackers):
            raise NotWhole(msg("The response is incomplete: its {codings} data has no end", codings=codings))
        return bytes(self.kept)


class _Unpacker:
    """One coding of a body; gzip may have several members, and zeros behind them."""

    def __init__(self, coding: str) -> None:
        self._coding, self._ended, self._head = coding, False, b""
        self._stream: _Stream | None = None

    @property
    def whole(self) -> bool:
        """True when the data has ended, and nothing else has begun behind it."""
        return self._ended and self._stream is None and not self._head

    def feed(self, sent: bytes) -> Iterator[bytes]:
        """What comes out, in pieces; raises NotWhole for what is no such data, or follows its end."""
        left, self._head = self._head + sent, b""
        try:
            while left:
                if self._stream is None:
                    left = left.lstrip(b"\0") if self._ended else left
                    if len(left) < 2:
                        self._head = left
                        return
                    self._stream = zlib.decompressobj(self._window(left))
                left = yield from self._inflate(self._stream, left)
        except zlib.error:
            raise NotWhole(msg("The response is damaged: it is not {coding} data", coding=self._coding)) from None

    def _inflate(self, stream: _Stream, sent: bytes) -> Generator[bytes, None, bytes]:
        """What one stream makes of it; returns what follows its end."""
        while True:
            plain = stream.decompress(sent, _PIECE)
            if plain:
                yield plain
            if stream.eof:
                self._ended, self._stream = True, None
                return stream.unused_data
            sent = stream.unconsumed_tail
            if not sent and len(plain) < _PIECE:
                return b""

    def _window(self, begins: bytes) -> int:
        """Servers send `deflate` with zlib's two bytes, as they should, or without."""
        zlib_head = begins[0] & 15 == 8 and int.from_bytes(begins[:2], "big") % 31 == 0
        return _WINDOWS[self._coding] if self._coding != "deflate" or zlib_head else -zlib.MAX_WBITS


def _through(unpackers: Sequence[_Unpacker], sent: bytes) -> Iterator[bytes]:
    if not unpackers:
        yield sent
        return
    for plain in unpackers[0].feed(sent):
        yield from _through(unpackers[1:], plain)


def trust(ca_file: Path | None, section: str) -> ssl.SSLContext:
    """Whom a client trusts: the machine's authorities, and those of a file besides.

    Raises UsageError if the file cannot be used.
    """
    try:
        context = ssl.create_default_context()
        if ca_file is not None:
            context.load_verify_locations(ca_file)
    except OSError as error:
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(f"the CA file {ca_file} cannot be used ({why}): correct [{section}] ca_file") from None
    return context


def shared_trust(ca_file: Path | None, section: str) -> ssl.SSLContext:
    """The same, read once by a process while the file stays as it is; whoever gets it does not change it.

    Reading the machine's authorities takes 12 ms, as much as all else of a quiet minute of the monitoring.
    """
    machine = tuple(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    written: tuple[int, ...] = ()
    if ca_file is not None:
        with suppress(OSError):  # then it is told below
            file = ca_file.stat()
            written = (file.st_ino, file.st_size, file.st_mtime_ns)
    return _shared(ca_file, section, written, machine)


@lru_cache(maxsize=32)
def _shared(
    ca_file: Path | None, section: str, _written: tuple[int, ...], _machine: tuple[str | None, ...]
) -> ssl.SSLContext:
    return trust(ca_file, section)


def write_bundle(ca_file: Path, folder: Path) -> Path:
    """The same for a program of requests', which takes one file in place of its authorities; raises OSError."""
    own = Path(os.environ.get("REQUESTS_CA_BUNDLE", ""))
    bundle = folder / "authorities.pem"
    authorities = own if own.is_file() else Path(certifi.where())
    bundle.write_bytes(authorities.read_bytes() + b"\n" + ca_file.read_bytes())
    return bundle


def sendable(headers: Mapping[str, str], section: str) -> dict[bytes, bytes]:
    """Headers as they are sent; raises UsageError, which never repeats a value, for one that cannot be."""
    for name, value in headers.items():
        if not value.isprintable() or value != value.strip():
            raise UsageError(
                f"{section}.headers.{name}: a value has no line breaks, control characters or outer spaces"
            )
    return {name.encode(): value.encode() for name, value in headers.items()}


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
