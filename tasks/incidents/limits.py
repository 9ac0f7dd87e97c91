"""Until when a retrospective is due, and from when on an incident is a repeat."""

from typing import Annotated

from pydantic import Field

from tasks.configuration import Model


class IncidentLimits(Model):
    """Limits of the incident review; each can be set under [incidents.limits]. How soon incidents are to be resolved is
    an objective of `[slo]`."""

    review_business_days: Annotated[int, Field(ge=1, le=60)] = 5
    """Working days after its resolution within which an incident's retrospective is written; Saturdays and Sundays of
    the service's zone do not count. Source: opsrounds' default; a week."""

    repeat_days: Annotated[int, Field(ge=1, le=366)] = 90
    """An incident of the same module and cause as one of so many days before is a repeat. Source: opsrounds' default;
    a quarter."""
