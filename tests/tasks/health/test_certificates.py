"""Which TLS servers the health check looks at, and what its certificates and versions come to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.check_result import Quantity, Severity, Status, msg
from tasks.health.certificates import judge_certificate, tls_addresses
from tasks.health.limits import HealthLimits
from tasks.observation import Absent, Unobserved
from tasks.settings import Settings, load_settings
from tasks.tls.facts import Certificate, Offer, TlsFact, Version

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
CERTIFICATE = Certificate("CN=a", "CN=b", ("a",), NOW - DAY, NOW + 90 * DAY, False, "RSA", 2048, "sha256")
AUTHORITY = replace(CERTIFICATE, subject="CN=b", not_after=NOW + 900 * DAY)
OLD = (Version("1.0", Offer.REFUSED), Version("1.1", Offer.REFUSED))
FACT = TlsFact("a", 443, CERTIFICATE, None, True, "1.3", OLD, (AUTHORITY,))


def judged(fact: TlsFact | Unobserved | Absent, limits: HealthLimits | None = None) -> tuple[Status, str]:
    result = judge_certificate("a", fact, limits or HealthLimits(), NOW)
    assert result.severity is (Severity.WARNING if result.status is Status.WARN else Severity.EMERGENCY)
    return result.status, result.reason.text.format(**result.reason.params)


def settings(folder: Path, base_url: str, *instances: str) -> Settings:
    named = "".join(f'[[instances]]\nname = "i{n}"\nbase_url = "{url}"\n' for n, url in enumerate(instances))
    file = folder / "shop.toml"
    file.write_text(f'[service]\nname = "shop"\nbase_url = "{base_url}"\n{named}', encoding="utf-8")
    return load_settings(file)


@pytest.mark.parametrize(
    ("base_url", "instances", "found"),
    [
        ("http://shop.example", [], {}),
        ("https://shop.example", [], {"service": ("shop.example", 443)}),
        (
            "https://shop.example",
            ["https://10.0.0.1:8443", "http://b.internal", "https://[::1]"],
            {"i0": ("10.0.0.1", 8443), "i2": ("::1", 443), "base_url": ("shop.example", 443)},
        ),
        (
            "https://shop.example/a",
            ["https://shop.example:443/b", "https://shop.example:444"],
            {"i0": ("shop.example", 443), "i1": ("shop.example", 444)},
        ),
    ],
)
def test_every_https_address_once(
    tmp_path: Path, base_url: str, instances: list[str], found: dict[str, tuple[str, int]]
) -> None:
    assert tls_addresses(settings(tmp_path, base_url, *instances)) == found


@pytest.mark.parametrize(
    ("left", "status"),
    [
        (30 * DAY, Status.PASS),
        (30 * DAY - timedelta(seconds=1), Status.WARN),
        (14 * DAY, Status.WARN),
        (14 * DAY - timedelta(seconds=1), Status.FAIL),
        (-DAY, Status.FAIL),
    ],
)
def test_days_left_of_the_first_to_expire(left: timedelta, status: Status) -> None:
    ends = NOW + left
    assert judged(replace(FACT, certificate=replace(CERTIFICATE, not_after=ends)))[0] is status
    found, reason = judged(replace(FACT, chain=(replace(AUTHORITY, not_after=ends),)))
    assert found is status
    assert reason.startswith("A certificate of the chain expires first: CN=b, at")


def test_what_keeps_clients_out_fails_and_what_does_not_warns() -> None:
    assert judged(replace(FACT, matches=False))[0] is Status.FAIL
    assert judged(replace(FACT, distrust=msg("The certificate is not trusted: x")))[0] is Status.FAIL
    assert judged(replace(FACT, negotiated="1.1")) == (
        Status.FAIL,
        "The newest TLS version that the server accepts is 1.1",
    )
    old = replace(FACT, versions=(Version("1.1", Offer.ACCEPTED),))
    assert judged(old) == (Status.WARN, "The server accepts old versions of TLS: 1.1")
    assert judged(replace(FACT, certificate=replace(CERTIFICATE, key_bits=1024)))[0] is Status.WARN
    weak = judge_certificate("a", old, HealthLimits(), NOW)
    assert weak.observed == Quantity(1)
    assert weak.limit is not None and weak.limit.value == 0
    both = replace(old, certificate=replace(CERTIFICATE, not_after=NOW + 20 * DAY))
    assert judged(both)[1].startswith("The certificate expires at")


def test_what_was_not_seen_is_unknown() -> None:
    untried = replace(FACT, versions=(Version("1.1", Offer.NOT_TRIED, msg("not to be offered")),))
    assert judged(untried) == (Status.UNKNOWN, "not to be offered")
    assert judged(replace(FACT, versions=()), HealthLimits(min_tls="1.0"))[0] is Status.PASS
    assert judged(Unobserved(msg("Connection refused"))) == (Status.UNKNOWN, "Connection refused")
    assert judged(Absent(msg("No address of the service is https")))[0] is Status.SKIPPED
