"""What a load test may do, what makes it valid, and what it finds."""

from typing import Annotated

from pydantic import Field

from tasks.configuration import Model

Percent = Annotated[float, Field(gt=0, le=100)]
Seconds = Annotated[float, Field(gt=0)]


class LoadLimits(Model):
    """Limits of load tests; each can be set under [load.limits]."""

    max_users: Annotated[int, Field(ge=1, le=100_000)] = 200
    """A profile with more users is refused. Source: opsrounds' default; raise it with the machines that make the
    load."""

    max_duration_s: Annotated[float, Field(gt=0, le=24 * 3600)] = 3600.0
    """A longer profile is refused. Source: opsrounds' default."""

    max_per_second: Annotated[float, Field(gt=0)] = 1000.0
    """More requests in a second abort the test: it is then invalid. Source: opsrounds' default."""

    min_requests: Annotated[int, Field(ge=1)] = 100
    """With fewer requests, ramp-up apart, the test is invalid; a gate's route with fewer is UNKNOWN. Source: opsrounds'
    default; of 100 requests five lie above the p95."""

    min_achieved_percent: Percent = 95.0
    """Achieved share of the planned load; below it the test is invalid, or the step of a profile that seeks the limit
    not held. Source: opsrounds' default; a service that hangs slows a generator down that waits for its answers, which
    hides the hang (coordinated omission: Gil Tene)."""

    max_generator_percent: Percent = 90.0
    """CPU time that the generator's busiest process used or waited for; above it the test is invalid. Source: Locust's
    own warning."""

    max_lag_ms: Annotated[float, Field(gt=0)] = 100.0
    """Delay of the generator's own timers, p99; above it the test is invalid. Source: opsrounds' default, half of the
    guide's 200 ms."""

    abort_error_percent: Percent = 50.0
    """Share of failed requests within `abort_after_s` that ends the test early. Source: opsrounds' default."""

    abort_after_s: Annotated[float, Field(ge=1)] = 10.0
    """How long nearly nothing works before a test is ended early. Source: opsrounds' default."""

    min_headroom: Annotated[float, Field(ge=1)] = 1.5
    """Highest load that met the SLO, as a multiple of the production peak of four weeks; below it WARN. Source:
    opsrounds' default; one of three machines may fail."""

    min_peak_days: Annotated[int, Field(ge=1, le=14)] = 7
    """Days with requests in the logs, of the last twice as many; with fewer the production peak is not known. Source:
    opsrounds' default; one of every day of the week."""

    min_runs: Annotated[int, Field(ge=5)] = 5
    """Comparable valid runs before a slowdown is judged. Source: opsrounds' default; the spread between runs is not
    known from fewer."""

    max_size_difference_percent: Annotated[float, Field(gt=0)] = 20.0
    """Difference in the size of the tested database; runs with a larger one are not compared. Source: opsrounds'
    default."""

    min_effect_percent: Annotated[float, Field(ge=0)] = 10.0
    """Smaller slowdowns are not reported. Source: opsrounds' default."""

    min_effect_ms: Annotated[float, Field(ge=0)] = 5.0
    """The same in ms. Source: opsrounds' default; nobody notices less."""

    max_false_alarm_percent: Annotated[float, Field(gt=0, le=50)] = 1.0
    """Chance that a clean run is called slower, over all of its routes together. Source: opsrounds' default."""
