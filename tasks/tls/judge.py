"""Judges a TLS server by its chain, host name, days and versions, for every section that looks at one."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from tasks.check_result import Check, CheckResult, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.observation import Absent, Unobserved
from tasks.tls.facts import Certificate, Offer, TlsFact, Version
from tasks.tls.limits import TlsLimits

LEAST_KEY_BITS: Final = {"RSA": 2048, "DSA": 2048, "EC": 256}
"""Source: CA/Browser Forum Baseline Requirements 6.1.5, NIST SP 800-57 part 1 (112 bits of strength)."""
BROKEN_SIGNATURES: Final = frozenset({"md5", "sha1"})
"""Source: CA/Browser Forum Baseline Requirements 7.1.3.2; no browser accepts them."""

_FAULTS = msg("what browsers accept, RFC 8996")
_OFFERS = {Offer.ACCEPTED: msg("accepted"), Offer.REFUSED: msg("refused"), Offer.NOT_TRIED: msg("not tried")}


def judge_server(
    check: Check,
    subject: str,
    seen: TlsFact | Unobserved | Absent,
    limits: TlsLimits,
    source: Message,
    now: datetime,
    *,
    weak: Status = Status.FAIL,
) -> CheckResult:
    """Whether clients are content with the certificate for long enough, and old versions are refused.

    `weak` is what a weakness means that keeps no client out: an old version, a short key, a signature that can be
    forged. `source` names the section of the limits.
    """
    limit = Limit("≥", limits.warn_certificate_days, "d", source)
    if isinstance(seen, Absent):
        return check.judged(Status.SKIPPED, subject, seen.reason, at=now)
    if isinstance(seen, Unobserved):
        return check.judged(Status.UNKNOWN, subject, seen.reason, at=now, limit=limit)
    evidence = tuple(_evidence(seen, now))
    days = seen.first_to_expire.days_left(now)
    faults, weaknesses = list(_faults(seen, limits, now)), list(_weaknesses(seen, limits))
    if weak is Status.FAIL:
        faults += weaknesses
    if faults:
        runs_out = days < limits.fail_certificate_days
        observed = Quantity(days, "d") if runs_out else Quantity(len(faults))
        limit = Limit("≥", limits.fail_certificate_days, "d", source) if runs_out else Limit("=", 0, "", _FAULTS)
        return check.judged(Status.FAIL, subject, faults[0], at=now, observed=observed, limit=limit, evidence=evidence)
    if untried := next(_untried(seen, limits), None):
        return check.judged(Status.UNKNOWN, subject, untried, at=now, limit=limit, evidence=evidence)
    observed = Quantity(days, "d")
    if days < limits.warn_certificate_days or not weaknesses:
        status = Status.WARN if days < limits.warn_certificate_days else Status.PASS
        return check.judged(status, subject, _validity(seen), at=now, observed=observed, limit=limit, evidence=evidence)
    observed, limit = Quantity(len(weaknesses)), Limit("=", 0, "", _FAULTS)
    return check.judged(weak, subject, weaknesses[0], at=now, observed=observed, limit=limit, evidence=evidence)


def _validity(seen: TlsFact) -> Message:
    first = seen.first_to_expire
    if first is not seen.certificate:
        return _chain_ends(first)
    at = moment(first.not_after)
    return msg("The certificate expires at {at}; TLS {version} was negotiated", at=at, version=seen.negotiated)


def _faults(seen: TlsFact, limits: TlsLimits, now: datetime) -> Iterator[Message]:
    """What keeps clients out, now or soon."""
    certificate, first = seen.certificate, seen.first_to_expire
    if certificate.not_after <= now:
        yield msg("The certificate expired at {at}", at=moment(certificate.not_after))
    if certificate.not_before > now:
        yield msg("The certificate is not valid before {at}", at=moment(certificate.not_before))
    if not seen.matches:
        yield msg("The certificate is not issued for this host, but for {names}", names=_names(certificate))
    if seen.distrust is not None:
        yield seen.distrust
    if seen.negotiated < limits.min_tls:
        yield msg("The newest TLS version that the server accepts is {version}", version=seen.negotiated)
    if first.days_left(now) < limits.fail_certificate_days:
        alone = msg("The certificate expires at {at}", at=moment(first.not_after))
        yield alone if first is certificate else _chain_ends(first)


def _weaknesses(seen: TlsFact, limits: TlsLimits) -> Iterator[Message]:
    certificate = seen.certificate
    if old := [v.name for v in _older(seen, limits) if v.offer is Offer.ACCEPTED]:
        yield msg("The server accepts old versions of TLS: {versions}", versions=", ".join(old))
    if certificate.key_bits is not None and certificate.key_bits < LEAST_KEY_BITS.get(certificate.key, 0):
        yield msg(
            "The key of the certificate is too short: {key} {bits}", key=certificate.key, bits=certificate.key_bits
        )
    if certificate.signature in BROKEN_SIGNATURES and not certificate.self_signed:
        yield msg("The certificate is signed with {algorithm}, which can be forged", algorithm=certificate.signature)


def _chain_ends(authority: Certificate) -> Message:
    at = moment(authority.not_after)
    return msg("A certificate of the chain expires first: {subject}, at {at}", subject=authority.subject, at=at)


def _untried(seen: TlsFact, limits: TlsLimits) -> Iterator[Message]:
    """Why it is not known that an old version is refused."""
    return (v.reason for v in _older(seen, limits) if v.offer is Offer.NOT_TRIED and v.reason is not None)


def _older(seen: TlsFact, limits: TlsLimits) -> list[Version]:
    return [version for version in seen.versions if version.name < limits.min_tls]


def _names(certificate: Certificate) -> str:
    few = certificate.names[:5]
    return ", ".join(few) + (", …" if len(certificate.names) > len(few) else "") if few else "-"


def _evidence(seen: TlsFact, now: datetime) -> Iterator[Table]:
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
        *((msg("Chain, valid until"), f"{one.not_after:%Y-%m-%d} {one.subject}") for one in seen.chain),
    )
    yield Table(msg("Certificate"), (msg("What"), msg("Found")), rows)
    yield _versions(seen.versions)


def _versions(versions: Sequence[Version]) -> Table:
    rows = tuple((f"TLS {v.name}", _OFFERS[v.offer], v.reason or "") for v in versions)
    return Table(msg("TLS versions"), (msg("Version"), msg("Server's answer"), msg("Why")), rows)
