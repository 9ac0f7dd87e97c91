"""What was seen of a TLS server and of its certificate."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tasks.check_result import Message

_DAY = timedelta(days=1)


class Offer(StrEnum):
    """What became of a TLS version that was offered alone; NOT_TRIED says nothing about the server."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Version:
    """A TLS version (`1.0` to `1.3`) and whether the server accepts it; `reason` says why it was not tried."""

    name: str
    offer: Offer
    reason: Message | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate as it is written, valid or not; times are UTC, texts are those of the outside, masked.

    `names` are the host names and addresses that it is made out to, at most 100. `key_bits` is None for a key whose
    size says nothing (Ed25519).
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    self_signed: bool
    key: str
    key_bits: int | None
    signature: str

    def days_left(self, now: datetime) -> int:
        """Whole days until it expires; negative from the moment on at which it has."""
        return (self.not_after - now) // _DAY


@dataclass(frozen=True, slots=True)
class TlsFact:
    """A TLS server as a client meets it.

    `distrust` is why the chain is not trusted (None: it is); the host name is `matches`' own question. `negotiated` is
    the version that a client gets which offers all. `chain` are the authorities from the certificate on to one that is
    trusted, none if there is no such way.
    """

    host: str
    port: int
    certificate: Certificate
    distrust: Message | None
    matches: bool
    negotiated: str
    versions: tuple[Version, ...]
    chain: tuple[Certificate, ...] = ()

    @property
    def first_to_expire(self) -> Certificate:
        """The certificate, or the one of its chain that ends before it."""
        return min((self.certificate, *self.chain), key=lambda one: one.not_after)
