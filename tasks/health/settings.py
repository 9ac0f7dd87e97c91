"""[health] of a service file."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from tasks.configuration import Called, Headers, Model, each_once
from tasks.health.limits import HealthLimits

PROBES = 5
"""Liveness and readiness are probed this often, to distinguish a flapping instance from a healthy one."""

CONNECTIONS = 4
"""So many connections does a look at a certificate take."""

LONGEST_S = 900.0
"""The longest that looking at everything may take: it must end within the flow's deadline."""


def _url_path(value: str) -> str:
    # Two slashes would begin a host, "#" is never sent: both would look at another path than the one written.
    if not re.fullmatch(r"/([^/\s#\x00-\x1f\x7f][^\s#\x00-\x1f\x7f]*)?", value):
        raise ValueError("must be a path such as /api/health: one slash first, no spaces and no #")
    return value


UrlPath = Annotated[str, AfterValidator(_url_path), Called("URL path", "URL paths")]


class Health(Model):
    """Where the service reports its health. A path that is left out is not requested, and the report shows that."""

    live: UrlPath | None = None
    """Path of the liveness probe."""

    ready: UrlPath | None = None
    """Path of the readiness probe."""

    report: UrlPath | None = None
    """Path of the health report in JSON: `status`, `version`, `timestamp`, `checks` or `components`."""

    requests: tuple[UrlPath, ...] = ()
    """Paths that get test requests, judged for errors and response time; each once."""

    components: tuple[str, ...] = ()
    """Names that the health report must have; needs `report`."""

    headers: Headers = Field(default_factory=dict)
    """Sent with every request. One whose name sounds like a credential must be a secret."""

    ca_file: Path | None = None
    """CA certificates that are trusted in addition to the system's."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Longest time of one request, body included."""

    samples: Annotated[int, Field(ge=1, le=1000)] = 20
    """Judged test requests for each path and instance. The health check of a whole round must fit into 900 s even if
    every request takes `timeout_s`."""

    limits: HealthLimits = HealthLimits()
    """Limits of the health check."""

    @field_validator("requests")
    @classmethod
    def _requests(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        each_once(value, "a path")
        return value

    @model_validator(mode="after")
    def _components_are_reported(self) -> Self:
        if self.components and self.report is None:
            raise ValueError("components are read from the health report: set report too")
        return self

    def longest_s(self, instances: int, https: int) -> float:
        """The longest that looking at every instance, and at that many certificates, may take."""
        requests = 2 * PROBES + 1 + len(self.requests) * (self.samples + 1)
        return (instances * requests + https * CONNECTIONS) * self.timeout_s
