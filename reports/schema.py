"""The published form of report.json: `python -m reports.schema` rewrites docs/report.schema.json."""

import json
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from reports.report import Report, Seal, json_schema, to_data


def file_data(report: Report, seal: Seal) -> dict[str, object]:
    """What report.json holds: the report's data and its `seal`.

    The digest is the SHA-256 of the canonical text without `seal`.
    """
    return {**to_data(report), "seal": asdict(seal)}


def document() -> dict[str, object]:
    """The JSON schema of report.json."""
    schema = json_schema()
    properties, required = schema["properties"], schema["required"]
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    seal = TypeAdapter(Seal).json_schema()
    return {**schema, "properties": {**properties, "seal": seal}, "required": [*required, "seal"]}


def text() -> str:
    """The schema as its file has it."""
    return json.dumps(document(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path("docs/report.schema.json").write_text(text(), encoding="utf-8")
