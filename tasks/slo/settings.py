"""[slo] of a service file: objectives as data, burn alerts, error budget policy."""

from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal, Self, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, field_validator, model_validator

from tasks.configuration import Called, Model, Slug, each_once
from tasks.slo.facts import Scope
from tasks.slo.prometheus_settings import PrometheusSli

SourceName = Literal["logs", "prometheus"]
Share = Annotated[float, Field(gt=0, le=1)]
MIN_COVERAGE = 0.95


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


Target = Annotated[float, BeforeValidator(_no_percent), Called("number, over 0 to under 1", "numbers")]
WindowName = Annotated[str, AfterValidator(_window), Called('`"month"`, `"week"` or days such as `"28d"`', "windows")]
RoutePattern = Annotated[str, StringConstraints(pattern=r"^/\S*$"), Called("path pattern", "path patterns")]


class ScopeOf(Model):
    """What an objective is about; left out, the whole service."""

    module: Slug | None = None
    """A module of `[service] modules` or `[[routes]]`."""

    route: RoutePattern | None = None
    """A `pattern` of `[[routes]]`."""


class _Objective(Model):
    """What every objective has; `window` is a calendar month or week in the service's zone, or rolling days."""

    name: Slug
    """In the form of `[service] name`; each once."""

    kind: str
    """What is measured; it decides which of the other keys apply."""

    window: WindowName = "month"
    """SLO window: calendar month or ISO week in the service's time zone, or rolling days (1 to 366)."""


class _Measured(_Objective):
    """An objective that minutes or requests are measured for."""

    scope: ScopeOf = ScopeOf()
    """What the objective is about; default: the whole service."""

    min_coverage: Share = MIN_COVERAGE
    """A window of which a smaller share was measured is UNKNOWN. Set below the default, it also says that the rest is
    not meant to be measured, such as nights; else what was not measured must fit into the error budget. Source:
    opsrounds' default."""

    maintenance: Literal["excluded", "counted"] = "excluded"
    """Whether registered maintenance windows are left out; the report shows both values."""

    alerts: bool = True
    """False: `slo.burn-rate` of this objective is SKIPPED."""

    @property
    def measures_always(self) -> bool:
        """False when the file says that a part of the time is not meant to be measured."""
        return self.min_coverage >= MIN_COVERAGE

    @property
    def place(self) -> Scope:
        """The scope as facts name it."""
        return Scope(self.scope.module, self.scope.route)


class _Requests(_Measured):
    """An objective for the requests of a scope."""

    source: SourceName = "logs"
    """Where requests are counted."""

    budgeting: Literal["events", "timeslices"] = "events"
    """Whether the error budget counts bad requests, or minutes in which too many requests were bad."""

    slice_target: Target | None = None
    """Only with `timeslices`: share of good requests in a good minute; default: the target."""

    min_events: Annotated[int, Field(ge=1)] = 100
    """A window with fewer requests is UNKNOWN. Source: opsrounds' default."""

    exclude_routes: tuple[RoutePattern, ...] = ()
    """Routes (`pattern` of `[[routes]]`) whose requests do not count; `[logs] ignore` leaves them out everywhere."""

    @model_validator(mode="after")
    def _slices(self) -> Self:
        if self.slice_target is not None and self.budgeting == "events":
            raise ValueError('slice_target belongs to budgeting = "timeslices"')
        if self.exclude_routes and self.scope.route is not None:
            raise ValueError("exclude_routes belongs to the scope of a module or the service, not to one route")
        return self


class Availability(_Requests):
    """The share of valid requests without a server error (5xx); 4xx are valid and good.

    The service's own log cannot show requests without a response: the report says so unless probes were made too, or
    `from_balancer` is true.
    """

    kind: Literal["availability"]
    target: Target
    """Share of good requests, under 1."""

    from_balancer: bool = False
    """True for the log of a load balancer, which sees the requests without a response too."""


class ErrorRate(_Requests):
    """The share of valid requests with a server error (5xx)."""

    kind: Literal["error-rate"]
    max_share: Annotated[float, Field(gt=0, lt=1)]
    """The share of bad requests must be below this."""

    @property
    def target(self) -> float:
        """The share of good requests that the limit leaves."""
        return float(1 - Fraction(str(self.max_share)))


class Latency(_Requests):
    """The share of the requests with a duration that took at most `within_ms`: p95 < 200 ms is 0.95 within 200."""

    kind: Literal["latency"]
    within_ms: Annotated[float, Field(gt=0)]
    """Longest response time that is in time: one of `[logs] latency_bounds_ms`, or the end of a bucket in
    Prometheus."""

    target: Target
    """Share of requests in time, under 1."""


class Uptime(_Measured):
    """The share of measured minutes in which the service was up.

    A minute is down when more than `max_failed_probe_share` of its probes failed, when more than `max_error_share`
    of at least `min_requests` requests failed, or when an outage is recorded for it.
    """

    kind: Literal["uptime"]
    target: Target
    """Share of good minutes, under 1."""

    source: Literal["probes", "logs", "prometheus"] = "probes"
    """What tells good minutes from bad ones."""

    probe: Literal["live", "ready"] = "ready"
    """Which probe of `[health]` counts."""

    max_failed_probe_share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """A minute with a larger share of failed probes is down."""

    max_error_share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """A minute with a larger share of failed requests is down."""

    min_requests: Annotated[int, Field(ge=1)] = 10
    """With fewer requests in a minute `max_error_share` is not applied."""


