"""[metrics] of a service file."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from tasks.configuration import HttpUrl, Model, SecretRef, TextOrSecret
from tasks.health.settings import HeaderName

_SECRET_NAME = re.compile(r"auth|cookie|token|key|secret|password", re.IGNORECASE)


class Metrics(Model):
    """The Prometheus, or a server that speaks its query API, that knows of the service."""

    prometheus_url: HttpUrl
    headers: dict[HeaderName, TextOrSecret] = Field(default_factory=dict)
    ca_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, str | SecretRef]) -> dict[str, str | SecretRef]:
        for name, content in value.items():
            if isinstance(content, str) and _SECRET_NAME.search(name):
                raise ValueError(f'{name} looks like a secret: use {{ env = "NAME" }} or {{ file = "/path" }}')
        return value
