"""Prometheus's answers, read from JSON without trusting any of it."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import numpy as np

from tasks.check_result import msg
from tasks.observation import ObservationError, printable
from tasks.outside import external_text
from tasks.prometheus.facts import Point, PrometheusAlert, Track

T = TypeVar("T")
_MOST_SERIES = 10_000
_MOST_ALERTS = 2_000
_HINT = "PromQL info: "
_FRACTION = re.compile(r"\.\d+")
"""Prometheus writes nanoseconds."""


class TooMuch(ObservationError):
    """The query was too much for Prometheus or for its reader: of a shorter time it may have an answer."""


@dataclass(frozen=True, slots=True)
class Data:
    """The `data` of a successful answer: `kind` is vector, matrix, scalar or string, `result` still JSON."""

    kind: str
    result: msgspec.Raw


class _Answer(msgspec.Struct):
    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    error_type: Any = msgspec.field(default=None, name="errorType")
    error: Any = None
    warnings: Any = None


class _Data(msgspec.Struct):
    kind: str = msgspec.field(name="resultType")
    result: msgspec.Raw


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []
    histograms: msgspec.Raw = msgspec.Raw(b"")


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    state: str
    active_at: str = msgspec.field(default="", name="activeAt")
    annotations: dict[str, str] = {}


class _Alerts(msgspec.Struct):
    alerts: list[_Alert]


def parse_answer(status: int, body: bytes | bytearray, content_type: str) -> Data:
    """The data of an answer to a query or a range query.

    Raises ObservationError for an HTTP error, anything but Prometheus's JSON, a PromQL error, and for a partial answer.
    """
    data = _decoded(_payload(status, body, content_type), _Data)
    if data is None:
        raise _not_prometheus(content_type)
    return Data(data.kind, data.result)


def parse_alerts(status: int, body: bytes | bytearray, content_type: str) -> tuple[PrometheusAlert, ...]:
    """The alerts that are pending or firing. Raises ObservationError as `parse_answer` does."""
    data = _decoded(_payload(status, body, content_type), _Alerts)
    if data is None:
        raise _not_prometheus(content_type)
    if len(data.alerts) > _MOST_ALERTS:
        raise ObservationError(msg("Prometheus reports more than {most} alerts", most=_MOST_ALERTS))
    return tuple(map(_alert, data.alerts))


def _alert(found: _Alert) -> PrometheusAlert:
    labels = {printable(name, 100): external_text(value) for name, value in found.labels.items()}
    try:
        since = datetime.fromisoformat(_FRACTION.sub("", found.active_at))
    except ValueError:
        since = None
    if since is None or since.utcoffset() is None:
        raise ObservationError(_MALFORMED)
    summary = external_text(found.annotations.get("summary") or found.annotations.get("description") or "")
    return PrometheusAlert(labels, found.state == "firing", since.astimezone(UTC), summary)


def _payload(status: int, body: bytes | bytearray, content_type: str) -> msgspec.Raw:
    """What an answer of whatever kind holds, if it is a whole one."""
    answer = _decoded(body, _Answer)
    if answer is not None and answer.status == "error":
        raise _refused(str(answer.error_type or "error"), str(answer.error or ""))
    if status != 200:
        raise ObservationError(msg("Prometheus returned HTTP {code}", code=str(status)))
    if answer is None or answer.status != "success":
        raise _not_prometheus(content_type)
    # A storage that did not answer is a warning here: what it knows is missing from the result. Hints about the
    # query itself stand among the warnings of Prometheus 2 too.
    reported = answer.warnings or []
    warnings = [
        text for text in map(str, reported if isinstance(reported, list) else [reported]) if not text.startswith(_HINT)
    ]
    if warnings:
        raise ObservationError(
            msg("Prometheus warns that its response is incomplete: {why}", why=external_text(warnings[0]))
        )
    return answer.data


def _not_prometheus(content_type: str) -> ObservationError:
    kind = printable(content_type.partition(";")[0].strip(), 60) or "no content type"
    return ObservationError(msg("The response is not Prometheus's JSON but {kind}: check prometheus_url", kind=kind))


def points(data: Data) -> tuple[Point, ...]:
    """The series of an instant query with their one value each; a scalar is one without labels."""
    result = _decoded(data.result, object)
    if data.kind == "scalar":
        return (Point({}, *_value(result)),)
    if data.kind != "vector" or not isinstance(result, list):
        raise ObservationError(
            msg("The query returned a {kind}, not numbers at one instant", kind=printable(data.kind, 20))
        )
    _refuse_too_many(result)
    return tuple(_point(series) for series in result)


def tracks(data: Data, steps: range) -> tuple[Track, ...]:
    """The series of a range query that has asked for these times."""
    if data.kind != "matrix":
        raise ObservationError(msg("The query returned a {kind}, not numbers over time", kind=printable(data.kind, 20)))
    result = _decoded(data.result, list[_Series])
    if result is None:
        raise ObservationError(_MALFORMED)
    _refuse_too_many(result)
    return tuple(_track(series, steps) for series in result)


def one_number(found: Sequence[Point]) -> float:
    """The number where one was meant; raises ObservationError for none, several, and for NaN or infinity."""
    if not found:
        raise ObservationError(msg("The query returned no series: check that the metric still exists"))
    if len(found) > 1:
        raise ObservationError(msg("The query returned {n} series: one number is needed", n=len(found)))
    if not math.isfinite(value := found[0].value):
        raise ObservationError(msg("The query returned {value}, not a number", value=str(value)))
    return value


_MALFORMED = msg("A series in Prometheus's response does not have the form that its API describes")
_HISTOGRAM = msg("The query returned a histogram, not a number")


def _decoded(body: bytes | bytearray | msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _refused(kind: str, why: str) -> ObservationError:
    reason = msg("Prometheus refused the query ({kind})", kind=printable(kind, 60))
    if why:
        reason = msg("Prometheus refused the query ({kind}): {why}", kind=printable(kind, 60), why=external_text(why))
    return TooMuch(reason) if kind == "timeout" or "too many samples" in why else ObservationError(reason)


def _refuse_too_many(result: Sequence[object]) -> None:
    if len(result) > _MOST_SERIES:
        raise ObservationError(msg("The query returned more than {most} series", most=_MOST_SERIES))


def _point(series: Any) -> Point:
    labels = series.get("metric") if isinstance(series, dict) else None
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise ObservationError(_MALFORMED)
    if "histogram" in series and "value" not in series:
        raise ObservationError(_HISTOGRAM)
    return Point(labels, *_value(series.get("value")))


def _value(pair: Any) -> tuple[float, float]:
    """(value, Unix time) of Prometheus's [time, "value"]."""
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], str):
        raise ObservationError(_MALFORMED)
    try:
        return float(pair[1]), float(pair[0])
    except (TypeError, ValueError):
        raise ObservationError(_MALFORMED) from None


def _track(series: _Series, steps: range) -> Track:
    if bytes(series.histograms):
        raise ObservationError(_HISTOGRAM)
    try:
        values = np.array([float(value) for _, value in series.values], dtype=np.float64)
    except ValueError:
        raise ObservationError(_MALFORMED) from None
    times = np.array([at for at, _ in series.values], dtype=np.float64)
    off_step = (times - steps.start) % steps.step != 0
    if not times.size or times[0] < steps[0] or times[-1] > steps[-1] or off_step.any() or (np.diff(times) <= 0).any():
        raise ObservationError(_MALFORMED)
    return Track(series.metric, times, values)
