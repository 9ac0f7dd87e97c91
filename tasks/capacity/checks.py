"""The questions of capacity planning."""

from typing import Final

from tasks.causes import Cause
from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

LINE: Final = GuideLine(
    "capacity",
    msg("Plan the capacity"),
    ("capacity.*",),
    also="キャパシティプランニング",
    named_by=("capacity.forecast", "capacity.traffic"),
)

FORECAST: Final = Check(
    "capacity.forecast",
    msg("Time until a resource is full"),
    msg("Will the resource stay below its limit for the next months?"),
    Severity.WARNING,
)
TRAFFIC: Final = Check(
    "capacity.traffic",
    msg("Time until a module's peak reaches its tested load"),
    msg("Will the module's peak stay below the load that it was seen to hold?"),
    Severity.WARNING,
)
HEADROOM: Final = Check(
    "capacity.headroom",
    msg("Headroom over the production peak"),
    msg("Is the tested load capacity far enough above the production peak?"),
    Severity.WARNING,
)
GROWTH: Final = Check(
    "capacity.growth",
    msg("Growth of a business KPI"),
    msg("How did the business KPI grow?"),
    Severity.INFORMATION,
)

CHECKS: Final = (FORECAST, TRAFFIC, HEADROOM, GROWTH)
CAUSES: Final = (Cause(FORECAST.id, (FORECAST.id,), same="service"),)  # the service's result names the first of them
