"""[performance] of a service file."""

from tasks.configuration import Model
from tasks.performance.limits import PerformanceLimits


class Performance(Model):
    """The weekly performance report, from the requests in the logs."""

    limits: PerformanceLimits = PerformanceLimits()
    """Limits of the report."""
