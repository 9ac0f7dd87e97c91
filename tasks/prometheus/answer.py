"""Prometheus's answers, read from JSON without trusting any of it."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.check_result import msg
from tasks.observation import ObservationError, shown
from tasks.outside import said
from tasks.prometheus.facts import Point

_MOST_SERIES = 10_000
_HINT = "PromQL info: "


@dataclass(frozen=True, slots=True)
class Data:
    """The `data` of a successful answer: `kind` is vector, matrix, scalar or string."""

    kind: str
    result: Any


def parse_answer(status: int, body: bytes, content_type: str) -> Data:
    """The data of an answer to a query or a range query.

    Raises ObservationError for an HTTP error, anything but Prometheus's JSON, a PromQL error, and for a partial answer.
    """
    answer = _decoded(body)
    if isinstance(answer, dict) and answer.get("status") == "error":
        kind, why = shown(str(answer.get("errorType")), 60), said(str(answer.get("error")))
        raise ObservationError(msg("Prometheus refuses the query ({kind}): {why}", kind=kind, why=why))
    if status != 200:
        raise ObservationError(msg("Prometheus answered HTTP {code}", code=str(status)))
    data = answer.get("data") if isinstance(answer, dict) and answer.get("status") == "success" else None
    if not isinstance(data, dict) or not isinstance(data.get("resultType"), str) or "result" not in data:
        kind = shown(content_type.partition(";")[0].strip(), 60) or "no content type"
        raise ObservationError(msg("The answer is not Prometheus's JSON but {kind}: check prometheus_url", kind=kind))
    # A storage that did not answer is a warning here: what it knows is missing from the result. Hints about the
    # query itself stand among the warnings of Prometheus 2 too.
    told = answer.get("warnings") or []
    warnings = [text for text in map(str, told if isinstance(told, list) else [told]) if not text.startswith(_HINT)]
    if warnings:
        raise ObservationError(msg("Prometheus warns that its answer is not whole: {why}", why=said(warnings[0])))
    return Data(data["resultType"], data["result"])


def points(data: Data) -> tuple[Point, ...]:
    """The series of an instant query with their one value each; a scalar is one without labels."""
    if data.kind == "scalar":
        return (Point({}, *_value(data.result)),)
    if data.kind != "vector" or not isinstance(data.result, list):
        raise ObservationError(msg("The query gives a {kind}, not numbers of one instant", kind=shown(data.kind, 20)))
    if len(data.result) > _MOST_SERIES:
        raise ObservationError(msg("The query gives more than {most} series", most=_MOST_SERIES))
    return tuple(_point(series) for series in data.result)


def one_number(found: Sequence[Point]) -> float:
    """The number where one was meant; raises ObservationError for none, several, and for NaN or infinity."""
    if not found:
        raise ObservationError(msg("The query gives no series: is the metric still there?"))
    if len(found) > 1:
        raise ObservationError(msg("The query gives {n} series, not one number", n=len(found)))
    if not math.isfinite(value := found[0].value):
        raise ObservationError(msg("The query gives {value}, not a number", value=str(value)))
    return value


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _point(series: Any) -> Point:
    labels = series.get("metric") if isinstance(series, dict) else None
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise _malformed()
    if "histogram" in series and "value" not in series:
        raise ObservationError(msg("The query gives a histogram, not a number"))
    return Point(labels, *_value(series.get("value")))


def _value(pair: Any) -> tuple[float, float]:
    """(value, Unix time) of Prometheus's [time, "value"]."""
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], str):
        raise _malformed()
    try:
        return float(pair[1]), float(pair[0])
    except (TypeError, ValueError):
        raise _malformed() from None


def _malformed() -> ObservationError:
    return ObservationError(msg("A series of Prometheus's answer has another form than its API says"))
