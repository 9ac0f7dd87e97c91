"""[logs] and [[routes]] of a service file."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from tasks.configuration import Called, GlobPattern, Headers, HttpUrl, Model, Slug, TimeZone, each_once, is_loopback
from tasks.logs.limits import LogLimits

SINCE = "{since}"
"""Stands in a command for the moment from which on lines are wanted, as ISO 8601 in UTC."""

DEFAULT_SKIPPED = ("node_modules", "node:", "(<anonymous>)", "site-packages", "dist-packages", "lib/python", "<frozen ")
"""A stack line that contains one of these is not the service's own code."""


class Fields(Model):
    """Which field of a JSON line holds what; a dot leads into an object. The defaults are the guide's."""

    timestamp: str = "timestamp"
    """Time: ISO 8601, or seconds, milliseconds … since 1970."""

    level: str = "level"
    """Level. `error`, `fatal`, `critical` and the like, `E`, or 0–3, 50 and 60, make the line an error."""

    module: str = "module"
    """Module."""

    message: str = "message"
    """Message."""

    request_id: str = "requestId"
    """Request id."""

    method: str = "method"
    """HTTP method."""

    url: str = "url"
    """Address of the request."""

    request: str = "request"
    """Method and address in one, as nginx's `$request`."""

    status: str = "status"
    """HTTP status. 500 or above makes the line an error."""

    duration: str = "duration"
    """Time that the request took, in `duration_unit`."""

    error: str = "error"
    """Error: a text, or an object with `name` or `type`, `message`, `stack`. It makes the line an error."""

    release: str = "release"
    """Version of the service."""


class Source(Model):
    """Where log lines come from, and how a line is read."""

    name: Slug
    """In the form of `[service] name`; each once. Another name is another log, read from its start."""

    kind: Literal["file", "command", "loki"]
    """Where the lines come from; it decides which of the other keys apply."""

    paths: tuple[GlobPattern, ...] = ()
    """Only with `file`: paths or glob patterns from the service file's folder, with `*` and `**`. They must match the
    rotated files too."""

    command: tuple[str, ...] = ()
    """Only with `command`: program and arguments, run without a shell. One of them holds `{since}`, which becomes the
    time from which lines are wanted, such as `2026-11-25T00:00:00Z`."""

    url: HttpUrl | None = None
    """Only with `loki`: its address without `/loki/api/…`."""

    query: str | None = None
    """Only with `loki`: LogQL that selects lines."""

    headers: Headers = Field(default_factory=dict)
    """Only with `loki`: sent with every request. One whose name sounds like a credential must be a secret."""

    ca_file: Path | None = None
    """Only with `loki`: CA certificates that are trusted in addition to the system's."""

    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    """Longest time of the command, or of one response of Loki."""

    first_hours: Annotated[float, Field(gt=0, le=24 * 45)] = 24.0
    """How many hours back a command or Loki is asked the first time."""

    format: Literal["json", "combined"] = "json"
    """`json`: one JSON object a line. `combined`: the common or combined format of Apache and nginx."""

    fields: Fields = Fields()
    """Which field of a JSON line holds what; a dot leads into an object. Only with format `json`. A field that is set
    here must be in the lines, else `logs.source` is UNKNOWN after 1,000 lines."""

    levels: dict[str, Literal["error", "warning", "info"]] = Field(default_factory=dict)
    """What a level of your own means, such as `{ audit = "info", "40" = "error" }`; it goes before what is known: the
    words of common loggers, syslog's numbers 0–7, the numbers 10–60 of bunyan and pino. Only a field called `levelno`
    is read by Python's numbers, and one called `SeverityNumber` by OpenTelemetry's."""

    duration_unit: Literal["ms", "s", "us"] = "ms"
    """Unit of `duration` in JSON; not used with `combined`."""

    timezone: TimeZone | None = None
    """Zone of times that name none; default: the service's."""

    requests: bool = True
    """False for a log without requests, or whose requests another log source counts."""

    synthetic: bool = False
    """True for generated lines: every report that uses them says so."""

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
        for key in ("fields", "levels"):
            if self.format == "combined" and key in self.model_fields_set:
                raise ValueError(f"{key} belong to the format json")
        return self


class Logs(Model):
    """The service's logs. Without a log source the error log review is skipped, and the report says so."""

    source: tuple[Source, ...] = ()
    """A log; each line is counted once."""

    latency_bounds_ms: Annotated[tuple[float, ...], Field(min_length=1, max_length=4)] = (200.0, 500.0, 1000.0)
    """Requests at or under each bound are counted exactly; rising. Source: the guide's SLI table, 200 ms."""

    ignore: tuple[Annotated[str, Called("URL path", "URL paths")], ...] = ()
    """Paths whose lines are no requests, and of which only errors and warnings are read; the same holds for the paths
    `live`, `ready` and `report` of `[health]`."""

    skipped_frames: tuple[str, ...] = DEFAULT_SKIPPED
    """A line of a stack that holds one of these texts is not your own code."""

    keep_days: Annotated[int, Field(ge=8, le=400)] = 45
    """Files that were not written to for this many days are not read."""

    cluster: Annotated[str, Field(pattern=r"^(tcp|tls)://[^\s/@]+:[0-9]{1,5}$")] | None = None
    """Scheduler of a Dask cluster, such as `tls://dask.example.com:8786`: its workers scan a backlog of files. On
    another machine it needs `tls://`, since the secrets to be masked go along."""

    limits: LogLimits = LogLimits()
    """Limits of the error log review."""

    @field_validator("source")
    @classmethod
    def _sources(cls, value: tuple[Source, ...]) -> tuple[Source, ...]:
        each_once((source.name for source in value), "a name")
        return value

    @field_validator("cluster")
    @classmethod
    def _cluster(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("tcp:") and not is_loopback(urlsplit(value).hostname or ""):
            raise ValueError("tcp:// is for this machine alone: secrets that are masked go along, so use tls://")
        return value

    @field_validator("latency_bounds_ms")
    @classmethod
    def _bounds(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)) or value[0] <= 0:
            raise ValueError("must be above 0 and in ascending order")
        return value


class Route(Model):
    """A route's template with `:name` for what varies, and the module that answers it."""

    pattern: Annotated[str, Field(pattern=r"^/\S*$"), Called("path pattern", "path patterns")]
    """`:name` stands for one segment, `*` at the end for all that follows."""

    module: Slug | None = None
    """Used where a line names no module."""

    method: Annotated[str, Field(pattern=r"^[A-Z]+$")] | None = None
    """Only requests of this method, in capital letters."""
