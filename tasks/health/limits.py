"""The limits of the health check."""

from typing import Annotated

from pydantic import Field

from tasks.tls.limits import TlsLimits


class HealthLimits(TlsLimits):
    """Limits of the health section; each can be set under [health.limits]."""

    max_latency_ms: Annotated[float, Field(gt=0)] = 200.0
    """A test request faster than this is in time. Source: the guide's SLI table, p95 < 200 ms."""

    min_share_within_latency: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Share of the test requests that must be in time. Source: the guide's SLI table, p95 < 200 ms read as 95 % in
    time."""

    min_latency_samples: Annotated[int, Field(ge=1)] = 10
    """With fewer good responses the response time is UNKNOWN. Source: opsrounds' default; below this a share of 95 %
    cannot be distinguished from chance."""

    max_failed_share: Annotated[float, Field(ge=0, lt=1)] = 0.001
    """The share of failed test requests must be below this. Source: the guide's SLI table, error rate < 0.1 %."""

    max_component_ms: Annotated[float, Field(gt=0)] = 1000.0
    """A healthy component that took longer for its own check is WARN. Source: opsrounds' default; such a component is
    close to timing out."""

    max_report_age_s: Annotated[float, Field(gt=0)] = 300.0
    """A health report whose time is further from now is UNKNOWN, and so is a report or a probe whose response is older
    by its headers Age and Date. Source: opsrounds' default; an older response comes from a cache."""