class KpiFloor(_Measured):
    """The share of measured minutes in which a business KPI was at its floor or above."""

    kind: Literal["kpi"]
    kpi: Slug
    """Name of a `[[kpi]]` that has a `floor`."""

    target: Target
    """Share of good minutes, under 1."""


class Resolution(_Objective):
    """The share of incidents that took less than `within_min` minutes.

    Incidents are the recorded outages, and measured downtime that nobody recorded.
    """

    kind: Literal["incident-resolution"]
    within_min: Annotated[float, Field(gt=0)] = 60.0
    """Minutes within which an incident is to be resolved. Source: the guide's SLO table, under one hour."""

    target: Share = 1.0
    """Share of incidents that are resolved in time; may be 1."""


class DeployFrequency(_Objective):
    """Successful deploys in the full weeks that end in the window, on average."""

    kind: Literal["deploy-frequency"]
    per_week: Annotated[float, Field(gt=0, le=1000)] = 2.0
    """Successful deploys a week, on average; a single week with fewer is WARN. Source: the guide's SLO table, twice a
    week."""

    environment: str | None = None
    """Environment of the deploys; default: the service's."""


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
    """Share of the period's error budget that is burnt within the long window."""

    long_h: Annotated[float, Field(ge=1, le=168)]
    """Long window, in hours; the short one is a twelfth of it. The burn rate must reach the threshold in both."""

    level: Literal["page", "ticket"]
    """`"page"` is FAIL, `"ticket"` WARN."""

    def factor(self, period_days: float) -> float:
        """The burn rate from which on the rule alerts."""
        return float(Fraction(str(self.budget_share)) * Fraction(str(period_days)) * 24 / Fraction(str(self.long_h)))


class Alerts(Model):
    """Burn rates that alert (SRE workbook, chapter 5), always on a rolling period: a February would be too short."""

    period_days: Annotated[float, Field(ge=1, le=366)] = 30.0
    """Rolling period whose error budget burns. Source: Google's SRE workbook, chapter 5."""

    burn: Annotated[tuple[BurnRule, ...], Field(min_length=1, max_length=8)] = (
        BurnRule(budget_share=0.02, long_h=1, level="page"),
        BurnRule(budget_share=0.05, long_h=6, level="page"),
        BurnRule(budget_share=0.10, long_h=24, level="ticket"),
        BurnRule(budget_share=0.10, long_h=72, level="ticket"),
    )
    """Burn rates that alert. Source: Google's SRE workbook, chapter 5."""

    min_valid: Annotated[int, Field(ge=1)] = 100
    """With fewer requests in the long window the burn rate is UNKNOWN (not with `timeslices`). Source: opsrounds'
    default; at 99.9 % one failure of ten requests is a burn rate of 100."""

    min_bad: Annotated[int, Field(ge=1)] = 3
    """With fewer bad requests a burn rate over its threshold is UNKNOWN (not with `timeslices`). Source: opsrounds'
    default."""

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
    """At and below this share of the budget left: WARN, risky changes need a second look. Source: opsrounds'
    default."""

    postmortem_below: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Below this share of the budget left: WARN, a postmortem is due. Source: opsrounds' default."""

    incident_share: Share = 0.2
    """One incident that used more than this share of the budget: a postmortem is due. Source: Google's SRE workbook,
    example error budget policy."""

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.postmortem_below >= self.caution_below:
            raise ValueError("postmortem_below must be below caution_below")
        return self


class Slo(Model):
    """Service level objectives; without an `objective` the guide's six apply."""

    since: date | None = None
    """Day on which the service began: data before it is not missed."""

    objective: tuple[Annotated[Objective, Field(discriminator="kind")], ...] = ()
    """An objective. Without any, the guide's six hold for the whole service: availability, response time and error rate
    by the requests in the log (by `[metrics]` where there is no log), uptime by the probes of `[health]` (readiness,
    or liveness where only that is set), incident resolution, deploy frequency. With any, only those of the file
    hold."""

    max_torn_lines_per_day: Annotated[int, Field(ge=0)] = 2
    """So many lines a day of each log that cannot be read are taken for torn by a rotation; every further one may have
    been a failed request. Source: opsrounds' default; a rotation leaves an end and a start."""

    prometheus: PrometheusSli = PrometheusSli()
    """What the metrics and labels of the service's requests are called; needs `[metrics]`. The defaults are those of
    OpenMetrics clients with one histogram of durations."""

    alerts: Alerts = Alerts()
    """When a burn rate alerts, in reports and, with `[alerts]`, every minute."""

    policy: Policy = Policy()
    """Error budget policy: shares of the whole window's budget."""

    @field_validator("objective")
    @classmethod
    def _objectives(cls, value: tuple[Objective, ...]) -> tuple[Objective, ...]:
        each_once((objective.name for objective in value), "a name")
        return value
