"""What a scan did not see, in words."""

from tasks.outside import external_text
from tasks.security.facts.scans import Completeness, Scan

_MOST_CHARS = 1000


def scan_gap(scan: Scan) -> str:
    """How far a scan came and why no farther; empty for a complete one."""
    if scan.completeness is Completeness.COMPLETE:
        return ""
    return external_text(f"{scan.completeness}: {scan.reason.text.format(**scan.reason.params)}", _MOST_CHARS)
