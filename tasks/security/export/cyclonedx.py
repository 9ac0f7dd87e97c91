"""The packages of the lock files and their vulnerabilities as a CycloneDX bill of materials."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.impact_analysis import (
    ImpactAnalysisJustification,
    ImpactAnalysisResponse,
    ImpactAnalysisState,
)
from cyclonedx.model.tool import ToolRepository
from cyclonedx.model.vulnerability import (
    BomTarget,
    Vulnerability,
    VulnerabilityAnalysis,
    VulnerabilityRating,
    VulnerabilityReference,
    VulnerabilitySeverity,
    VulnerabilitySource,
)
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tasks.outside import external_text
from tasks.security.export.gaps import scan_gap
from tasks.security.facts.scans import Finding, Kind, Package, Scan
from tasks.security.findings.reasons import WaiverReason
from tasks.security.findings.waivers import Reviewed, Waiver, WaiverReview

_MOST_CHARS = 1000
_TYPES = {"PyPI": "pypi", "npm": "npm"}
_NOT_AFFECTED = {
    WaiverReason.COMPONENT_NOT_PRESENT: ImpactAnalysisJustification.CODE_NOT_PRESENT,
    WaiverReason.CODE_NOT_PRESENT: ImpactAnalysisJustification.CODE_NOT_PRESENT,
    WaiverReason.CODE_NOT_REACHED: ImpactAnalysisJustification.CODE_NOT_REACHABLE,
    WaiverReason.MITIGATED: ImpactAnalysisJustification.PROTECTED_BY_MITIGATING_CONTROL,
    WaiverReason.CODE_NOT_CONTROLLED: None,  # CycloneDX has no word for it: the detail says it
}
_OPEN = {
    WaiverReason.RISK_ACCEPTED: ImpactAnalysisResponse.WILL_NOT_FIX,
    WaiverReason.FIX_PLANNED: ImpactAnalysisResponse.UPDATE,
}


def cyclonedx(
    service: str, packages: Iterable[Package], review: WaiverReview, scans: Iterable[Scan], now: datetime
) -> str:
    """A CycloneDX 1.6 document in JSON, with the open findings; the same input always gives the same text.

    How far each scan of packages came is a property: without a complete one, no vulnerability is no good news.
    A vulnerable package that is not among `packages`, such as one of an environment, is a component too.
    """
    found = [one for one in review.findings if one.known.is_open and one.known.finding.kind is Kind.DEPENDENCY]
    of_findings = (_package(one.known.finding) for one in found)
    components = {purl.to_string(): _component(purl) for purl in map(_purl, (*packages, *of_findings))}
    root = Component(name=service, type=ComponentType.APPLICATION, bom_ref=f"service:{service}")
    bom = Bom(
        components=[components[purl] for purl in sorted(components)],
        vulnerabilities=list(_vulnerabilities(found)),
        metadata=BomMetaData(
            timestamp=now,
            component=root,
            properties=[_extent(scan) for scan in scans if scan.target.kind is Kind.DEPENDENCY],
            tools=ToolRepository(components=[Component(name="opsrounds", type=ComponentType.APPLICATION)]),
        ),
        serial_number=UUID(int=0),
    )
    bom.register_dependency(root, bom.components)  # lock files say what is there, not what asked for it
    digest = hashlib.sha256(_text(bom).encode()).hexdigest()
    bom.serial_number = uuid5(NAMESPACE_URL, f"opsrounds:{service}:{digest}")
    return _text(bom) + "\n"


def purl_of(package: Package) -> str:
    """The package URL of a package."""
    return _purl(package).to_string()


def _extent(scan: Scan) -> Property:
    target = external_text(scan.target.subject)
    return Property(name="opsrounds:scan", value=f"{target}: {scan_gap(scan) or scan.completeness}")


def _text(bom: Bom) -> str:
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _purl(package: Package) -> PackageURL:
    scope, slash, name = package.name.rpartition("/")
    kind = _TYPES.get(package.ecosystem, "generic")
    return PackageURL(kind, scope if slash else None, name, package.version or None)


def _component(purl: PackageURL) -> Component:
    return Component(name=purl.name, group=purl.namespace, version=purl.version, purl=purl, bom_ref=purl.to_string())


def _package(finding: Finding) -> Package:
    return Package(finding.ecosystem, finding.package, finding.version)


def _vulnerabilities(found: Iterable[Reviewed]) -> Iterator[Vulnerability]:
    """One for each advisory and waiver: a vulnerability has one analysis, whatever it affects."""
    groups: defaultdict[tuple[str, str], list[Reviewed]] = defaultdict(list)
    for one in found:
        waiver = "" if one.waiver is None else one.waiver.model_dump_json()
        groups[(one.known.finding.rule, waiver)].append(one)
    for rule, analysis in sorted(groups):
        group = sorted(groups[(rule, analysis)], key=lambda one: one.known.fingerprint)
        yield _vulnerability(group)


def _vulnerability(group: list[Reviewed]) -> Vulnerability:
    first = group[0]
    finding = first.known.finding
    refs = sorted({purl_of(_package(one.known.finding)) for one in group})
    name = external_text(finding.rule)
    source = VulnerabilitySource(name=_source(name))
    worst = max((one.known.finding.rating for one in group), key=lambda rating: rating.rank)
    others = sorted({external_text(other) for one in group for other in one.known.finding.aliases} - {name})
    fixes = sorted({f"{one.known.finding.package} {fix}" for one in group for fix in one.known.finding.fixed_in})
    return Vulnerability(
        bom_ref=f"finding:{first.known.fingerprint}",
        id=name,
        source=source,
        references=[VulnerabilityReference(id=o, source=VulnerabilitySource(name=_source(o))) for o in others],
        ratings=[VulnerabilityRating(severity=VulnerabilitySeverity(worst.value))],
        description=external_text(finding.title, _MOST_CHARS),
        recommendation=external_text(f"Upgrade to {', '.join(fixes)}", _MOST_CHARS) if fixes else None,
        analysis=_analysis(first),
        affects=[BomTarget(ref=ref) for ref in refs],
    )


def _source(advisory: str) -> str:
    """Who gives an advisory its id: the part before its first dash, as OSV's ids are built."""
    return {"CVE": "NVD", "GHSA": "GitHub Advisories"}.get(advisory.partition("-")[0], "OSV")


def _analysis(one: Reviewed) -> VulnerabilityAnalysis:
    if one.waiver is None:
        return VulnerabilityAnalysis(state=ImpactAnalysisState.IN_TRIAGE)
    waiver = one.waiver
    state = ImpactAnalysisState.EXPLOITABLE
    if waiver.reason in _NOT_AFFECTED:
        state = ImpactAnalysisState.NOT_AFFECTED
    elif waiver.reason is WaiverReason.FALSE_POSITIVE:
        state = ImpactAnalysisState.FALSE_POSITIVE
    response = _OPEN.get(waiver.reason)
    return VulnerabilityAnalysis(
        state=state,
        justification=_NOT_AFFECTED.get(waiver.reason),
        responses=[] if response is None else [response],
        detail=external_text(_detail(waiver), _MOST_CHARS),
    )


def _detail(waiver: Waiver) -> str:
    note = f": {waiver.note}" if waiver.note else ""
    return f"{waiver.reason}, {waiver.owner}, until {waiver.expires}{note}"
