"""[capacity] of a service file."""

from tasks.capacity.limits import CapacityLimits
from tasks.configuration import Model


class Capacity(Model):
    """Capacity planning, from the daily samples of every resource."""

    limits: CapacityLimits = CapacityLimits()
    """Limits of capacity planning."""
