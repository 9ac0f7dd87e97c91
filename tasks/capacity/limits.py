"""When a resource is full, and how likely that may be."""

from typing import Annotated

from pydantic import Field

from tasks.configuration import Model

Percent = Annotated[float, Field(gt=0, le=100)]


class CapacityLimits(Model):
    """Limits of capacity planning; each can be set under [capacity.limits]."""

    disk_percent: Percent = 95.0
    """Used space and inodes at which a disk counts as full. Source: opsrounds' default; file systems slow down before
    100 %, and a database needs room to clean up."""

    memory_percent: Percent = 95.0
    """The same for memory: the p95 of the days of a week. Source: opsrounds' fail_memory_percent."""

    cpu_percent: Percent = 80.0
    """The same for CPU usage: the p95 of the days of a week. Source: opsrounds' warn_cpu_percent."""

    connections_percent: Percent = 95.0
    """The same for database connections: the highest of the days of a week. Source: opsrounds'
    fail_connections_percent."""

    database_gb: Annotated[float, Field(gt=0)] | None = None
    """Size at which the database counts as full, in GB (10⁹ bytes), such as what the contract allows. Without it its
    growth is shown and not judged; that of its disk is. Source: yours."""

    fail_30_days_percent: Percent = 40.0
    """Probability of being full within 30 days; above it FAIL. Source: opsrounds' default. Less than half, because
    after a change of growth half of the simulated paths do not know of it."""

    warn_90_days_percent: Percent = 40.0
    """Probability of being full within 90 days; above it WARN. Source: opsrounds' default, as above; a quarter is the
    time to order, to migrate and to test."""

    min_days: Annotated[int, Field(ge=21)] = 21
    """Days with figures before anything is forecast. Source: three whole weeks; with fewer nothing is known of what
    differs from week to week."""

    min_day_samples: Annotated[int, Field(ge=1)] = 12
    """A day with fewer figures counts as missing: monitoring was down. Source: opsrounds' default; half of a day of
    hourly figures. A day's traffic counts whatever minutes had requests."""

    max_gap_days: Annotated[int, Field(ge=1, le=60)] = 14
    """Only what came after the last longer gap is used; growth in a shorter one is spread evenly over its days. Source:
    opsrounds' default; two weeks."""

    max_stale_days: Annotated[int, Field(ge=1, le=30)] = 3
    """Days without figures up to the report; above it UNKNOWN. Source: opsrounds' default; a long weekend."""

    gone_after_days: Annotated[int, Field(ge=7)] = 35
    """What has had no figures for longer, such as a disk that was removed, is no longer asked for. Source: opsrounds'
    default; every monthly report has named it once as UNKNOWN by then."""

    min_peak_days: Annotated[int, Field(ge=1, le=28)] = 14
    """Days with requests, of the last 28, before their peak counts as the production peak. Source: opsrounds' default;
    two weeks."""

    max_load_test_days: Annotated[int, Field(ge=1)] = 35
    """Age of the load test that capacity is taken from. Source: opsrounds' default; a month and some days."""
