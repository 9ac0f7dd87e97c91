"""What a round's scans mean for the findings that are known: which are new, fixed, reopened, moved. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tasks.security.facts.scans import Change, Completeness, Finding, Kind, Known, Scan, Target


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one finding.

    `known` is None for a new one, `finding` and `target` for one that was not seen; `change` is None for one that is
    open as before.
    """

    known: Known | None
    finding: Finding | None
    target: Target | None
    change: Change | None
    detail: str = ""


def match(known: Sequence[Known], scans: Sequence[Scan]) -> tuple[Outcome, ...]:
    """What one round's scans of one kind say of the known findings of that kind.

    A finding is recognised by its key, a vulnerability also by any id of its advisory, what has moved by its body.
    Only a complete scan closes findings, and only those of its own target; a partial one may see them move. Those of a
    target that is gone are closed when every target that is there was scanned completely. Scans that are reused or
    failed say nothing.
    """
    matching = _Matching(known, scans)
    matching.by_key()
    matching.by_advisory()
    matching.by_body()
    return tuple(matching.outcomes())


@dataclass
class _Matching:
    known: Sequence[Known]
    scans: Sequence[Scan]
    pairs: list[tuple[Known, Target, Finding]] = field(default_factory=list)

    def __post_init__(self) -> None:
        told = [scan for scan in self.scans if not scan.reused and scan.completeness is not Completeness.FAILED]
        self.found = [(scan.target, finding) for scan in told for finding in scan.findings]
        self.unpaired = list(self.known)
        complete = Completeness.COMPLETE
        self.closing = {scan.target.subject for scan in told if scan.completeness is complete}
        self.partly = {scan.target.subject: scan for scan in told if scan.completeness is not complete}
        self.present = {scan.target.subject for scan in self.scans}
        self.all_complete = bool(self.scans) and all(scan.completeness is complete for scan in self.scans)

    def by_key(self) -> None:
        by_key = {known.finding.key: known for known in self.unpaired}
        self._pair(lambda _, finding: by_key.pop(finding.key, None))

    def by_advisory(self) -> None:
        """The advisory of a vulnerability may get other ids: one in common is enough."""
        by_id: dict[tuple[str, str, str, str], Known] = {}
        for known in self.unpaired:
            for place in _advisories(known.finding):
                by_id.setdefault(place, known)

        def find(_: Target, finding: Finding) -> Known | None:
            for place in _advisories(finding):
                if (known := by_id.get(place)) is not None:
                    for own in _advisories(known.finding):
                        by_id.pop(own, None)
                    return known
            return None

        self._pair(find)

    def by_body(self) -> None:
        """What vanished in one place and appeared in another has moved."""
        vanished: defaultdict[str, list[Known]] = defaultdict(list)
        for known in reversed(self.unpaired):
            if known.is_open and (
                self._closes(known) or self._is_gone(known.finding, f"{known.scanner} {known.target}")
            ):
                vanished[known.finding.body].append(known)
        self._pair(lambda _, finding: vanished[finding.body].pop() if vanished.get(finding.body) else None)

    def outcomes(self) -> Iterator[Outcome]:
        for known, target, finding in self.pairs:
            yield Outcome(known, finding, target, *_change(known, finding))
        for target, finding in self.found:
            yield Outcome(None, finding, target, Change.FOUND)
        merged = {place for known, _, finding in self.pairs for place in _advisories(finding)}
        for known in self.unpaired:
            if known.is_open and self._closes(known):
                same = any(place in merged for place in _advisories(known.finding))
                yield Outcome(known, None, None, Change.MERGED if same else Change.FIXED)

    def _pair(self, find: Callable[[Target, Finding], Known | None]) -> None:
        rest = []
        for target, finding in self.found:
            if (known := find(target, finding)) is None:
                rest.append((target, finding))
                continue
            self.pairs.append((known, target, finding))
        taken = {known.fingerprint for known, _, _ in self.pairs}
        self.found, self.unpaired = rest, [known for known in self.unpaired if known.fingerprint not in taken]

    def _closes(self, known: Known) -> bool:
        subject = f"{known.scanner} {known.target}"
        return subject in self.closing or (subject not in self.present and self.all_complete)

    def _is_gone(self, finding: Finding, subject: str) -> bool:
        """True when a partial scan has read the place of a finding, or found no such file, and it is not there.

        That proves no fix, for the scan is not whole; but what appears elsewhere instead is the same finding.
        """
        scan = self.partly.get(subject)
        if scan is None or finding.kind is Kind.DEPENDENCY:
            return False
        missed = [left.what for left in scan.coverage.left_out]
        return not any(finding.path == what or (what[-1:] == "/" and finding.path.startswith(what)) for what in missed)


def _advisories(finding: Finding) -> list[tuple[str, str, str, str]]:
    if finding.kind is not Kind.DEPENDENCY:
        return []
    return [(finding.path, finding.ecosystem, finding.package, advisory) for advisory in finding.aliases]


def _change(known: Known, finding: Finding) -> tuple[Change | None, str]:
    if not known.is_open:
        return Change.REOPENED, ""
    if known.finding.path != finding.path:
        return Change.MOVED, f"{known.finding.path} → {finding.path}"
    return None, ""
