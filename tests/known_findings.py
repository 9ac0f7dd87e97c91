"""Findings as the history knows them, for tests."""

from datetime import UTC, datetime
from typing import Any

from tasks.security.facts.scans import Confidence, Finding, Kind, Known, Rating

SEEN = datetime(2026, 11, 1, 2, tzinfo=UTC)
OF_KINDS: dict[Kind, dict[str, Any]] = {
    Kind.CODE: {"rule": "B602", "title": "subprocess call with shell=True", "path": "app/run.py", "line": 12},
    Kind.DEPENDENCY: {
        "rule": "CVE-2019-10906",
        "title": "Sandbox escape",
        "path": "requirements.txt",
        "package": "jinja2",
        "version": "2.10",
        "ecosystem": "PyPI",
        "fixed_in": ("2.10.1",),
        "aliases": ("CVE-2019-10906", "GHSA-462w-v97r-4m45", "PYSEC-2019-217"),
    },
    Kind.SECRET: {"rule": "AWS Access Key", "title": "AWS Access Key", "path": "app/settings.py", "line": 3},
}
SCANNERS = {Kind.CODE: "bandit", Kind.DEPENDENCY: "pip-audit", Kind.SECRET: "detect-secrets"}


def known_finding(
    number: int = 1,
    kind: Kind = Kind.CODE,
    *,
    is_open: bool = True,
    first_seen: datetime = SEEN,
    reopened: int = 0,
    **more: Any,
) -> Known:
    """A finding whose fingerprint repeats its number, with the values of its kind and those that are given."""
    fingerprint = f"{number:08x}" * 8
    values = OF_KINDS[kind] | {"rating": Rating.HIGH, "confidence": Confidence.HIGH} | more
    target = values["path"] if kind is Kind.DEPENDENCY else "shop"
    return Known(
        fingerprint,
        Finding(kind, fingerprint, f"{number:064x}", **values),
        SCANNERS[kind],
        target,
        is_open,
        first_seen,
        max(first_seen, SEEN),
        reopened,
    )
