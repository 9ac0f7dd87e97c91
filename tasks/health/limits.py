"""The limits of the health check."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class HealthLimits(BaseModel):
    """Limits of the health section; each can be set under [health.limits]."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    max_latency_ms: Annotated[float, Field(gt=0)] = 200.0
    """The guide's SLI table: p95 < 200 ms."""

    min_share_within_latency: Annotated[float, Field(gt=0, le=1)] = 0.95
    """p95 < 200 ms, read as: at least 95 % of the requests are answered in time."""

    min_latency_samples: Annotated[int, Field(ge=1)] = 10
    """Below this a share of 95 % cannot be distinguished from chance."""

    max_failed_share: Annotated[float, Field(ge=0, lt=1)] = 0.001
    """The guide's SLI table: error rate < 0.1 %."""

    max_component_ms: Annotated[float, Field(gt=0)] = 1000.0
    """A component that answers its own check slower than this is close to timing out."""

    max_report_age_s: Annotated[float, Field(gt=0)] = 300.0
    """An older health report is a cached one and does not show the present."""
