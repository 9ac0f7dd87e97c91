"""[logs] and [[routes]] of a service file."""

from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from tasks.configuration import Headers, HttpUrl, Model, Slug, each_once
from tasks.logs.limits import LogLimits

SINCE = "{since}"
"""Stands in a command for the moment from which on lines are wanted, as ISO 8601 in UTC."""

DEFAULT_SKIPPED = ("node_modules", "node:", "(<anonymous>)", "site-packages", "dist-packages", "lib/python", "<frozen ")
"""A stack line that contains one of these is not the service's own code."""


class Fields(Model):
    """Which field of a JSON line holds what; a dot leads into an object. The defaults are the guide's."""

    timestamp: str = "timestamp"
    level: str = "level"
    module: str = "module"
    message: str = "message"
    request_id: str = "requestId"
    method: str = "method"
    url: str = "url"
    request: str = "request"
    """Method and address in one, as in nginx's $request."""
    status: str = "status"
    duration: str = "duration"
    error: str = "error"
    release: str = "release"


class Source(Model):
    """Where log lines come from, and how a line is read."""

    name: Slug
    kind: Literal["file", "command", "loki"]
    paths: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    url: HttpUrl | None = None
    query: str | None = None
    headers: Headers = Field(default_factory=dict)
    ca_file: Path | None = None
    """Loki's authority, relative to the service file; default: those of the system."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    first_hours: Annotated[float, Field(gt=0, le=24 * 45)] = 24.0
    """How far back a command or Loki is read the first time."""

    format: Literal["json", "combined"] = "json"
    fields: Fields = Fields()
    duration_unit: Literal["ms", "s", "us"] = "ms"
    timezone: str | None = None
    """The time zone of times without one; default: the service's."""

    requests: bool = True
    """False for a log whose requests another log source already counts."""

    synthetic: bool = False
    """True for generated lines: every report based on them says so."""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone; use one such as Asia/Tokyo or UTC")
        return value

    @model_validator(mode="after")
    def _place(self) -> Self:
        wanted = {"file": ("paths",), "command": ("command",), "loki": ("url", "query")}
        for kind, keys in wanted.items():
            for key in keys:
                if kind == self.kind and not getattr(self, key):
                    raise ValueError(f"a source of kind {kind} needs {key}")
                if kind != self.kind and getattr(self, key):
                    raise ValueError(f"{key} belongs to a source of kind {kind}")
        if self.ca_file is not None and self.kind != "loki":
            raise ValueError("ca_file belongs to a source of kind loki")
        if self.kind == "command" and not any(SINCE in part for part in self.command):
            raise ValueError(
                f"the command must contain {SINCE}, the time from which to return lines, such as --since={SINCE}"
            )
        if self.format == "combined" and "fields" in self.model_fields_set:
            raise ValueError("fields belong to the format json")
        return self


class Logs(Model):
    """The service's logs. Without a log source the error log review is skipped, and the report says so."""

    source: tuple[Source, ...] = ()
    latency_bounds_ms: Annotated[tuple[float, ...], Field(min_length=1, max_length=4)] = (200.0, 500.0, 1000.0)
    """Requests at or under each bound are counted exactly; 200 is the guide's limit."""

    ignore: tuple[str, ...] = ()
    """Requests of these paths are not counted; neither are those of the [health] paths."""

    skipped_frames: tuple[str, ...] = DEFAULT_SKIPPED
    keep_days: Annotated[int, Field(ge=8, le=400)] = 45
    """Files not written to for this long are not read."""

    limits: LogLimits = LogLimits()

    @field_validator("source")
    @classmethod
    def _sources(cls, value: tuple[Source, ...]) -> tuple[Source, ...]:
        each_once((source.name for source in value), "a name")
        return value

    @field_validator("latency_bounds_ms")
    @classmethod
    def _bounds(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)) or value[0] <= 0:
            raise ValueError("must be above 0 and in ascending order")
        return value


class Route(Model):
    """A route's template with `:name` for what varies, and the module that answers it."""

    pattern: Annotated[str, Field(pattern=r"^/\S*$")]
    module: Slug | None = None
    method: Annotated[str, Field(pattern=r"^[A-Z]+$")] | None = None
