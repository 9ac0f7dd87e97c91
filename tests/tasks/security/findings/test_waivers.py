"""Which findings a waiver covers, and until when."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.security.facts.scans import Kind
from tasks.security.findings.waivers import Waiver, applied
from tests.known_findings import known_finding

TODAY = date(2026, 11, 25)
CODE, PACKAGE, SECRET = (known_finding(n, kind) for n, kind in enumerate(Kind, 1))
FIXED = known_finding(9, rule="B101", is_open=False)
ALL = (CODE, PACKAGE, SECRET, FIXED)


def waiver(expires: date = date(2027, 1, 1), **scope: Any) -> Waiver:
    return Waiver.model_validate({"reason": "risk_accepted", "owner": "kim", "expires": expires} | scope)


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ({"finding": CODE.fingerprint}, [CODE]),
        ({"finding": CODE.fingerprint[:8]}, [CODE]),
        ({"finding": "ffffffff"}, []),
        ({"package": "Jinja2"}, [PACKAGE]),  # names of Python packages have one canonical form
        ({"package": "jinja"}, []),
        ({"package": "jinja2", "advisory": "ghsa-462w-v97r-4m45"}, [PACKAGE]),
        ({"package": "jinja2", "advisory": "CVE-2020-28493"}, []),
        ({"package": "mako", "advisory": "CVE-2019-10906"}, []),
        ({"advisory": "PYSEC-2019-217"}, [PACKAGE]),
        ({"rule": "B602"}, [CODE]),
        ({"rule": "b602"}, []),
        ({"rule": "B602", "path": "app/run.py"}, [CODE]),
        ({"rule": "B602", "path": "app/*.py"}, [CODE]),
        ({"rule": "B602", "path": "**/run.py"}, [CODE]),
        ({"rule": "B602", "path": "app/**"}, [CODE]),
        ({"rule": "B602", "path": "*.py"}, []),  # a star stays within a folder
        ({"rule": "B602", "path": "app/r.n.py"}, []),
        ({"rule": "AWS Access Key"}, [SECRET]),
    ],
)
def test_each_scope_covers_its_findings_and_no_other(scope: dict[str, str], covered: list[Any]) -> None:
    given = waiver(**scope)
    assert [known for known in ALL if given.covers(known)] == covered
    review = applied(ALL, [given], TODAY)
    assert [one.known for one in review.findings if one.waiver == given] == covered
    assert review.active == ((given,) if covered else ()) and review.unused == (() if covered else (given,))


def test_the_names_of_npm_packages_are_taken_as_they_are() -> None:
    known = known_finding(1, Kind.DEPENDENCY, package="@shop/ui", ecosystem="npm")
    assert waiver(package="@shop/ui").covers(known) and not waiver(package="@Shop/ui").covers(known)


@pytest.mark.parametrize(("last_day", "holds"), [(24, False), (25, True), (26, True)])
def test_a_waiver_holds_through_its_last_day(last_day: int, holds: bool) -> None:
    given = waiver(date(2026, 11, last_day), rule="B602")
    review = applied(ALL, [given], TODAY)
    assert (review.active, review.expired) == (((given,), ()) if holds else ((), (given,)))
    assert (CODE in review.unwaived) is not holds
    assert [one.known for one in review.waived] == ([CODE] if holds else [])


@pytest.mark.parametrize(("left", "expiring"), [(13, True), (14, True), (15, False), (-1, False)])
def test_a_waiver_that_is_about_to_expire(left: int, expiring: bool) -> None:
    given = waiver(date.fromordinal(TODAY.toordinal() + left), rule="B602")
    assert applied(ALL, [given], TODAY).expiring(14) == ((given,) if expiring else ())


def test_an_unused_waiver_is_neither_expired_nor_expiring() -> None:
    gone, fixed = waiver(TODAY, rule="B999"), waiver(date(2026, 1, 1), finding=FIXED.fingerprint)
    review = applied(ALL, [gone, fixed], TODAY)
    assert review.unused == (gone, fixed)
    assert (review.active, review.expired, review.expiring(14)) == ((), (), ())


def test_of_two_waivers_the_one_that_holds_longest_counts() -> None:
    short, long, over = (waiver(date(2026, month, 28), rule="B602") for month in (11, 12, 10))
    review = applied(ALL, [short, long, over], TODAY)
    assert next(one.waiver for one in review.findings if one.known == CODE) == long
    assert review.active == (short, long) and review.expired == (over,)


def test_characters_that_several_fingerprints_begin_with_waive_none_of_them() -> None:
    twin = known_finding(1, rule="B603")
    review = applied((CODE, twin), [given := waiver(finding=CODE.fingerprint[:8])], TODAY)
    assert review.ambiguous == (given,) and review.unwaived == (CODE, twin)
    assert (review.active, review.unused) == ((), ())


def test_without_waivers_every_open_finding_alerts() -> None:
    review = applied(ALL, [], TODAY)
    assert review.unwaived == (CODE, PACKAGE, SECRET) and review.waived == ()


@pytest.mark.parametrize(
    "scope",
    [{}, {"finding": "0" * 8, "rule": "B602"}, {"rule": "B602", "advisory": "CVE-1"}, {"package": "a", "path": "b"}],
)
def test_a_waiver_says_one_thing_that_it_covers(scope: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        waiver(**scope)
