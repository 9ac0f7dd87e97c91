"""Advisories: severities, ranges, what fixes them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.security.advisories.ratings import of_vector, rating
from tasks.security.advisories.records import fixed_versions, instant, parse_record
from tasks.security.advisories.versions import order
from tasks.security.facts.scans import Package, Rating
from tests.advisory_feeds import V3, advisory

# Published scores: FIRST's CVSS examples (v4: 9.3 for the first vector of its user guide), NVD for version 2.
VECTORS = {
    "AV:N/AC:L/Au:N/C:C/I:C/A:C": Rating.HIGH,  # 10.0: version 2 has no critical
    "AV:N/AC:L/Au:N/C:P/I:P/A:P": Rating.HIGH,  # 7.5
    "AV:N/AC:M/Au:N/C:N/I:P/A:N": Rating.MEDIUM,  # 4.3
    "AV:L/AC:L/Au:N/C:P/I:N/A:N": Rating.LOW,  # 2.1
    "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": Rating.CRITICAL,  # 9.8, CVE-2014-0160's kind
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N": Rating.HIGH,  # 7.5
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N": Rating.MEDIUM,  # 6.1
    "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N": Rating.LOW,  # 0.0
    "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N": Rating.CRITICAL,  # 9.3
    "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:L/SC:N/SI:N/SA:N": Rating.MEDIUM,  # 6.9
    "CVSS:3.1/AV:N": None,
    "CVSS:5.0/AV:N": None,
    "7.5": None,
    "": None,
    "A" * 100_000: None,
}


@pytest.mark.parametrize(("vector", "rated"), VECTORS.items(), ids=lambda value: str(value)[:40])
def test_vectors(vector: str, rated: Rating | None) -> None:
    assert of_vector(vector) is rated


def rated(*records: Any) -> Rating:
    return rating([parse_record(record) for record in records])


def test_the_highest_rating_of_all_records_counts() -> None:
    assert rated(advisory("a", "x", vector=V3["low"]), advisory("b", "x", vector=V3["critical"])) is Rating.CRITICAL
    two = [{"type": "CVSS_V3", "score": V3["medium"]}, {"type": "CVSS_V3", "score": V3["high"]}]
    assert rated(advisory("a", "x", severity=two)) is Rating.HIGH


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"database_specific": {"severity": "MODERATE"}}, Rating.MEDIUM),
        ({"database_specific": {"severity": "critical"}}, Rating.CRITICAL),
        ({"database_specific": {"severity": "SEVERE"}}, Rating.UNKNOWN),
        ({"database_specific": {"severity": ["HIGH"]}}, Rating.UNKNOWN),
        ({"vector": V3["low"], "database_specific": {"severity": "CRITICAL"}}, Rating.LOW),
        ({"vector": "CVSS:3.1/broken", "database_specific": {"severity": "HIGH"}}, Rating.HIGH),
        ({}, Rating.UNKNOWN),
    ],
)
def test_a_word_counts_only_without_a_vector(more: Any, found: Rating) -> None:
    assert rated(advisory("a", "x", **more)) is found


@pytest.mark.parametrize(
    ("value", "withdrawn"),
    [("2026-01-01T00:00:00Z", True), ("", False), ("no", False), (False, False), (None, False)],
)
def test_only_a_time_withdraws_a_record(value: Any, withdrawn: bool) -> None:
    assert parse_record(advisory("a", "x", withdrawn=value)).withdrawn is withdrawn


def test_no_record_is_an_unknown_rating() -> None:
    assert rated() is Rating.UNKNOWN


RANGES = [
    {
        "type": "ECOSYSTEM",
        "events": [{"introduced": "0"}, {"fixed": "2.10.1"}, {"introduced": "3.0"}, {"fixed": "3.1.2"}],
    },
    {"type": "GIT", "events": [{"introduced": "0"}, {"fixed": "0123456789"}]},
]


@pytest.mark.parametrize(
    ("version", "fixes"),
    [("2.9", ("2.10.1",)), ("2.10.1", ()), ("3.0", ("3.1.2",)), ("3.0rc1", ()), ("3.1.2", ()), ("x", ())],
)
def test_what_fixes_a_version(version: str, fixes: tuple[str, ...]) -> None:
    other = {"package": {"ecosystem": "npm", "name": "jinja2"}, "ranges": [{**RANGES[0]}]}
    record = advisory(
        "a", "x", affected=[{"package": {"ecosystem": "PyPI", "name": "Jinja2"}, "ranges": RANGES}, other]
    )
    assert fixed_versions([parse_record(record)], Package("PyPI", "jinja2", version)) == fixes


def test_a_last_affected_version_is_not_fixed() -> None:
    events = [{"introduced": "1.0"}, {"last_affected": "1.5"}]
    affected = [{"package": {"ecosystem": "npm", "name": "x"}, "ranges": [{"type": "SEMVER", "events": events}]}]
    assert fixed_versions([parse_record(advisory("a", "x", affected=affected))], Package("npm", "x", "1.2.0")) == ()


def test_fixes_rise_by_version_and_not_by_letter() -> None:
    records = [parse_record(advisory(f"a{v}", "x", fixed=v)) for v in ("2.10", "2.9", "nonsense")]
    assert fixed_versions(records, Package("PyPI", "x", "1")) == ("2.9", "2.10")


def test_semantic_versions_are_in_the_order_of_their_specification() -> None:
    rising = ("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11")
    rising += ("1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1", "10.0.0")
    keys = [order("npm", version) for version in rising]
    assert keys == sorted(keys) and len(set(keys)) == len(keys)
    assert order("npm", "not a version") is None and order("PyPI", "2004d") is None


@pytest.mark.parametrize(
    "data",
    [None, [], "x", 1, {}, {"id": 1}, {"id": ""}],
)
def test_what_is_no_record(data: object) -> None:
    with pytest.raises(ValueError):
        parse_record(data)


def test_parts_of_a_wrong_type_are_left_out() -> None:
    bad = {
        "id": "a",
        "aliases": "CVE-1",
        "affected": [1, {"package": 1, "ranges": [1, {"type": "SEMVER", "events": [1]}]}],
    }
    record = parse_record(bad | {"severity": ["x", {"score": 1}], "summary": 5, "modified": 7, "database_specific": []})
    assert (record.id, record.aliases, record.summary, record.modified) == ("a", (), "", None)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678901Z", datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
        ("2026-01-02T12:04:05+09:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times(text: object, at: datetime | None) -> None:
    assert instant(text) == at
