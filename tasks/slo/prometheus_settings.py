"""[slo.prometheus] of a service file: where a Prometheus keeps requests, durations and probes."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from tasks.configuration import Called, Model, each_once

_MATCHER = r'[a-zA-Z_][a-zA-Z0-9_]*\s*(=|!=|=~|!~)\s*"([^"\\\n{}]|\\[^\n{}])*"'


def _metric(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", value):
        raise ValueError("is not a metric name: use letters, digits, _ and :, such as http_requests_total")
    return value


def _base(value: str) -> str:
    for ending in ("_bucket", "_count", "_sum"):
        if value.endswith(ending):
            raise ValueError(f"must be the histogram's name without {ending}: {value.removesuffix(ending)}")
    return _metric(value)


def _label(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", value) or value.startswith("__"):
        raise ValueError("is not a label name: use letters, digits and _, such as module")
    if value in ("le", "sli"):
        raise ValueError(f"{value} cannot be used as a label here: the queries use it themselves")
    return value


def _matchers(value: str) -> str:
    if value.strip() and not re.fullmatch(rf"\s*{_MATCHER}(\s*,\s*{_MATCHER})*\s*", value):
        raise ValueError('must be label matchers such as job="shop", separated by commas and without braces')
    if "__name__" in value:
        raise ValueError("must not match the metric's name: set requests and duration")
    return value.strip()


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


Metric = Annotated[str, AfterValidator(_metric), Called("metric name", "metric names")]
Histogram = Annotated[str, AfterValidator(_base), Called("metric name", "metric names")]
Label = Annotated[str, AfterValidator(_label), Called("label", "labels")]
Matchers = Annotated[str, AfterValidator(_matchers), Called("label matchers", "label matchers")]
PromQl = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), Called("PromQL", "PromQL")]
Regex = Annotated[
    str, StringConstraints(min_length=1), AfterValidator(_regex), Called("regular expression", "regular expressions")
]


class PrometheusSli(Model):
    """What the metrics and labels of a service's requests are called; exporters differ.

    The defaults are those of OpenMetrics clients with one histogram of durations.
    """

    requests: Metric = "http_request_duration_seconds_count"
    """Counter of requests."""

    selector: Matchers = ""
    """Label matchers that are put into every query, such as `'job="shop"'`."""

    status_label: Label = "status"
    """Label with the HTTP status."""

    bad_status: Regex = "5.."
    """Regular expression for the whole value of `status_label` of a bad request."""

    good_status: Regex = "[1-4].."
    """Regular expression for the whole value of `status_label` of a good request. One with neither a bad nor a good
    value, or without the label, may have failed: where the target depends on these, it is UNKNOWN."""

    duration: Histogram | None = "http_request_duration_seconds"
    """Histogram of durations, its name without `_bucket`."""

    duration_unit: Literal["s", "ms"] = "s"
    """Unit of that histogram."""

    module_label: Label = "module"
    """Label with the module."""

    route_label: Label = "route"
    """Label with the route."""

    instance_labels: Annotated[tuple[Label, ...], Field(min_length=1)] = ("job", "instance")
    """Labels that together name one process: all its counters begin again together."""

    resolution_s: Literal[1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60] = 15
    """Step at which counter resets are searched for, in seconds: at most the scrape interval; a smaller one costs
    Prometheus more."""

    probe: PromQl | None = None
    """Expression that gives one series of 1 or 0, such as `min(probe_success{job="shop"})`; for uptime with `source` =
    `"prometheus"`."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        each_once(self.instance_labels, "an instance label")
        named = (self.module_label, self.route_label, self.status_label)
        each_once(named, "one of module_label, route_label and status_label")
        return self
