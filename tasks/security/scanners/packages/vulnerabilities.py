"""Vulnerabilities of packages, as findings with keys that stay."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tasks.outside import external_text
from tasks.security.advisories.ratings import rating
from tasks.security.advisories.records import Record, fixed_versions
from tasks.security.facts.scans import Confidence, Finding, Kind, Package, Rating

_BEST_KNOWN = ("CVE-", "GHSA-", "PYSEC-")


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """A vulnerability of a package, as an advisory source gives it; `ids` are all its ids."""

    package: Package
    ids: frozenset[str]
    title: str
    rating: Rating
    fixed_in: tuple[str, ...]


def grouped(package: Package, records: Mapping[str, Record | None]) -> Iterable[Vulnerability]:
    """One vulnerability for all records that have an id in common; withdrawn ones are none.

    A record that the endpoint names and does not have is a vulnerability of which no more is known.
    """
    groups: list[tuple[frozenset[str], list[Record]]] = []
    for identity, record in records.items():
        if record is not None and record.withdrawn:
            continue
        ids, members = frozenset((identity, *(record.ids if record else ()))), [record] if record else []
        for group in [group for group in groups if group[0] & ids]:
            groups.remove(group)
            ids, members = ids | group[0], [*group[1], *members]
        groups.append((ids, members))
    for ids, members in groups:
        title = next((record.summary for record in members if record.summary), "")
        yield Vulnerability(package, ids, title, rating(members), fixed_versions(members, package))


def as_findings(vulnerabilities: Iterable[Vulnerability], path: str) -> tuple[Finding, ...]:
    """A finding for each vulnerability of each package, each with a key of its own.

    The key is made of the smallest id; where two of one package share it (two versions, or two records with a common
    alias that the source lists apart), the version and then the ids tell the later ones apart.
    """
    ordered = sorted(vulnerabilities, key=lambda one: (one.package.name, one.package.version, sorted(one.ids)))
    taken: set[str] = set()
    findings = []
    for one in ordered:
        parts = (one.package.ecosystem, one.package.name, min(one.ids))
        ways = (parts, (*parts, one.package.version), (*parts, one.package.version, *sorted(one.ids)))
        if (own := next((way for way in ways if _key(*way) not in taken), None)) is not None:
            taken.add(_key(*own))
            findings.append(_finding(one, own, path))
    return tuple(findings)


def best_known(ids: Iterable[str]) -> str:
    """The id that people know a vulnerability by: CVE before GHSA before PYSEC before any other."""

    def place(one: str) -> tuple[int, str]:
        return next((at for at, start in enumerate(_BEST_KNOWN) if one.startswith(start)), len(_BEST_KNOWN)), one

    return min(ids, key=place)


def _finding(one: Vulnerability, parts: Sequence[str], path: str) -> Finding:
    return Finding(
        kind=Kind.DEPENDENCY,
        key=_key(path, *parts),
        body=_key(*parts),
        rule=external_text(best_known(one.ids), 100),
        title=external_text(one.title),
        rating=one.rating,
        confidence=Confidence.HIGH,
        path=path,
        package=one.package.name,
        version=one.package.version,
        ecosystem=one.package.ecosystem,
        fixed_in=one.fixed_in,
        aliases=tuple(sorted(external_text(identity, 100) for identity in one.ids)),
    )


def _key(*parts: str) -> str:
    return hashlib.sha256(json.dumps(["1", "dependency", *parts]).encode()).hexdigest()
