"""Limits of the error log review."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, lt=1)]


class LogLimits(BaseModel):
    """Limits of the error log review; each can be set under [logs.limits]."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    max_error_share: Share = 0.001
    """A module's share of server errors must be below this. Source: the guide's SLI table, error rate < 0.1 %."""

    min_bad_requests: Annotated[int, Field(ge=1)] = 3
    """Fewer failed requests are WARN, not FAIL. Source: opsrounds' default; with little traffic one failed request is
    over any share."""

    max_malformed_share: Share = 0.01
    """With a larger share of unreadable lines a log is WARN, and no check of it passes. Source: opsrounds' default; a
    parser that loses more than one line in a hundred is no base for other figures."""

    max_unknown_level_share: Share = 0.01
    """With a larger share of the lines that have a level whose level is not known, a log is UNKNOWN: they may be
    errors. Source: opsrounds' default, as `max_malformed_share`."""

    max_misdated_share: Share = 0.01
    """With a larger share of lines whose time cannot be, a log is UNKNOWN: its totals may be of other days. Source:
    opsrounds' default, as `max_malformed_share`."""

    max_quiet_min: Annotated[int, Field(ge=1)] = 60
    """Minutes after which a log without a new line is UNKNOWN. Source: opsrounds' default."""

    min_expected_lines: Annotated[int, Field(ge=1)] = 10
    """A silence is reported where this many lines an hour (or a day) are usual. Source: opsrounds' default; where 10
    lines are usual, none comes by chance once in 22,000 hours (Poisson)."""

    min_warm_days: Annotated[int, Field(ge=1, le=27)] = 7
    """Days of log that are needed before “new” and “usual” are judged. Source: opsrounds' default; a week holds every
    weekday, and four weeks are compared."""

    max_personal_data_lines: Annotated[int, Field(ge=0)] = 0
    """Lines with personal data allowed in each module. Source: the guide's compliance section."""

    spike_quantile: Annotated[float, Field(gt=0.5, lt=1)] = 0.999
    """A count above this quantile of the days before (28 days, negative binomial) is a spike. Source: opsrounds'
    default; 3 false alarms in 1,000 were measured."""
