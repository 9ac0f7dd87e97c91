"""The health report of a service, read from JSON without trusting any of it."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tasks.check_result import msg
from tasks.health.facts import Component, HealthBody
from tasks.observation import ObservationError, printable
from tasks.secrets import masked

_MOST_COMPONENTS = 50
_LONGEST_VERSION = 200


def parse_health(body: bytes, content_type: str) -> HealthBody:
    """A health report in JSON: `status`, `version`, `timestamp`, and `checks` or `components` (list or object).

    Raises ObservationError if it is something else, or if a name occurs twice in an object.
    """
    try:
        # Masked before anything is cut: half a secret would not be recognised any more.
        data = masked(json.loads(body, object_pairs_hook=_unique_keys, parse_constant=_no_number))
    except (ValueError, RecursionError):
        kind = printable(content_type.partition(";")[0].strip(), 60) or "no content type"
        raise ObservationError(msg("The health report is not JSON but {kind}", kind=kind)) from None
    if not isinstance(data, dict) or not isinstance(data.get("status"), str):
        raise ObservationError(msg("The health report has no text field {field}", field="status"))
    components = [c for key in ("checks", "components") for c in _components(data.get(key))]
    if len(components) > _MOST_COMPONENTS:
        raise _no_list()
    return HealthBody(
        status=printable(data["status"], 60),
        version=_version(data.get("version")),
        timestamp=_timestamp(data.get("timestamp")),
        components=tuple(components),
    )


def _no_list() -> ObservationError:
    most = _MOST_COMPONENTS
    return ObservationError(
        msg("The components of the health report are not a list of at most {most} entries", most=most)
    )


def _components(checks: Any) -> Iterator[Component]:
    if checks is None:
        return
    if isinstance(checks, dict):
        checks = [{**(c if isinstance(c, dict) else {"status": c}), "name": name} for name, c in checks.items()]
    if not isinstance(checks, list):
        raise _no_list()
    for check in checks:
        if not (isinstance(check, dict) and all(isinstance(check.get(key), str) for key in ("name", "status"))):
            raise ObservationError(msg("A component of the health report has no name or no status"))
        message = check.get("message")
        yield Component(
            printable(check["name"], 60),
            printable(check["status"], 60),
            _milliseconds(check.get("responseTime")),
            printable(message, 200) if isinstance(message, str) else "",
        )


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of two values under one key, Python would keep the last and hide the first."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ObservationError(msg("The health report contains {key} twice", key=printable(twice, 60)))
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _version(value: Any) -> str | None:
    """A version that can be compared; one that would have to be cut could hide a difference."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    return printable(text) if 0 < len(text) <= _LONGEST_VERSION else None


def _milliseconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ObservationError(msg("A response time in the health report is not a number of milliseconds"))
    return float(value)


def _timestamp(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ObservationError(msg("The timestamp of the health report is not ISO 8601")) from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
