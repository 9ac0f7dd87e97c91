"""[incidents] of a service file."""

from tasks.configuration import Model
from tasks.incidents.limits import IncidentLimits


class Incidents(Model):
    """The monthly incident review."""

    limits: IncidentLimits = IncidentLimits()
    """Limits of the incident review."""
