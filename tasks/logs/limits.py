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
    """Fewer failed requests are WARN, not FAIL; fewer lines that cannot be read leave no doubt. Source: opsrounds'
    default; with little traffic one failed request is over any share."""

    max_malformed_share: Share = 0.01
    """With a larger share of unreadable lines a log is WARN, and no check of it passes. Source: opsrounds' default; a
    parser that loses more than one line in a hundred is no base for other figures."""

    max_unknown_level_share: Share = 0.01
    """With a larger share of the lines that have a level whose level is not known, a log is UNKNOWN: they may be
    errors. Source: opsrounds' default, as `max_malformed_share`."""

    max_misdated_share: Share = 0.01
    """With a larger share of lines with an impossible time, a log is UNKNOWN: its totals may be of other days. Source:
    opsrounds' default, as `max_malformed_share`."""
    max_unanswered_share: Share = 0.01
    """With a larger share of requests whose status cannot be read, or whose client left before an answer (status 0), a
    log is UNKNOWN. Source: opsrounds' default, as for unreadable lines."""

    max_untimed_share: Share = 0.05
    """With a larger share of requests without a readable duration a log is WARN, and its response times are UNKNOWN.
    Source: opsrounds' default; p95 leaves out as many."""

    max_p95_ms: Annotated[float, Field(gt=0)] = 200.0
    """A module's p95 of the day. Source: the guide's SLI table, p95 < 200 ms."""

    min_timed_requests: Annotated[int, Field(ge=20)] = 100
    """A module with fewer requests in the period has no p95. Source: opsrounds' default; of 100 requests five lie above
    the p95."""

    min_median_ms: Annotated[float, Field(ge=0)] = 1.0
    """With a shorter median the unit of the durations is doubted, unless `duration_unit` is written out. Source:
    opsrounds' default; seconds that are read as milliseconds are below it."""

    max_median_ms: Annotated[float, Field(gt=0)] = 3_600_000.0
    """The same for a longer median. Source: opsrounds' default; nobody waits an hour, but nanoseconds that are read as
    milliseconds look like it."""

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
