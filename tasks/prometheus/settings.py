"""[metrics] of a service file."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tasks.configuration import Headers, HttpUrl, Model


class Metrics(Model):
    """The Prometheus, or a server that speaks its query API, that knows of the service."""

    prometheus_url: HttpUrl
    """Address of the server, without `/api/v1/…`."""

    headers: Headers = Field(default_factory=dict)
    """Sent with every query. One whose name sounds like a credential must be a secret."""

    ca_file: Path | None = None
    """CA certificates that are trusted in addition to the system's."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Longest time of one query."""
