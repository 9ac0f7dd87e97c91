"""bandit on a source tree: first whether it looked at every Python file, then what it found."""

import hashlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.scratch import scratch
from tasks.security.facts.scans import Completeness, Coverage, Finding, Kind, LeftOut, Scan, Target
from tasks.security.findings.fingerprint import VERSION
from tasks.security.scanners.code.findings import code_findings
from tasks.security.scanners.code.output import Report, read_report
from tasks.security.scanners.digest import scan_digest
from tasks.security.scanners.interface import Job
from tasks.security.scanners.names import shown_name
from tasks.security.scanners.supervised import run_scanner, scanner_version
from tasks.security.settings import Source
from tasks.security.tree.tree import SourceFile, SourceTree

_ENDINGS = (".py", ".pyw")
_CANARY = "import subprocess\nsubprocess.call(eval('x'), shell=True)\n"
_CANARY_TESTS = frozenset({"B307", "B602"})
"""One of its lists of calls, one of its plugins: without them bandit ends well and finds less."""
_MOST_ARGUMENT_BYTES = 512 * 1024
"""Linux takes a quarter of the stack's limit: 2 MiB with the usual 8."""


def bandit_job(tree: SourceTree, source: Source, *, python: str = sys.executable) -> Job:
    """The look of bandit at a tree's Python files: those that a bare `bandit -r` takes, named one by one.

    No `.bandit` and no other settings of the tree are read.
    """
    target = Target("bandit", shown_name(tree.name or tree.root.name), Kind.CODE)
    files = tuple(file for file in tree.files if file.path.endswith(_ENDINGS))
    left_out = tuple(left for left in tree.left_out if left.what.endswith((*_ENDINGS, "/")))
    try:
        version = scanner_version("bandit")
    except ObservationError:
        version = ""  # then the look itself says so
    digest = scan_digest("bandit", version, files, left_out, VERSION, source.no_python or "")
    look = _Look(target, tree.root, files, left_out, source, version, digest, python)
    return Job(target, digest, look.run)


@dataclass(frozen=True)
class _Look:
    target: Target
    root: Path
    files: tuple[SourceFile, ...]
    left_out: tuple[LeftOut, ...]
    source: Source
    version: str
    digest: str
    python: str

    def run(self, at: datetime) -> Scan:
        """The scan; raises ObservationError for what a second try may mend."""
        started = time.monotonic()
        version = self.version or scanner_version("bandit")
        report = self._report() if self.files else Report()
        missed = (*self.left_out, *self._missed(report))
        asked = len(self.files) + len(self.left_out)
        coverage = Coverage(asked, asked - len(missed), report.lines, missed)
        completeness, reason = self._judged(coverage)
        findings: tuple[Finding, ...] = ()
        if completeness is not Completeness.FAILED:
            findings = tuple(code_findings(self.root, report.results))
        return Scan(
            self.target,
            version,
            at,
            time.monotonic() - started,
            completeness,
            reason,
            coverage,
            self.digest,
            findings,
            report.suppressed,
        )

    def _judged(self, coverage: Coverage) -> tuple[Completeness, Message]:
        missing, why = len(coverage.left_out), self.source.no_python
        if coverage.lines == 0 and why is not None and not missing:
            return Completeness.COMPLETE, msg("No Python: {reason}", reason=why)
        if coverage.asked == 0:
            return Completeness.FAILED, msg("There is no Python file in the tree: set no_python if that is meant")
        if coverage.scanned == 0:
            return Completeness.FAILED, msg("None of {asked} Python files could be scanned", asked=coverage.asked)
        if coverage.lines == 0:
            return Completeness.FAILED, msg("No line of code in {asked} Python files", asked=coverage.asked)
        if missing:
            return Completeness.PARTIAL, msg(
                "{missing} of {asked} Python files were not scanned", missing=missing, asked=coverage.asked
            )
        return Completeness.COMPLETE, msg(
            "Python files: {asked}, lines of code: {lines}", asked=coverage.asked, lines=coverage.lines
        )

    def _missed(self, report: Report) -> list[LeftOut]:
        """What bandit has not scanned, and what is no longer as the scan's digest says."""
        missed = report.missed([file.path for file in self.files])
        known = {left.what for left in missed}
        changed = msg("It changed while it was scanned")
        return missed + [
            LeftOut(file.path, changed)
            for file in self.files
            if file.path not in known and _digest(self.root / file.path) != file.sha256
        ]

    def _report(self) -> Report:
        deadline = Deadline.after(self.source.deadline_min * 60)
        whole = Report()
        with scratch() as folder:
            settings, canary = folder / "bandit.ini", folder / "canary.py"
            settings.write_text("[bandit]\n")
            canary.write_text(_CANARY)
            for shard in _shards([str(self.root / file.path) for file in self.files]):
                # -x "": else whatever has CVS or .git in its path, that of the tree included, is passed over.
                options = ["--ini", str(settings), "-x", "", "-f", "json", "-q", "-n", "1", "--"]
                finished = run_scanner(
                    "bandit",
                    [*options, str(canary), *shard],
                    cwd=None,
                    deadline_s=deadline.left_s,
                    memory_mb=self.source.max_memory_mb,
                    python=self.python,
                )
                tests, report = read_report(finished, self.root).without(str(canary))
                if not tests >= _CANARY_TESTS:
                    raise ObservationError(msg("bandit did not find the flaws that were planted for it"))
                whole = whole.with_report(report)
        return whole


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _shards(paths: Sequence[str]) -> Iterator[list[str]]:
    shard: list[str] = []
    size = 0
    for path in paths:
        needed = len(path.encode()) + 9  # with its end and its pointer
        if shard and size + needed > _MOST_ARGUMENT_BYTES:
            yield shard
            shard, size = [], 0
        shard.append(path)
        size += needed
    if shard:
        yield shard
