"""[slo.prometheus] of a service file: where a Prometheus keeps requests, durations and probes."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from tasks.configuration import Model, each_once

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


Metric = Annotated[str, AfterValidator(_metric)]
Label = Annotated[str, AfterValidator(_label)]


class PrometheusSli(Model):
    """What the metrics and labels of a service's requests are called; exporters differ.

    The defaults are those of OpenMetrics clients with one histogram of durations.
    """

    requests: Metric = "http_request_duration_seconds_count"
    """The counter of requests."""

    selector: Annotated[str, AfterValidator(_matchers)] = ""
    """Label matchers that every query gets, such as `job="shop"`."""

    status_label: Label = "status"
    bad_status: Annotated[str, StringConstraints(min_length=1), AfterValidator(_regex)] = "5.."
    """A regular expression for the whole value of `status_label`."""

    duration: Annotated[str, AfterValidator(_base)] | None = "http_request_duration_seconds"
    """The histogram's name without `_bucket`; None: there is none."""

    duration_unit: Literal["s", "ms"] = "s"
    module_label: Label = "module"
    route_label: Label = "route"
    instance_labels: Annotated[tuple[Label, ...], Field(min_length=1)] = ("job", "instance")
    """The labels that together name one process: all of its counters begin again together."""

    resolution_s: Literal[1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60] = 15
    """How closely restarts are detected: at most the scrape interval; smaller values cost Prometheus more."""

    probe: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = None
    """An expression that gives one series of 1 (answered) or 0, such as `min(probe_success{job="shop"})`."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        each_once(self.instance_labels, "an instance label")
        named = (self.module_label, self.route_label, self.status_label)
        each_once(named, "one of module_label, route_label and status_label")
        return self
