"""Findings and scans as the judges' tests need them."""

from datetime import UTC, datetime, timedelta

from tasks.check_result import msg
from tasks.security.facts.scans import (
    Completeness,
    Confidence,
    Coverage,
    Feed,
    Finding,
    Kind,
    Known,
    Rating,
    Scan,
    Target,
)
from tasks.security.judge.findings import Standing

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CODE = Target("bandit", "app", Kind.CODE)
LOCK = Target("pip-audit", "requirements.txt", Kind.DEPENDENCY)


def standing(
    kind: Kind = Kind.CODE,
    rating: Rating = Rating.HIGH,
    confidence: Confidence = Confidence.HIGH,
    *,
    waived: bool = False,
    is_new: bool = False,
    days: float = 1.0,
    fixed_in: tuple[str, ...] = (),
) -> Standing:
    finding = Finding(
        kind, "ab" * 32, "cd" * 32, "CVE-2026-1", "escape", rating, confidence, "app.py", 3,
        package="jinja2", version="2.10", ecosystem="PyPI", fixed_in=fixed_in, aliases=("CVE-2026-1",),
    )  # fmt: skip
    seen = NOW - days * DAY
    return Standing(Known("ab" * 32, finding, "bandit", "app", True, seen, NOW, 0), waived, is_new)


def scan(
    target: Target = CODE,
    completeness: Completeness = Completeness.COMPLETE,
    *,
    suppressed: int = 0,
    feed: Feed | None = None,
) -> Scan:
    reason = msg("{number} files were scanned", number=2)
    return Scan(target, "1", NOW, 1.0, completeness, reason, Coverage(2, 2, 10), "d", (), suppressed, feed)
