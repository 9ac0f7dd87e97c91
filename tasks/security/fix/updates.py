"""Which upgrade fixes which vulnerable package. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.security.facts.scans import Finding, Kind, Known, Rating
from tasks.security.fix.versions import Version, parse_version, shared


@dataclass(frozen=True, slots=True)
class Update:
    """A vulnerable package of a lock file and the smallest version that fixes whatever can be fixed.

    `to` is None when no fix is published for any of its findings; `fixes` and `stays` are the fingerprints of those
    that the upgrade fixes, and of those that it does not.
    """

    path: str
    ecosystem: str
    package: str
    version: str
    to: str | None
    rating: Rating
    advisories: tuple[str, ...]
    fixes: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()


def find_updates(known: Iterable[Known]) -> tuple[Update, ...]:
    """One update for each vulnerable package of a lock file with open findings, the most severe first."""
    groups: defaultdict[tuple[str, str, str, str], list[Known]] = defaultdict(list)
    for one in known:
        f = one.finding
        if one.is_open and f.kind is Kind.DEPENDENCY:
            groups[(f.path, f.ecosystem, f.package, f.version)].append(one)
    updates = [_update(group) for group in groups.values()]
    return tuple(sorted(updates, key=lambda update: (-update.rating.rank, update.path, update.package, update.version)))


def _update(group: Sequence[Known]) -> Update:
    finding = group[0].finding
    fixable = [one for one in group if _fixes_of(one.finding)]
    to = _smallest([one.finding for one in fixable])
    return Update(
        finding.path,
        finding.ecosystem,
        finding.package,
        finding.version,
        to,
        max((one.finding.rating for one in group), key=lambda rating: rating.rank),
        tuple(sorted({one.finding.rule for one in group})),
        tuple(one.fingerprint for one in fixable),
        tuple(one.fingerprint for one in group if one not in fixable),
    )


def _smallest(findings: Sequence[Finding]) -> str | None:
    """The smallest published fix that fixes every finding; a pre-release only if there is nothing else."""
    fixes = {version: text for finding in findings for version, text in _fixes_of(finding).items()}
    for candidate in sorted(fixes, key=_stable_first):
        if all(_is_fixed(candidate, _fixes_of(finding)) for finding in findings):
            return fixes[candidate]
    return None


def _stable_first(version: Any) -> tuple[bool, Any]:
    return version.is_prerelease, version


def _fixes_of(finding: Finding) -> dict[Any, str]:
    """The versions above the installed one in which a finding is fixed; none if a version cannot be compared."""
    installed = parse_version(finding.ecosystem, finding.version)
    if installed is None:
        return {}
    parsed = {parse_version(finding.ecosystem, text): text for text in finding.fixed_in}
    return {version: text for version, text in parsed.items() if version is not None and _above(version, installed)}


def _above(version: Any, installed: Any) -> bool:
    return bool(version > installed)


def _is_fixed(version: Any, fixes: Iterable[Version]) -> bool:
    """True when a version is surely fixed: a fix of an older line of releases does not vouch for a newer line.

    Fixed in 1.0.5 and in 2.0.3: 1.0.9 and 2.1 are fixed, 2.0.1 is not.
    """
    listed: list[Any] = list(fixes)
    below = max((fix for fix in listed if fix <= version), default=None)
    if below is None:
        return False
    later = [fix for fix in listed if fix > version]
    return below == version or all(shared(below, version) > shared(fix, version) for fix in later)
