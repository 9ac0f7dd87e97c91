"""bandit's results as findings, without any code."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tasks.outside import external_text
from tasks.security.facts.scans import Confidence, Finding, Kind, Rating
from tasks.security.findings.fingerprint import CodePlace, Fingerprint, code_fingerprints
from tasks.security.scanners.code.output import Result

_CODE_AFTER = {"B103": " on file", "B105": ":", "B106": ":", "B107": ":", "B202": ". "}
"""Where in the texts of these tests words of the code begin: a password, a file's name."""
_RATINGS = {rating.name: rating for rating in Rating}
_CONFIDENCES = {confidence.name: confidence for confidence in Confidence}


def code_findings(root: Path, results: Sequence[Result]) -> Iterator[Finding]:
    """The findings in the order of their files and lines."""
    by_file: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_file[result.filename].append(result)
    for path in sorted(by_file):
        here = sorted(by_file[path], key=lambda result: (result.line_number, result.col_offset, result.test_id))
        try:
            source = (root / path).read_bytes()
        except OSError:  # it has vanished since
            source = b""
        prints = code_fingerprints(path, source, [_place(result) for result in here])
        yield from (_finding(result, print_) for result, print_ in zip(here, prints, strict=True))


def _place(result: Result) -> CodePlace:
    lines = result.line_range or [result.line_number]
    columns = result.col_offset, result.end_col_offset
    return CodePlace(result.test_id, result.line_number, *columns, min(lines), max(lines))


def _finding(result: Result, fingerprint: Fingerprint) -> Finding:
    title, _, _ = result.issue_text.partition(_CODE_AFTER.get(result.test_id, "\0"))
    return Finding(
        Kind.CODE,
        fingerprint.key,
        fingerprint.body,
        external_text(result.test_id, 20),
        external_text(title.strip()),
        _RATINGS.get(result.issue_severity, Rating.UNKNOWN),
        # What bandit does not rate stands at the gate all the same.
        _CONFIDENCES.get(result.issue_confidence, Confidence.MEDIUM),
        result.filename,
        result.line_number,
    )
