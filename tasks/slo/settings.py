"""[slo] of a service file: objectives as data, burn alerts, error budget policy."""

from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal, Self, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, field_validator, model_validator

from tasks.configuration import Model, Slug, each_once
from tasks.slo.facts import Scope
from tasks.slo.prometheus_settings import PrometheusSli

SourceName = Literal["logs", "prometheus"]
Share = Annotated[float, Field(gt=0, le=1)]


def _no_percent(value: Any) -> Any:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    if value == 1:
        raise ValueError("a target of 1 leaves no error budget: use a share such as 0.9999")
    if 1 < value < 100:
        raise ValueError(f"{value:g} is not a share: write {value:g} % as {float(Fraction(str(value)) / 100):g}")
    if value <= 0 or value >= 100:
        raise ValueError(f"{value:g} is not a share of good events: it must be between 0 and 1, such as 0.999")
    return value


def _window(value: str) -> str:
    days = value[:-1]
    if value in ("month", "week") or (
        value.endswith("d") and days.isascii() and days.isdecimal() and days == days.lstrip("0")
    ):
        if value not in ("month", "week") and not 1 <= int(days) <= 366:
            raise ValueError("a rolling window has 1 to 366 days, such as 28d")
        return value
    raise ValueError("a window is month, week, or a rolling number of days such as 28d")


Target = Annotated[float, BeforeValidator(_no_percent)]
WindowName = Annotated[str, AfterValidator(_window)]


class ScopeOf(Model):
    """What an objective is about; left out, the whole service."""

    module: Slug | None = None
    route: Annotated[str, StringConstraints(pattern=r"^/\S*$")] | None = None


class _Objective(Model):
    """What every objective has; `window` is a calendar month or week in the service's zone, or rolling days."""

    name: Slug
    window: WindowName = "month"


class _Measured(_Objective):
    """An objective that minutes or requests are measured for."""

    scope: ScopeOf = ScopeOf()
    min_coverage: Share = 0.95
    """With less of the window measured, the objective is unknown."""

    maintenance: Literal["excluded", "counted"] = "excluded"
    alerts: bool = True
    """False: nobody is alerted by its burn rate."""

    @property
    def place(self) -> Scope:
        """The scope as facts name it."""
        return Scope(self.scope.module, self.scope.route)


class _Requests(_Measured):
    """An objective for the requests of a scope."""

    source: SourceName = "logs"
    budgeting: Literal["events", "timeslices"] = "events"
    """Whether the budget counts bad requests, or minutes in which too many were bad."""

    slice_target: Target | None = None
    """With timeslices: the share of good requests that a good minute has; default: the target."""

    min_events: Annotated[int, Field(ge=1)] = 100
    """With fewer requests in the window, the objective is unknown."""

    exclude_routes: tuple[Annotated[str, StringConstraints(pattern=r"^/\S*$")], ...] = ()

    @model_validator(mode="after")
    def _slices(self) -> Self:
        if self.slice_target is not None and self.budgeting == "events":
            raise ValueError('slice_target belongs to budgeting = "timeslices"')
        if self.exclude_routes and self.scope.route is not None:
            raise ValueError("exclude_routes belongs to the scope of a module or the service, not to one route")
        return self


class Availability(_Requests):
    """The share of valid requests that were answered without a server error."""

    kind: Literal["availability"]
    target: Target
    from_balancer: bool = False
    """True for a load balancer's log, which also has the requests without a response."""


class ErrorRate(_Requests):
    """The share of valid requests that got a server error; it stays under `max_share`."""

    kind: Literal["error-rate"]
    max_share: Annotated[float, Field(gt=0, lt=1)]

    @property
    def target(self) -> float:
        """The share of good requests that the limit leaves."""
        return float(1 - Fraction(str(self.max_share)))


class Latency(_Requests):
    """The share of requests answered within `within_ms`: p95 < 200 ms is 0.95 within 200."""

    kind: Literal["latency"]
    within_ms: Annotated[float, Field(gt=0)]
    target: Target


class Uptime(_Measured):
    """The share of measured minutes in which the service was up.

    A minute is down when more than `max_failed_probe_share` of its probes failed, when more than `max_error_share`
    of at least `min_requests` requests did, or when an outage was recorded for it.
    """

    kind: Literal["uptime"]
    target: Target
    source: Literal["probes", "logs", "prometheus"] = "probes"
    probe: Literal["live", "ready"] = "ready"
    max_failed_probe_share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    max_error_share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    min_requests: Annotated[int, Field(ge=1)] = 10


