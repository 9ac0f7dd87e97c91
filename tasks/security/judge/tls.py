"""Judges the TLS server in front of the service."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.observation import Absent, Unobserved
from tasks.security.checks import TLS
from tasks.security.judge.surface import LIMITS, SUBJECT
from tasks.security.limits import SecurityLimits
from tasks.tls.facts import Certificate, Offer, TlsFact, Version

LEAST_KEY_BITS: Final = {"RSA": 2048, "DSA": 2048, "EC": 256}
"""Source: CA/Browser Forum Baseline Requirements 6.1.5, NIST SP 800-57 part 1 (112 bits of strength)."""
BROKEN_SIGNATURES: Final = frozenset({"md5", "sha1"})
"""Source: CA/Browser Forum Baseline Requirements 7.1.3.2; no browser accepts them."""

_FAULTS = msg("what browsers accept, RFC 8996")
_OFFERS = {Offer.ACCEPTED: msg("accepted"), Offer.REFUSED: msg("refused"), Offer.NOT_TRIED: msg("not tried")}


def judge_tls(seen: TlsFact | Unobserved | Absent, limits: SecurityLimits, now: datetime) -> CheckResult:
    """Whether browsers are content with the certificate for long enough, and old versions are refused."""
    limit = Limit("≥", limits.warn_certificate_days, "d", LIMITS)
    if isinstance(seen, Absent):
        return TLS.judged(Status.SKIPPED, SUBJECT, seen.reason, at=now)
    if isinstance(seen, Unobserved):
        return TLS.judged(Status.UNKNOWN, SUBJECT, seen.reason, at=now, limit=limit)
    evidence = (_about(seen, now), _versions(seen.versions))
    days = seen.certificate.days_left(now)
    if faults := list(_faults(seen, limits, now)):
        runs_out = days < limits.fail_certificate_days
        observed = Quantity(days, "d") if runs_out else Quantity(len(faults))
        limit = Limit("≥", limits.fail_certificate_days, "d", LIMITS) if runs_out else Limit("=", 0, "", _FAULTS)
        return TLS.judged(Status.FAIL, SUBJECT, faults[0], at=now, observed=observed, limit=limit, evidence=evidence)
    if untried := next(_untried(seen, limits), None):
        return TLS.judged(Status.UNKNOWN, SUBJECT, untried, at=now, limit=limit, evidence=evidence)
    status = Status.WARN if days < limits.warn_certificate_days else Status.PASS
    reason = msg(
        "The certificate expires at {at}; TLS {version} was negotiated",
        at=moment(seen.certificate.not_after),
        version=seen.negotiated,
    )
    return TLS.judged(status, SUBJECT, reason, at=now, observed=Quantity(days, "d"), limit=limit, evidence=evidence)


def _faults(seen: TlsFact, limits: SecurityLimits, now: datetime) -> Iterator[Message]:
    certificate = seen.certificate
    if certificate.not_after <= now:
        yield msg("The certificate expired at {at}", at=moment(certificate.not_after))
    if certificate.not_before > now:
        yield msg("The certificate is not valid before {at}", at=moment(certificate.not_before))
    if not seen.matches:
        yield msg("The certificate is not issued for this host, but for {names}", names=_names(certificate))
    if seen.distrust is not None:
        yield seen.distrust
    if certificate.days_left(now) < limits.fail_certificate_days:
        yield msg("The certificate expires at {at}", at=moment(certificate.not_after))
    if old := [v.name for v in _older(seen, limits) if v.offer is Offer.ACCEPTED]:
        yield msg("The server accepts old versions of TLS: {versions}", versions=", ".join(old))
    if certificate.key_bits is not None and certificate.key_bits < LEAST_KEY_BITS.get(certificate.key, 0):
        yield msg(
            "The key of the certificate is too short: {key} {bits}", key=certificate.key, bits=certificate.key_bits
        )
    if certificate.signature in BROKEN_SIGNATURES and not certificate.self_signed:
        yield msg("The certificate is signed with {algorithm}, which can be forged", algorithm=certificate.signature)


def _untried(seen: TlsFact, limits: SecurityLimits) -> Iterator[Message]:
    """Why it is not known that an old version is refused."""
    return (v.reason for v in _older(seen, limits) if v.offer is Offer.NOT_TRIED and v.reason is not None)


def _older(seen: TlsFact, limits: SecurityLimits) -> list[Version]:
    return [version for version in seen.versions if version.name < limits.min_tls]


def _names(certificate: Certificate) -> str:
    few = certificate.names[:5]
    return ", ".join(few) + (", …" if len(certificate.names) > len(few) else "") if few else "-"


def _about(seen: TlsFact, now: datetime) -> Table:
    certificate = seen.certificate
    size = "" if certificate.key_bits is None else f" {certificate.key_bits}"
    rows: tuple[tuple[Scalar | Message, ...], ...] = (
        (msg("Address"), f"{seen.host}:{seen.port}"),
        (msg("Subject"), certificate.subject),
        (msg("Names"), _names(certificate)),
        (msg("Issuer"), msg("itself") if certificate.self_signed else certificate.issuer),
        (msg("Valid from"), moment(certificate.not_before)),
        (msg("Valid until"), moment(certificate.not_after)),
        (msg("Days left"), certificate.days_left(now)),
        (msg("Trusted"), seen.distrust or msg("yes")),
        (msg("Key"), f"{certificate.key}{size}"),
        (msg("Signature"), certificate.signature or "-"),
    )
    return Table(msg("Certificate"), (msg("What"), msg("Found")), rows)


def _versions(versions: Sequence[Version]) -> Table:
    rows = tuple((f"TLS {v.name}", _OFFERS[v.offer], v.reason or "") for v in versions)
    return Table(msg("TLS versions"), (msg("Version"), msg("Offered alone"), msg("Why")), rows)
