"""[schedule] of a service file."""

from tasks.configuration import Model
from tasks.schedule.limits import ScheduleLimits


class Scheduling(Model):
    """How the daily checklist judges the monitoring and the schedules."""

    limits: ScheduleLimits = ScheduleLimits()
    """Limits of the monitoring and of scheduled flows."""
