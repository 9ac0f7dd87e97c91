"""The smallest upgrade that fixes all of a package's findings."""

from typing import Any

import pytest

from tasks.security.facts.scans import Kind, Known, Rating
from tasks.security.fix.updates import find_updates
from tests.deep import rows
from tests.known_findings import known_finding


def finding(number: int, *fixed_in: str, **more: Any) -> Known:
    return known_finding(number, Kind.DEPENDENCY, fixed_in=fixed_in, **more)


CASES: dict[str, tuple[str, str, list[tuple[str, ...]], str | None]] = {
    "one fix": ("PyPI", "2.10", [("2.10.1",)], "2.10.1"),
    "the smallest of several": ("PyPI", "2.10", [("3.0", "2.10.1")], "2.10.1"),
    "one that fixes both": ("PyPI", "2.10", [("2.10.1",), ("2.11.3",)], "2.11.3"),
    "numbers, not texts": ("PyPI", "1.9", [("1.10",), ("1.9.1",)], "1.10"),
    "a fix below what is installed is none": ("PyPI", "2.10", [("2.9.1",)], None),
    "the line's own fix": ("PyPI", "1.0.2", [("1.0.5", "2.0.3")], "1.0.5"),
    "an old line's fix does not vouch for a new line": ("PyPI", "1.0.2", [("1.0.5", "2.0.3"), ("2.0.1",)], "2.0.3"),
    "within a line that is fixed": ("PyPI", "4.0.1", [("3.2.16", "4.0.8", "4.1.3"), ("4.0.9",)], "4.0.9"),
    "no pre-release while there is a release": ("PyPI", "1.0", [("2.0rc1", "2.1")], "2.1"),
    "a pre-release if there is nothing else": ("PyPI", "1.0", [("2.0rc1",)], "2.0rc1"),
    "npm": ("npm", "4.17.10", [("4.17.12",), ("4.17.21",)], "4.17.21"),
    "npm: a pre-release is before its release": ("npm", "1.0.0-beta.9", [("1.0.0-beta.10",)], "1.0.0-beta.10"),
    "npm: words of pre-releases": ("npm", "1.0.0-next.5", [("1.0.0",)], "1.0.0"),
    "a version that cannot be compared": ("npm", "workspace", [("1.0.0",)], None),
    "no fix is published": ("PyPI", "2.10", [()], None),
}


@pytest.mark.parametrize("case", rows(CASES, list(CASES)[:10]))
def test_the_smallest_version_that_fixes_all(case: tuple[str, str, list[tuple[str, ...]], str | None]) -> None:
    ecosystem, version, fixes, to = case
    found = [finding(n, *fixed, ecosystem=ecosystem, version=version) for n, fixed in enumerate(fixes)]
    [update] = find_updates(found)
    assert update.to == to
    assert len(update.fixes) == (0 if to is None else len(fixes))


def test_what_has_no_fix_stays_beside_what_has_one() -> None:
    fixable, stays = finding(1, "2.10.1"), finding(2, rule="CVE-2", rating=Rating.CRITICAL)
    [update] = find_updates([fixable, stays])
    assert (update.to, update.fixes, update.stays) == ("2.10.1", (fixable.fingerprint,), (stays.fingerprint,))
    assert update.advisories == ("CVE-2", "CVE-2019-10906") and update.rating is Rating.CRITICAL


def test_each_package_of_each_lock_file_has_its_own_update() -> None:
    known = [
        finding(1, "2.10.1"),
        finding(2, "2.10.1", path="tools/requirements.txt"),
        finding(3, "1.2", package="mako", version="1.0", rating=Rating.CRITICAL),
        finding(4, "9", package="fixed", is_open=False),
        known_finding(5, Kind.CODE),
    ]
    assert [(update.path, update.package) for update in find_updates(known)] == [
        ("requirements.txt", "mako"),
        ("requirements.txt", "jinja2"),
        ("tools/requirements.txt", "jinja2"),
    ]
