"""[alerts] of a service file: what raises an alert, whom it reaches by which channel, and what is done about it."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from tasks.check_result import Severity
from tasks.configuration import (
    AddressOrSecret,
    Called,
    GivenVariables,
    GlobPattern,
    HttpUrl,
    Locale,
    Model,
    Slug,
    each_once,
)

MAIL: Final = "mail"
ON_CALL: Final = "oncall"
TEAM: Final = "team"
RESERVED: Final = (MAIL, ON_CALL, TEAM)
PER_MINUTE: Final = 60.0
LevelName = Literal["information", "warning", "emergency"]
Minutes = Annotated[float, Field(gt=0, le=7 * 24 * 60)]
CheckId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$"), Called("check", "checks")]
SEVERITIES: Final[Mapping[LevelName, Severity]] = {
    "information": Severity.INFORMATION,
    "warning": Severity.WARNING,
    "emergency": Severity.EMERGENCY,
}
_PROMETHEUS_LEVELS: Final[Mapping[str, LevelName]] = {
    "critical": "emergency",
    "page": "emergency",
    "warning": "warning",
    "info": "information",
}


class Channel(Model):
    """A way to people beside mail, by an Apprise URL."""

    name: Slug
    """In the form of `[service] name`; each once; not `mail`, `oncall` or `team`."""

    url: AddressOrSecret
    """Apprise URL such as `slack://…`; as it holds the channel's credentials, best a secret."""

    locale: Locale | None = None
    """Language of its messages; default: the first of `[reports] locales`."""

    wakes: bool = False
    """True for a channel that wakes people, such as a pager or a phone call."""

    per_minute: Annotated[float, Field(gt=0, le=600)] = PER_MINUTE
    """Most messages a minute. Source: Slack's rate limits, one message a second for each channel."""

    fallback: str | None = None
    """Where a message goes that this channel does not take: another channel or `mail`. Default: `mail` if `[mail] to`
    names anybody."""

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if value in RESERVED:
            raise ValueError(f"{value} is a reserved name: choose another for this channel")
        return value


class Levels(Model):
    """Who is notified of an alert, by its level: names of channels, `mail` (those of `[mail] to`), `oncall`, `team`."""

    information: tuple[str, ...] | None = None
    """Level 1. Default: the channels that do not wake people, else `mail`. Source: the guide, Slack."""

    warning: Annotated[tuple[str, ...], Field(min_length=1)] = (ON_CALL,)
    """Level 2. Source: the guide, the person on call."""

    emergency: Annotated[tuple[str, ...], Field(min_length=1)] = (TEAM,)
    """Level 3. Source: the guide, the whole team."""


