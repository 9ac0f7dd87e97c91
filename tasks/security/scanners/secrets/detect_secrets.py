"""detect-secrets on a source tree: first a made-up secret that it must find, then those of the tree."""

import base64
import hashlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.scratch import scratch
from tasks.security.facts.scans import Completeness, Coverage, Finding, Kind, LeftOut, Scan, Target
from tasks.security.findings.fingerprint import VERSION
from tasks.security.scanners.digest import scan_digest
from tasks.security.scanners.interface import Job
from tasks.security.scanners.names import shown_name
from tasks.security.scanners.secrets.baseline import BadBaseline, Listed, read_baseline
from tasks.security.scanners.secrets.findings import secret_findings
from tasks.security.scanners.secrets.output import Secret, read_secrets
from tasks.security.scanners.secrets.texts import Copies, is_binary, is_read
from tasks.security.scanners.supervised import run_scanner, scanner_version
from tasks.security.settings import Source
from tasks.security.tree.tree import SourceFile, SourceTree

_SCANNER = "detect-secrets"
_CANARY = "canary.py"
_CANARY_TYPES = frozenset({"AWS Access Key", "Private Key", "Secret Keyword"})
# No secret is sent to anybody; one process, because two scanners run at a time; IP addresses are no secrets.
_OPTIONS = ("--cores", "1", "scan", "--all-files", "--no-verify", "--disable-plugin", "IPPublicDetector", ".")


def secrets_job(tree: SourceTree, source: Source, *, python: str = sys.executable) -> Job:
    """The look of detect-secrets at a tree's text files, with its own detectors and filters."""
    target = Target(_SCANNER, shown_name(tree.name or tree.root.name), Kind.SECRET)
    baseline = source.secrets_baseline
    files = tuple(file for file in tree.files if is_read(file.path) and Path(file.path) != baseline)
    left_out = tuple(left for left in tree.left_out if _matters(tree.root, left))
    try:
        version = scanner_version(_SCANNER)
    except ObservationError:
        version = ""  # then the look itself says so
    listed = tuple(file.sha256 for file in tree.files if Path(file.path) == baseline)
    digest = scan_digest(_SCANNER, version, files, left_out, VERSION, *_OPTIONS, str(baseline), *listed)
    return Job(target, digest, _Look(target, tree.root, files, left_out, source, version, digest, python).run)


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
        version = self.version or scanner_version(_SCANNER)
        try:
            listed = self._listed()
        except BadBaseline as error:
            coverage = Coverage(len(self.files), 0)
            return Scan(self.target, version, at, 0.0, Completeness.FAILED, error.reason, coverage, self.digest)
        with scratch() as folder:
            copies = Copies(folder)
            found = self._scanned(copies)
        missed = (*self.left_out, *copies.missed)
        coverage = Coverage(copies.texts + len(missed), copies.texts, copies.lines, missed)
        completeness, reason = _judged(coverage)
        findings: list[Finding] = []
        suppressed = copies.marks
        for name, copy in copies.of.items():
            here = found.get(name, [])
            news = [secret for secret in here if (copy.path, secret.type, secret.hashed_secret) not in listed]
            suppressed += len(here) - len(news)
            findings += secret_findings(copy, news)
        findings.sort(key=lambda finding: (finding.path, finding.line or 0, finding.rule))
        return Scan(
            self.target,
            version,
            at,
            time.monotonic() - started,
            completeness,
            reason,
            coverage,
            self.digest,
            tuple(findings),
            suppressed,
        )

    def _listed(self) -> frozenset[Listed]:
        path = self.source.secrets_baseline
        return frozenset() if path is None else read_baseline(self.root, path)

    def _scanned(self, copies: Copies) -> Mapping[str, list[Secret]]:
        deadline = Deadline.after(self.source.deadline_min * 60)
        copies.take(self.root, self.files, deadline)
        (copies.folder / _CANARY).write_text(_canary())
        finished = run_scanner(
            "detect_secrets",
            _OPTIONS,
            cwd=copies.folder,
            deadline_s=deadline.require(),
            memory_mb=self.source.max_memory_mb,
            python=self.python,
        )
        found = read_secrets(finished)
        if not {*found} <= {_CANARY, *copies.of}:
            raise ObservationError(msg("detect-secrets reports on files that it was not asked for"))
        if not {secret.type for secret in found.get(_CANARY, [])} >= _CANARY_TYPES:
            raise ObservationError(msg("detect-secrets did not find the made-up secrets that it was given"))
        return found


def _judged(coverage: Coverage) -> tuple[Completeness, Message]:
    if coverage.scanned == 0:
        return Completeness.FAILED, msg("There is no text file in the tree that could be scanned")
    if missing := len(coverage.left_out):
        return Completeness.PARTIAL, msg(
            "{missing} of {asked} text files were not scanned", missing=missing, asked=coverage.asked
        )
    return Completeness.COMPLETE, msg("Text files: {asked}", asked=coverage.asked)


def _matters(root: Path, left: LeftOut) -> bool:
    """A file that was left out is missed here unless it is one that detect-secrets would not read."""
    if left.what.endswith("/"):
        return True
    try:
        with (root / left.what).open("rb") as file:
            return is_read(left.what) and not is_binary(file.read(8192))
    except (OSError, ValueError):
        return is_read(left.what)


def _canary() -> str:
    """Made-up secrets, always the same: by chance a random one looks like a placeholder, which is passed over."""
    made_up = base64.b32encode(hashlib.sha256(b"made up, and no secret").digest()).decode()
    password, key = made_up[:20].lower(), made_up[20:36]
    return f'password = "{password}"\nkey = "AKIA{key}"\n"-----BEGIN RSA {"PRIVATE"} KEY-----"\n'
