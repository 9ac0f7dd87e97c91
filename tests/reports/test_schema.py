"""docs/report.schema.json is current, and what is written keeps to it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from reports import schema
from reports.report import Report, Seal, UnreadableReport, from_text, to_data
from tasks.canonical import canonical
from tasks.check_result import Chart, msg

Sealed = Callable[[Report], Seal]


def test_the_published_schema_is_current(root: Path) -> None:
    published = (root / "docs" / "report.schema.json").read_text(encoding="utf-8")
    assert published == schema.text(), "run `python -m reports.schema`"
    Draft202012Validator.check_schema(json.loads(published))


@pytest.mark.parametrize("name", ["bad_day", "good_day", "hostile", "many_failures"])
def test_a_written_report_keeps_to_it(name: str, seal: Sealed, request: pytest.FixtureRequest) -> None:
    report: Report = request.getfixturevalue(name)
    data = json.loads(canonical(schema.file_data(report, seal(report))))
    Draft202012Validator(schema.document()).validate(data)
    stated = data.pop("seal")["digest"]
    assert hashlib.sha256(canonical(data).encode()).hexdigest() == stated


@pytest.mark.parametrize("name", ["bad_day", "hostile", "many_failures"])
def test_evidence_of_every_kind_is_read_as_it_was_written(name: str, request: pytest.FixtureRequest) -> None:
    report: Report = request.getfixturevalue(name)
    assert from_text(canonical(to_data(report))) == report


def test_evidence_that_was_stored_before_there_were_curves_is_read(bad_day: Report) -> None:
    text = {"text": "Error rate by module", "params": {}}
    chart = {"kind": "chart", "title": text, "finding": text, "unit": "%", "labels": ["a"], "values": [1.5], "limit": 1}
    data = json.loads(canonical(to_data(bad_day)))
    data["results"][3]["evidence"] = [chart]
    assert from_text(json.dumps(data)).results[3].evidence == (
        Chart(msg("Error rate by module"), msg("Error rate by module"), "%", ("a",), (1.5,), 1.0),
    )


def test_a_damaged_curve_is_an_unreadable_report(bad_day: Report) -> None:
    data = json.loads(canonical(to_data(bad_day)))
    (curve,) = (piece for r in data["results"] for piece in r["evidence"] if piece["kind"] == "curve")
    curve["at"][0] = "2026-02-31T00:00Z"
    with pytest.raises(UnreadableReport):
        from_text(json.dumps(data))


def test_a_report_without_its_seal_does_not(good_day: Report, seal: Sealed) -> None:
    data = json.loads(canonical(schema.file_data(good_day, seal(good_day))))
    del data["seal"]
    with pytest.raises(ValidationError, match="seal"):
        Draft202012Validator(schema.document()).validate(data)
