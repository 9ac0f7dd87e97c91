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

    min_sampled_percent: Percent = 50.0
    """Share of the week's hours of which monitoring stored a figure, or of the week in which queries were counted; with
    less, cache, KPIs, queries and bottleneck cannot pass. Source: opsrounds' default; days and nights are in it."""

    min_effect_percent: Annotated[float, Field(ge=0)] = 10.0
    """Smaller slowdowns are not reported. Source: opsrounds' default."""

    min_effect_ms: Annotated[float, Field(ge=0)] = 5.0
    """The same in ms. Source: opsrounds' default; nobody notices less."""

    max_false_alarm_percent: Annotated[float, Field(gt=0, le=50)] = 2.0
    """Chance that a week without any slowdown is called slower, over all routes together. Source: opsrounds' default,
    one week a year."""

    max_query_ms: Annotated[float, Field(gt=0)] = 200.0
    """Mean time of a query that takes at least `min_query_share_percent` of the database's time. Source: the guide's
    SLI table: one such query uses up a request's whole time."""

    max_load_test_days: Annotated[int, Field(ge=1)] = 8
    """Age of the last valid load test. Source: opsrounds' default; one a week, and a day of grace."""

    max_query_share_percent: Percent = 30.0
    """A slow query with a larger share of the database's time is named as the bottleneck. Source: opsrounds'
    default."""

    min_query_share_percent: Percent = 1.0
    """Queries with a smaller share of the database's time are not judged. Source: opsrounds' default; they are rare."""

    min_load_correlation: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Rank correlation of requests and p95 by hour from which response times follow the load. Source: opsrounds'
    default."""

    min_load_ratio: Annotated[float, Field(gt=1)] = 1.5
    """p95 of the busiest tenth of the hours as a multiple of that of the quietest half, from which the load is named as
    the bottleneck. Source: opsrounds' default."""
