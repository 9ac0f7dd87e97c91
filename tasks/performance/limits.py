"""What response times, errors, queries and load tests of a week may be."""

from typing import Annotated

from pydantic import Field

from tasks.configuration import Model

Percent = Annotated[float, Field(gt=0, le=100)]


class PerformanceLimits(Model):
    """Limits of the weekly performance report; each can be set under [performance.limits]."""

    max_p95_ms: Annotated[float, Field(gt=0)] = 200.0
    """A module's p95; requests above it are counted as slow. Source: the guide's SLI table."""

    max_error_percent: Percent = 0.1
    """A module's share of failed requests. Source: the guide's SLI table."""

    min_requests: Annotated[int, Field(ge=20)] = 200
    """A module or route with fewer requests in the week is not measured. Source: opsrounds' default; of 200 requests
    ten lie above the p95."""

    min_measured_percent: Percent = 95.0
    """Measured share of the minutes of the week; below it the report is incomplete. Source: opsrounds' default."""

    min_effect_percent: Annotated[float, Field(ge=0)] = 10.0
    """Smaller slowdowns are not reported. Source: opsrounds' default."""

    min_effect_ms: Annotated[float, Field(ge=0)] = 5.0
    """The same in ms. Source: opsrounds' default; nobody notices less."""

    max_false_alarm_percent: Annotated[float, Field(gt=0, le=50)] = 1.0
    """Chance that a week without any slowdown is called slower, over all routes together. Source: opsrounds'
    default."""

    max_query_ms: Annotated[float, Field(gt=0)] = 200.0
    """Mean time of a query that takes at least 1 % of the database's time. Source: the guide's SLI table: one such
    query uses up a request's whole time."""

    max_load_test_days: Annotated[int, Field(ge=1)] = 8
    """Age of the last valid load test. Source: opsrounds' default; one a week, and a day of grace."""
