"""docs/report.schema.json is current, and what is written keeps to it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from reports import schema
from reports.report import Report, Seal
from tasks.canonical import canonical

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


def test_a_report_without_its_seal_does_not(good_day: Report, seal: Sealed) -> None:
    data = json.loads(canonical(schema.file_data(good_day, seal(good_day))))
    del data["seal"]
    with pytest.raises(ValidationError, match="seal"):
        Draft202012Validator(schema.document()).validate(data)
