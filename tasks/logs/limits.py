"""Limits of the error log review."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, lt=1)]


class LogLimits(BaseModel):
    """Limits of the error log review; each can be set under [logs.limits]."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    max_error_share: Share = 0.001
    """The guide's SLI table: error rate < 0.1 %."""

    min_bad_requests: Annotated[int, Field(ge=1)] = 3
    """Fewer failed requests than this only warn: with little traffic a single one is over any share."""

    max_malformed_share: Share = 0.01
    """With more than one malformed line in a hundred, other figures are not reliable."""

    max_quiet_min: Annotated[int, Field(ge=1)] = 60
    """A log without a new line for this long is stale."""

    min_expected_lines: Annotated[int, Field(ge=1)] = 10
    """Silence is detected where this many lines an hour are usual: of Poisson(10), none comes once in 22,000."""

    min_warm_days: Annotated[int, Field(ge=1, le=27)] = 7
    """A week has every weekday; before it ends every error would be new. Four weeks are compared."""

    max_personal_data_lines: Annotated[int, Field(ge=0)] = 0
    """Personal data does not belong in a log (the guide's compliance section)."""

    spike_quantile: Annotated[float, Field(gt=0.5, lt=1)] = 0.999
    """Above this quantile of a negative binomial over 28 days a count is a spike (3 false alarms in 1,000 measured)."""
