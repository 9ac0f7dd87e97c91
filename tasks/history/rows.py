"""A report's results as rows: what is stored beside the report, and what verification must find there."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tasks.canonical import canonical


def result_rows(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of `check_results`, without their run, of results as JSON data."""
    return [
        {
            "position": position,
            "check_id": result["check"],
            "subject": result["subject"].replace("\x00", "\ufffd"),  # PostgreSQL keeps no NUL
            "status": result["status"],
            "severity": result["severity"],
            "observed_at": datetime.fromisoformat(result["observed_at"]).astimezone(UTC),
            "result": canonical({name: value for name, value in result.items() if name != "evidence"}),
        }
        for position, result in enumerate(results)
    ]


def evidence_rows(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of `evidence`, without their run, of results as JSON data."""
    return [
        {"position": position, "item": item, "content": canonical(content)}
        for position, result in enumerate(results)
        for item, content in enumerate(result["evidence"])
    ]
