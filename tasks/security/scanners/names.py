"""Names from a source tree as they may be kept and shown: file names, too, hold secrets and control characters."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from tasks.outside import external_text
from tasks.security.facts.scans import Scan

_MOST_CHARS: Final = 280
"""With a number behind it, no longer than the history's columns."""


def shown_name(path: str, taken: Collection[str] = ()) -> str:
    """A path without secrets, personal data and control characters; two that look the same so are two all the same."""
    name = external_text(path, _MOST_CHARS)[:_MOST_CHARS]
    return name if name not in taken else f"{name} ({len(taken) + 1})"


def with_shown_names(scan: Scan) -> Scan:
    """The scan as it is kept; keys of findings rest on the paths as they are."""
    findings = tuple(replace(finding, path=shown_name(finding.path)) for finding in scan.findings)
    left_out = tuple(replace(left, what=shown_name(left.what)) for left in scan.coverage.left_out)
    passed_over = tuple(map(shown_name, scan.coverage.passed_over))
    coverage = replace(scan.coverage, left_out=left_out, passed_over=passed_over)
    return replace(scan, findings=findings, coverage=coverage)