class Action(GivenVariables):
    """What is done when a rule's alert fires: a command or an HTTP call, never from an alert's text."""

    name: Slug
    """In the form of `[service] name`; each once."""

    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Program and arguments; no shell. Exactly one of `command` and `url`."""

    url: HttpUrl | None = None
    """Address that is called."""

    method: Literal["POST", "PUT", "GET"] = "POST"
    """Method of the call."""

    token: AddressOrSecret | None = None
    """Sent as `Authorization: Bearer …`."""

    dry_run: bool = True
    """True: what would be done is recorded, and not done."""

    timeout_s: Annotated[float, Field(gt=0, le=90)] = 60.0
    """Longest time; a command is then ended. What takes longer is only started by it."""

    cooldown_min: Minutes = 30.0
    """Least time between two runs. Source: opsrounds' default."""

    per_day: Annotated[int, Field(ge=1, le=100)] = 3
    """Most runs in 24 hours. Source: opsrounds' default; what does not help three times does not help."""

    verify_min: Minutes = 5.0
    """Time for the effect to show in samples newer than the action; then it is ineffective, and the alert escalates.
    Source: opsrounds' default."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("an action needs command or url: exactly one of them")
        if self.environment and self.command is None:
            raise ValueError("environment belongs to command")
        if self.token is not None and self.url is None:
            raise ValueError("token belongs to url")
        return self


class Rule(Model):
    """When samples of one name raise an alert, and when it has recovered."""

    check: CheckId
    """The check whose name and page the alert has. A rule of yours replaces the built-in ones of the same check and
    sample."""

    sample: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.-]{0,79}$")]
    """Name of the sample that monitoring stores, such as `disk.used`."""

    subject: GlobPattern = "*"
    """Which subjects, such as `host/disk:/var*`."""

    worse: Literal["over", "under"] = "over"
    """Which side of the limits is bad."""

    at_limit: Literal["bad", "good"] = "bad"
    """Whether a value that equals a limit is good or bad."""

    information: float | None = None
    """Limit of level 1. At least one of the three."""

    warning: float | None = None
    """Limit of level 2."""

    emergency: float | None = None
    """Limit of level 3."""

    recovery: float | None = None
    """At this value or better the alert recovers; between it and the limit it stays as it is. Default: every value that
    is not bad."""

    bad_minutes: Annotated[int, Field(ge=1, le=60)] = 3
    """This many of the last `of_minutes` samples must be bad."""

    of_minutes: Annotated[int, Field(ge=1, le=60)] = 5
    """The window in minutes."""

    good_minutes: Annotated[int, Field(ge=1, le=60)] = 3
    """This many samples in a row must be good again."""

    action: str | None = None
    """Name of an `[[alerts.action]]`."""

    @property
    def limits(self) -> tuple[tuple[Severity, float], ...]:
        """The limit of each level that has one, the lowest level first."""
        found = ((severity, getattr(self, name)) for name, severity in SEVERITIES.items())
        return tuple((severity, limit) for severity, limit in found if limit is not None)

    def is_bad(self, value: float, limit: float) -> bool:
        """True for a value beyond a limit, and at it if `at_limit` says so."""
        if value == limit:
            return self.at_limit == "bad"
        return (value > limit) == (self.worse == "over")

    def has_recovered(self, value: float) -> bool:
        """True for a value that is good again."""
        if self.recovery is None:
            return not self.is_bad(value, self.limits[0][1])
        return value <= self.recovery if self.worse == "over" else value >= self.recovery

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        limits = [limit for _, limit in self.limits]
        if not limits:
            raise ValueError("a rule needs a limit: information, warning or emergency")
        if limits != sorted(limits, reverse=self.worse == "under"):
            raise ValueError("the limit of a higher level must not be easier to reach than that of a lower one")
        if self.bad_minutes > self.of_minutes:
            raise ValueError("bad_minutes must not be above of_minutes")
        if self.recovery is not None and self.is_bad(self.recovery, limits[0]):
            raise ValueError(f"recovery must be on the good side of the limit {limits[0]:g}")
        return self


class Alerts(Model):
    """Alerts between two reports, from what monitoring stores every minute; it may be empty. Without it there are
    none."""

    levels: Levels = Levels()
    """Who is notified, by level."""

    channel: tuple[Channel, ...] = ()
    """Channels beside mail."""

    rule: tuple[Rule, ...] = ()
    """Rules beside the built-in ones, which follow the limits of the checks."""

    off: tuple[CheckId, ...] = ()
    """Checks whose built-in rules raise no alert."""

    action: tuple[Action, ...] = ()
    """What rules can do."""

    depends_on: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """What a subject depends on, such as `"module:shopping" = ["database"]`: while the latter has an alert, its
    dependents' alerts join its message."""

    escalate_after_min: Minutes = 15.0
    """A level 2 alert that nobody has acknowledged for this long becomes level 3. Source: opsrounds' default."""

    acknowledged_for_min: Minutes = 30.0
    """How long an acknowledgement holds. Source: opsrounds' default."""

    repeat_min: Minutes = 10.0
    """A level 3 alert that nobody has acknowledged is sent again at this interval. Source: opsrounds' default."""

    no_data_min: Annotated[int, Field(ge=2, le=60)] = 5
    """A figure without a sample for this many monitored minutes raises an alert of level 2. Source: opsrounds'
    default."""

    incidents: LevelName | Literal["none"] = "emergency"
    """From which level on an alert opens an incident; `"none"`: incidents are opened by hand alone."""

    prometheus: bool = False
    """True: firing alerts of the Prometheus of `[metrics]` are alerts too."""

    prometheus_levels: Mapping[str, LevelName] = Field(default_factory=lambda: dict(_PROMETHEUS_LEVELS))
    """What the label `severity` of Prometheus' alerts means; others are level 2."""

    heartbeat: AddressOrSecret | None = None
    """Address that is called after each cycle: whoever waits for the calls there learns when monitoring stops."""

    prefect_url: HttpUrl | None = None
    """Where people open the Prefect UI; used for the links in messages. Default: the address of `rounds up`."""

    @field_validator("channel", "action")
    @classmethod
    def _names(cls, value: tuple[Channel, ...] | tuple[Action, ...]) -> tuple[Channel, ...] | tuple[Action, ...]:
        each_once((item.name for item in value), "a name")
        return value

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        channels = (MAIL, *(channel.name for channel in self.channel))
        known = (*channels, ON_CALL, TEAM)
        problems = [
            f"levels.{level}: no channel {name!r}; known: {', '.join(known)}"
            for level in SEVERITIES
            for name in getattr(self.levels, level) or ()
            if name not in known
        ]
        problems += [
            f"channel {channel.name}: no channel {channel.fallback!r} to fall back to; known: {', '.join(channels)}"
            for channel in self.channel
            if channel.fallback is not None and channel.fallback not in channels
        ]
        problems += [f"channel {c.name}: it falls back to itself" for c in self.channel if c.fallback == c.name]
        actions = [action.name for action in self.action]
        problems += [
            f"rule {rule.check}: no action {rule.action!r}; known: {', '.join(actions) or 'none'}"
            for rule in self.rule
            if rule.action is not None and rule.action not in actions
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self
