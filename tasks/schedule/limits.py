"""The limits of the monitoring and of the schedules."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.bounds import check_order
from tasks.configuration import Model

Percent = Annotated[float, Field(gt=0, le=100)]


class ScheduleLimits(Model):
    """Limits of the watch over the rounds themselves; each can be set under [schedule.limits]."""

    max_stopped_min: Annotated[int, Field(ge=2)] = 3
    """Minutes since the last one that monitoring began; more are FAIL. Source: opsrounds' default; the minute under way
    and two that nobody began."""

    warn_unmonitored_percent: Percent = 1.0
    """Share of the minutes of 24 hours that were not monitored to the end. Source: opsrounds' default; a quarter of an
    hour is more than a restart takes."""

    fail_unmonitored_percent: Percent = 5.0
    """The same. Source: opsrounds' default; in more than an hour a whole incident goes unseen."""

    max_intervals: Annotated[int, Field(ge=1)] = 2
    """Intervals since the last run of a flow that stores no report; more are FAIL. Source: opsrounds' default; one run
    may fail, and the next one makes up for it."""

    max_missed_rounds: Annotated[int, Field(ge=0)] = 0
    """Rounds of a flow that were due and did not run in time. Source: opsrounds' default; a round that nobody misses
    need not be scheduled."""

    fail_missed_hours: Annotated[int, Field(ge=1)] = 24
    """Hours for which a missed round is FAIL although later ones ran; then WARN. Source: opsrounds' default; one daily
    checklist names it as a failure."""

    @model_validator(mode="after")
    def _warns_before_it_fails(self) -> Self:
        check_order(self)
        return self