class KpiFloor(_Measured):
    """The share of measured minutes in which a business KPI was at or above its floor."""

    kind: Literal["kpi"]
    kpi: Slug
    target: Target


class Resolution(_Objective):
    """The share of incidents that were resolved within `within_min` minutes."""

    kind: Literal["incident-resolution"]
    within_min: Annotated[float, Field(gt=0)] = 60.0
    target: Share = 1.0


class DeployFrequency(_Objective):
    """Successful deploys to an environment (default: the service's) per whole week."""

    kind: Literal["deploy-frequency"]
    per_week: Annotated[float, Field(gt=0, le=1000)] = 2.0
    environment: str | None = None


Objective = Availability | ErrorRate | Latency | Uptime | KpiFloor | Resolution | DeployFrequency
Requests = Availability | ErrorRate | Latency
Measured = Requests | Uptime | KpiFloor


def counts_requests(objective: Measured) -> TypeGuard[Requests]:
    """True when the budget counts requests."""
    return isinstance(objective, Requests) and objective.budgeting == "events"


def is_sliced(objective: Measured) -> bool:
    """True when the budget counts minutes."""
    return not counts_requests(objective)


class BurnRule(Model):
    """Alert when so much of the period's budget is burnt within `long_h` hours, and still is in a twelfth of them."""

    budget_share: Annotated[float, Field(gt=0, lt=1)]
    long_h: Annotated[float, Field(ge=1, le=168)]
    level: Literal["page", "ticket"]

    def factor(self, period_days: float) -> float:
        """The burn rate from which on the rule alerts."""
        return float(Fraction(str(self.budget_share)) * Fraction(str(period_days)) * 24 / Fraction(str(self.long_h)))


class Alerts(Model):
    """Burn rates that alert (SRE workbook, chapter 5), always on a rolling period: a February would be too short."""

    period_days: Annotated[float, Field(ge=1, le=366)] = 30.0
    burn: Annotated[tuple[BurnRule, ...], Field(min_length=1, max_length=8)] = (
        BurnRule(budget_share=0.02, long_h=1, level="page"),
        BurnRule(budget_share=0.05, long_h=6, level="page"),
        BurnRule(budget_share=0.10, long_h=24, level="ticket"),
        BurnRule(budget_share=0.10, long_h=72, level="ticket"),
    )
    min_valid: Annotated[int, Field(ge=1)] = 100
    """With fewer requests in the long window the burn rate is unknown: 1 failure in 10 is a rate of 100 at 99.9 %."""

    min_bad: Annotated[int, Field(ge=1)] = 3

    @model_validator(mode="after")
    def _burns_faster_than_even(self) -> Self:
        for rule in self.burn:
            if (factor := rule.factor(self.period_days)) < 1:
                least = rule.long_h / (24 * self.period_days)
                raise ValueError(
                    f"{rule.budget_share:g} of the budget in {rule.long_h:g} h of {self.period_days:g} days is a burn "
                    f"rate of {factor:.3g}: below 1 the budget is never exhausted. Use a budget_share of at least "
                    f"{least:.3g}, a shorter long_h, or a longer period_days"
                )
        return self


class Policy(Model):
    """When the error budget policy applies; shares of the whole window's budget."""

    caution_below: Share = 0.5
    postmortem_below: Annotated[float, Field(ge=0, lt=1)] = 0.1
    incident_share: Share = 0.2
    """One incident that took more than this makes a postmortem due."""

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.postmortem_below >= self.caution_below:
            raise ValueError("postmortem_below must be below caution_below")
        return self


class Slo(Model):
    """Service level objectives; without an `objective` the guide's six apply."""

    since: date | None = None
    """The day on which the service started: no data is expected before it."""

    objective: tuple[Annotated[Objective, Field(discriminator="kind")], ...] = ()
    prometheus: PrometheusSli = PrometheusSli()
    alerts: Alerts = Alerts()
    policy: Policy = Policy()

    @field_validator("objective")
    @classmethod
    def _objectives(cls, value: tuple[Objective, ...]) -> tuple[Objective, ...]:
        each_once((objective.name for objective in value), "a name")
        return value
