"""Findings as SARIF 2.1.0: one run for each scanner, with places but without code."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from tasks.outside import external_text
from tasks.secrets import masked
from tasks.security.facts.scans import Completeness, Finding, Kind, Known, Rating, Scan
from tasks.security.findings.states import FindingState, finding_state
from tasks.security.findings.waivers import Reviewed, Waiver, WaiverReview

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "opsroundsFinding/v1"
_ROOT = "%SRCROOT%"
_MOST_CHARS = 1000
_LEVELS = {Rating.LOW: "note", Rating.MEDIUM: "warning"}
_BASELINE = {FindingState.NEW: "new", FindingState.REOPENED: "new", FindingState.FIXED: "absent"}


def sarif(service: str, review: WaiverReview, scans: Sequence[Scan], now: datetime) -> str:
    """The findings of a review; a scanner that has found nothing has a run without results.

    A scan that is not complete makes its run unsuccessful, with the reason: no findings are then no good news.
    """
    scanners = sorted({one.known.scanner for one in review.findings} | {scan.target.scanner for scan in scans})
    runs = [
        _run(
            f"opsrounds/{service}/{scanner}/",
            scanner,
            [one for one in review.findings if one.known.scanner == scanner],
            [scan for scan in scans if scan.target.scanner == scanner],
            now,
        )
        for scanner in scanners
    ]
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": runs}
    return json.dumps(log, ensure_ascii=False, indent=2) + "\n"


def _run(name: str, scanner: str, findings: Sequence[Reviewed], scans: Sequence[Scan], now: datetime) -> dict[str, Any]:
    rules: dict[str, Finding] = {}
    for one in findings:
        rules.setdefault(one.known.finding.rule, one.known.finding)
    places = {rule: place for place, rule in enumerate(sorted(rules))}
    driver: dict[str, Any] = {"name": scanner, "rules": [_rule(rules[rule]) for rule in sorted(rules)]}
    if scans:
        driver["version"] = external_text(max(scans, key=lambda scan: scan.at).version)
    ordered = sorted(
        findings, key=lambda one: (one.known.finding.path, one.known.finding.line or 0, one.known.fingerprint)
    )
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "automationDetails": {"id": name},
        "columnKind": "utf16CodeUnits",
        "results": [_result(one, places[one.known.finding.rule], now) for one in ordered],
    }
    if scans:
        run["invocations"] = [_invocation(scan) for scan in sorted(scans, key=lambda scan: scan.target.name)]
    return run


def _rule(finding: Finding) -> dict[str, Any]:
    rule = {"id": external_text(finding.rule), "shortDescription": {"text": _words(finding.title)}}
    if finding.kind is Kind.DEPENDENCY:
        others = [external_text(name) for name in finding.aliases if name != finding.rule]
        return rule | ({"properties": {"aliases": others}} if others else {})
    return rule


def _result(one: Reviewed, rule: int, now: datetime) -> dict[str, Any]:
    known, finding = one.known, one.known.finding
    result: dict[str, Any] = {
        "ruleId": external_text(finding.rule),
        "ruleIndex": rule,
        "level": _LEVELS.get(finding.rating, "error"),
        "message": {"text": _message(finding)},
        "locations": [{"physicalLocation": _location(finding)}],
        "fingerprints": {FINGERPRINT: known.fingerprint},
        "partialFingerprints": {"opsroundsKey/v1": finding.key},
        "baselineState": _BASELINE.get(finding_state(known, None, now), "unchanged"),
        "properties": _properties(known),
        "suppressions": [] if one.waiver is None else [_suppression(one.waiver)],
    }
    return result


def _message(finding: Finding) -> str:
    if not finding.package:
        return _words(finding.title)
    fix = f"fixed in {', '.join(finding.fixed_in)}" if finding.fixed_in else "no fix is published"
    return _words(f"{finding.package} {finding.version}: {finding.title or finding.rule} ({fix})")


def _location(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": quote(masked(finding.path)), "uriBaseId": _ROOT}}
    if finding.line is not None and finding.line > 0:
        location["region"] = {"startLine": finding.line}
    return location


def _properties(known: Known) -> dict[str, Any]:
    finding = known.finding
    properties: dict[str, Any] = {
        "kind": finding.kind,
        "severity": finding.rating,
        "confidence": finding.confidence,
        "firstSeen": _at(known.first_seen),
        "lastSeen": _at(known.last_seen),
        "reopened": known.reopened,
    }
    if finding.package:
        properties |= {"ecosystem": finding.ecosystem, "package": finding.package, "version": finding.version}
        properties = {key: external_text(v) if isinstance(v, str) else v for key, v in properties.items()}
    return properties


def _suppression(waiver: Waiver) -> dict[str, Any]:
    note = f": {waiver.note}" if waiver.note else ""
    return {
        "kind": "external",
        "status": "accepted",
        "justification": _words(f"{waiver.reason}{note}"),
        "properties": {
            "reason": waiver.reason,
            "owner": external_text(waiver.owner),
            "expires": f"{waiver.expires}",
            "scope": external_text(waiver.scope),
        },
    }


def _invocation(scan: Scan) -> dict[str, Any]:
    complete = scan.completeness is Completeness.COMPLETE
    invocation: dict[str, Any] = {
        "executionSuccessful": complete,
        "startTimeUtc": _at(scan.at),
        "endTimeUtc": _at(scan.at + timedelta(seconds=scan.seconds)),
        "properties": {"target": external_text(scan.target.name), "completeness": scan.completeness},
    }
    if not complete:
        words = _words(scan.reason.text.format(**scan.reason.params))
        level = "error" if scan.completeness is Completeness.FAILED else "warning"
        invocation["toolExecutionNotifications"] = [{"level": level, "message": {"text": words}}]
    return invocation


def _words(text: str) -> str:
    return external_text(text, _MOST_CHARS) or "-"


def _at(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
