"""Certificates just inside, at and just outside their limits, and old versions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.check_result import Status, msg
from tasks.observation import Absent, Unobserved
from tasks.security.judge.tls import judge_tls
from tasks.security.limits import SecurityLimits
from tasks.tls.facts import Certificate, Offer, TlsFact, Version

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
CERTIFICATE = Certificate("CN=a", "CN=b", ("a",), NOW - DAY, NOW + 90 * DAY, False, "RSA", 2048, "sha256")
NEW = (
    Version("1.0", Offer.REFUSED),
    Version("1.1", Offer.REFUSED),
    Version("1.2", Offer.ACCEPTED),
    Version("1.3", Offer.ACCEPTED),
)
FACT = TlsFact("a", 443, CERTIFICATE, None, True, "1.3", NEW)


def judged(fact: TlsFact, limits: SecurityLimits | None = None) -> tuple[Status, str]:
    result = judge_tls(fact, limits or SecurityLimits(), NOW)
    return result.status, result.reason.text.format(**result.reason.params)


@pytest.mark.parametrize(
    ("left", "status"),
    [
        (31 * DAY, Status.PASS),
        (30 * DAY, Status.PASS),
        (30 * DAY - timedelta(seconds=1), Status.WARN),
        (14 * DAY, Status.WARN),
        (14 * DAY - timedelta(seconds=1), Status.FAIL),
        (timedelta(0), Status.FAIL),
        (-DAY, Status.FAIL),
    ],
)
def test_days_left(left: timedelta, status: Status) -> None:
    fact = replace(FACT, certificate=replace(CERTIFICATE, not_after=NOW + left))
    assert judged(fact)[0] is status


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (replace(FACT, certificate=replace(CERTIFICATE, not_after=NOW)), "The certificate expired at"),
        (replace(FACT, certificate=replace(CERTIFICATE, not_before=NOW + DAY)), "The certificate is not valid before"),
        (replace(FACT, matches=False), "The certificate is not issued for this host, but for a"),
        (replace(FACT, distrust=msg("The certificate is not trusted: x")), "The certificate is not trusted: x"),
        (replace(FACT, certificate=replace(CERTIFICATE, key_bits=2047)), "The key of the certificate is too short"),
        (replace(FACT, certificate=replace(CERTIFICATE, signature="sha1")), "The certificate is signed with sha1"),
        (
            replace(FACT, versions=(Version("1.0", Offer.ACCEPTED), *NEW[1:])),
            "The server accepts old versions of TLS: 1.0",
        ),
    ],
)
def test_faults(fact: TlsFact, words: str) -> None:
    status, reason = judged(fact)
    assert status is Status.FAIL
    assert reason.startswith(words)


def test_the_oldest_version_is_a_setting() -> None:
    assert judged(FACT, SecurityLimits(min_tls="1.3"))[0] is Status.FAIL
    modern = replace(FACT, versions=(*NEW[:2], Version("1.2", Offer.REFUSED), NEW[3]))
    assert judged(modern, SecurityLimits(min_tls="1.3"))[0] is Status.PASS


def test_a_version_that_was_not_tried_is_not_refused() -> None:
    untried = Version("1.0", Offer.NOT_TRIED, msg("OpenSSL on this machine cannot offer TLS {version}", version="1.0"))
    fact = replace(FACT, versions=(untried, *NEW[1:]))
    assert judged(fact) == (Status.UNKNOWN, "OpenSSL on this machine cannot offer TLS 1.0")
    assert judged(replace(fact, matches=False))[0] is Status.FAIL
    assert judged(replace(FACT, versions=(*NEW[:3], replace(untried, name="1.3"))))[0] is Status.PASS


def test_keys_whose_size_says_nothing_are_not_short() -> None:
    assert judged(replace(FACT, certificate=replace(CERTIFICATE, key="Ed25519", key_bits=None)))[0] is Status.PASS
    assert judged(replace(FACT, certificate=replace(CERTIFICATE, key="EC", key_bits=256)))[0] is Status.PASS
    assert judged(replace(FACT, certificate=replace(CERTIFICATE, key="EC", key_bits=224)))[0] is Status.FAIL


def test_nothing_seen() -> None:
    assert judge_tls(Unobserved(msg("Connection refused")), SecurityLimits(), NOW).status is Status.UNKNOWN
    assert judge_tls(Absent(msg("There is no TLS")), SecurityLimits(), NOW).status is Status.SKIPPED
