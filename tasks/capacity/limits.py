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
    """The same for memory (p95 of the day). Source: opsrounds' fail_memory_percent."""

    cpu_percent: Percent = 80.0
    """The same for CPU usage (p95 of the day). Source: opsrounds' warn_cpu_percent."""

    connections_percent: Percent = 95.0
    """The same for database connections (highest of the day). Source: opsrounds' fail_connections_percent."""

    database_gb: Annotated[float, Field(gt=0)] | None = None
    """Size at which the database counts as full, in GB (10⁹ bytes), such as what the contract allows. Without it its
    growth is shown and not judged; that of its disk is. Source: yours."""

    fail_30_days_percent: Percent = 50.0
    """Probability of being full within 30 days; above it FAIL. Source: opsrounds' default."""

    warn_90_days_percent: Percent = 50.0
    """Probability of being full within 90 days; above it WARN. Source: opsrounds' default; a quarter is the time to
    order, to migrate and to test."""

    min_days: Annotated[int, Field(ge=21)] = 21
    """Days with figures before anything is forecast. Source: three whole weeks; with fewer nothing is known of what
    differs from week to week."""

    min_headroom: Annotated[float, Field(ge=1)] = 1.5
    """Tested load capacity as a multiple of the production peak; below it WARN. Source: opsrounds' default; one of
    three machines may fail."""

    max_load_test_days: Annotated[int, Field(ge=1)] = 35
    """Age of the load test that capacity is taken from. Source: opsrounds' default; a month and some days."""
