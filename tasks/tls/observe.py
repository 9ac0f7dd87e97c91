"""Looks at a TLS server: its certificate, whom it convinces, and which versions it accepts."""

import asyncio
import socket
import ssl
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.check_result import Message, msg
from tasks.http import causes, trust
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.tls.certificate import matches, read_certificate
from tasks.tls.facts import Certificate, Offer, TlsFact, Version
from tasks.visible import look

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_EVERYTHING = "ALL:@SECLEVEL=0"
"""What old servers need, and what new ones must refuse: a client's own strictness would look like the server's."""
_OWN = ("NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE")
"""Errors with which OpenSSL on this side would not even begin."""
_LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    name: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class _Met:
    der: bytes
    version: str
    chain: tuple[bytes, ...]


@look("read-tls {host}", timeout_s=_LONGEST_S)
async def read_tls(
    host: str,
    port: int,
    server_name: str,
    ca_file: Path | None,
    timeout_s: float,
    *,
    section: str,
    below: str | None = None,
) -> TlsFact:
    """The TLS server at an address, its certificate read also when it is invalid.

    `server_name` is whom it must be made out to. Each version is offered alone, in seven connections that may take
    `timeout_s` each; with `below` only those that are older than that one, together, in four. Raises ObservationError
    if nothing there speaks TLS, UsageError naming `section` for a CA file that cannot be used.
    """
    trusting = _verifying(trust(ca_file, section))
    server = _Server(host, port, server_name, timeout_s)
    met = await _meet(server, _unverified())
    certificate, names = read_certificate(met.der)
    distrust, chain = await _verified(server, trusting)
    return TlsFact(
        host=host,
        port=port,
        certificate=certificate,
        distrust=distrust,
        matches=matches(server_name, names),
        negotiated=met.version,
        versions=await _versions(server, below),
        chain=chain,
    )


async def _verified(server: _Server, trusting: ssl.SSLContext) -> tuple[Message | None, tuple[Certificate, ...]]:
    """Why the chain is not trusted, or the authorities on the way to one that is."""
    try:
        met = await _meet(server, trusting)
    except _Distrusted as distrusted:
        return msg("The certificate is not trusted: {why}", why=external_text(distrusted.why, 100)), ()
    return None, tuple(read_certificate(der)[0] for der in met.chain[1:])


async def _versions(server: _Server, below: str | None) -> tuple[Version, ...]:
    if below is None:
        offered = [version for name in _VERSIONS for version in await _offer(server, name, name)]
    else:
        older = [name for name in _VERSIONS if name < below]
        offered = await _offer(server, older[0], older[-1]) if older else []
    if any(version.offer is Offer.REFUSED for version in offered):
        # A server that went away meanwhile refuses everything: only one that still answers has refused a version.
        try:
            await _meet(server, _unverified())
        except ObservationError as error:
            return tuple(
                replace(v, offer=Offer.NOT_TRIED, reason=error.reason) if v.offer is Offer.REFUSED else v
                for v in offered
            )
    return tuple(offered)


async def _offer(server: _Server, oldest: str, newest: str) -> list[Version]:
    """Offer one version alone, or several and no newer one; the server takes one of them or refuses them all."""
    names = [name for name in _VERSIONS if oldest <= name <= newest]
    unoffered = [
        Version(name, Offer.NOT_TRIED, msg("OpenSSL on this machine cannot offer TLS {version}", version=name))
        for name in names
    ]
    try:
        met = await _meet(server, _unverified(_VERSIONS[oldest], _VERSIONS[newest]))
    except (ValueError, ssl.SSLError):
        return unoffered
    except _Refused as refused:
        return unoffered if refused.by_us else [Version(name, Offer.REFUSED) for name in names]
    except ObservationError as error:
        return [Version(name, Offer.NOT_TRIED, error.reason) for name in names]
    return [Version(met.version, Offer.ACCEPTED)]


class _Distrusted(ObservationError):
    def __init__(self, why: str) -> None:
        super().__init__(msg("The certificate is not trusted: {why}", why=external_text(why, 100)))
        self.why = why


class _Refused(ObservationError):
    """The handshake failed; `by_us`: OpenSSL on this side would not even offer it."""

    def __init__(self, reason: Message, *, by_us: bool) -> None:
        super().__init__(reason)
        self.by_us = by_us


async def _meet(server: _Server, context: ssl.SSLContext) -> _Met:
    try:
        async with asyncio.timeout(server.timeout_s):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            try:
                await writer.start_tls(context, server_hostname=server.name)
                session: ssl.SSLObject = writer.get_extra_info("ssl_object")
                version = session.version() or ""
                return _Met(
                    der=session.getpeercert(binary_form=True) or b"",
                    version="1.0" if version == "TLSv1" else version.removeprefix("TLSv"),
                    chain=_chain(session) if context.verify_mode is ssl.CERT_REQUIRED else (),
                )
            finally:
                writer.transport.abort()
                del reader
    except TimeoutError:
        raise ObservationError(msg("No TLS answer within {seconds} s", seconds=server.timeout_s)) from None
    except UnicodeError:  # a label that no name may have
        raise ObservationError(msg("The host name does not resolve: check the address and DNS")) from None
    except OSError as error:
        raise _reason(error) from None


def _chain(session: Any) -> tuple[bytes, ...]:
    """The way on which a certificate was verified, itself first. Python shows it from 3.13 on; it is there before."""
    if hasattr(session, "get_verified_chain"):
        return tuple(session.get_verified_chain())
    found = session._sslobj.get_verified_chain() or ()
    return tuple(ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in found)


def _reason(error: OSError) -> ObservationError:
    found = list(causes(error))
    if distrusted := next((c for c in found if isinstance(c, ssl.SSLCertVerificationError)), None):
        return _Distrusted(distrusted.verify_message)
    if any(isinstance(cause, socket.gaierror) for cause in found):
        return ObservationError(msg("The host name does not resolve: check the address and DNS"))
    if any(isinstance(cause, ConnectionRefusedError) for cause in found):
        return ObservationError(msg("Connection refused"))
    if failed := next((c for c in found if isinstance(c, ssl.SSLError)), None):
        why = failed.reason or ""
        if why in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"):
            return ObservationError(msg("This port does not speak TLS"))
        words = external_text(why.replace("_", " ").lower() or "unknown", 100)
        return _Refused(msg("TLS handshake failed: {why}", why=words), by_us=why in _OWN)
    if any(isinstance(cause, ConnectionError) for cause in found):
        return _Refused(msg("The server ended the connection during the TLS handshake"), by_us=False)
    return ObservationError(msg("Cannot connect"))


def _unverified(
    oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
) -> ssl.SSLContext:
    """A client that believes everything: what it learns is what is shown, not what is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _permissive(context, oldest, newest)


def _verifying(context: ssl.SSLContext) -> ssl.SSLContext:
    """Verifies the chain alone, over whichever version: host name and versions are questions of their own."""
    context.check_hostname = False
    return _permissive(context, ssl.TLSVersion.TLSv1, ssl.TLSVersion.MAXIMUM_SUPPORTED)


def _permissive(context: ssl.SSLContext, oldest: ssl.TLSVersion, newest: ssl.TLSVersion) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are offered to see them refused
        context.minimum_version, context.maximum_version = oldest, newest
    context.set_ciphers(_EVERYTHING)
    return context
