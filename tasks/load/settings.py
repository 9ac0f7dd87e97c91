"""[load] of a service file."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from tasks.configuration import (
    AddressOrSecret,
    Called,
    Headers,
    HttpUrl,
    Model,
    SecretRef,
    Slug,
    TextOrSecret,
    each_once,
)
from tasks.database.settings import SECRET_URL, check_database_url, has_password
from tasks.health.settings import UrlPath
from tasks.load.limits import LoadLimits

_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _host(value: str) -> str:
    host, _, port = value.rpartition(":") if re.search(r":\d+$", value) else (value, "", "")
    if not _HOST.fullmatch(host) or (port and not 0 < int(port) < 65536):
        raise ValueError("must be HOST or HOST:PORT, without http://")
    return value.lower()


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError("is not the name of an environment variable")
    return value


Host = Annotated[str, AfterValidator(_host), Called("host", "hosts")]


class Step(Model):
    """So many users for so long."""

    users: Annotated[int, Field(ge=1)]
    """Virtual users at once."""

    seconds: Annotated[float, Field(ge=1)]
    """How long they are measured; the time in which they are started comes before it."""


class Profile(Model):
    """How much load, for how long."""

    name: Slug
    """In the form of `[service] name`; each once. One that is named as a built-in profile replaces it."""

    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    """One after the other. Capacity is judged of at least two levels, a scalability law fitted to at least six."""

    ramp_up_s: Annotated[float, Field(ge=0, le=600)] = 5.0
    """Time to start the users of a step; what is requested in it is not measured."""

    rate_per_user: Annotated[float, Field(gt=0)] | None = None
    """Requests that one user makes in a second, where the Locust file fixes it (`constant_throughput`). With it,
    achieved ÷ planned is known of the users too, not only of the open-loop probe."""

    seeks_limit: bool = False
    """The load is meant to become too much: a step that is not reached is a finding, and does not make the test
    invalid."""

    @property
    def duration_s(self) -> float:
        """From the first user to the end of the last step, in seconds."""
        return sum(self.ramp_up_s + step.seconds for step in self.steps)

    @property
    def most_users(self) -> int:
        """Users of its highest step."""
        return max(step.users for step in self.steps)


def _steps(*levels: tuple[int, float]) -> tuple[Step, ...]:
    return tuple(Step(users=users, seconds=seconds) for users, seconds in levels)


BUILT_IN: Final = (
    Profile(name="smoke", steps=_steps((5, 60)), ramp_up_s=2),
    Profile(name="baseline", steps=_steps((10, 300))),
    Profile(
        name="steps",
        steps=_steps((5, 60), (10, 60), (20, 60), (40, 60), (80, 60), (120, 60), (160, 60)),
        seeks_limit=True,
    ),
    Profile(name="soak", steps=_steps((10, 3300))),
    Profile(name="spike", steps=_steps((10, 60), (100, 60), (10, 60)), seeks_limit=True),
)
"""The profiles that every service has."""


class Gate(Model):
    """A limit under load; without `module` and `route` of all requests together."""

    metric: Literal["latency", "error-share", "throughput"]
    """`latency` of successful requests in ms, `error-share` of all requests in %, `throughput` in requests/s."""

    statistic: Literal["p50", "p95", "p99", "mean", "max"] | None = None
    """Which latency; only `latency` has one, and needs it."""

    module: Slug | None = None
    """Requests of this module: the part of a request's name before the first colon."""

    route: str | None = None
    """Requests of this name, whole or after the module's colon."""

    max: Annotated[float, Field(ge=0)] | None = None
    """Highest value. Exactly one of `max` and `min`."""

    min: Annotated[float, Field(ge=0)] | None = None
    """Lowest value."""

    users: Annotated[int, Field(ge=1)] | None = None
    """Step at which the gate is judged, by its users. Without it all steps of a profile, but only the first one where
    the profile seeks the limit."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.max is None) == (self.min is None):
            raise ValueError("a gate needs max or min: exactly one of them")
        if (self.metric == "latency") != (self.statistic is not None):
            raise ValueError("latency needs a statistic (p50, p95, p99, mean or max), the other metrics have none")
        return self


GUIDE_GATES: Final = (
    Gate(metric="latency", statistic="p95", max=200),
    Gate(metric="error-share", max=0.1),
)
"""The guide's SLIs: p95 below 200 ms, error rate below 0.1 %."""


class Identity(Model):
    """Where the tested service says which environment it is."""

    path: UrlPath
    """Path of an answer in JSON."""

    field: Annotated[str, Field(min_length=1)] = "environment"
    """Its field that names the environment."""


class Probe(Model):
    """A second, small load at a fixed arrival rate, whatever the answers take."""

    path: UrlPath
    """Path that is requested with GET: an ordinary request of a user, which changes nothing."""

    per_second: Annotated[float, Field(ge=1, le=1000)] = 20.0
    """Requests in a second."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Longest time of one request; one without an answer counts as failed, and with this time."""


class Workers(Model):
    """Locust's own master and workers, for more load than one CPU makes."""

    processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes on this machine; from two on they are workers of a master."""

    remote: Annotated[int, Field(ge=0, le=1000)] = 0
    """Workers that others start on their machines, by `locust -f - --worker --master-host THIS-MACHINE`."""

    bind: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address on which the master listens for workers."""

    port: Annotated[int, Field(ge=1, le=65535)] = 5557
    """Its port; only for remote workers, others get a free one."""

    wait_s: Annotated[float, Field(ge=1, le=600)] = 60.0
    """How long is waited for all workers."""


class Load(Model):
    """Load tests of an environment of the service."""

    base_url: HttpUrl
    """The service that is tested. In the form of `[service] base_url`."""

    environment: Annotated[str, Field(min_length=1, max_length=40)] = "staging"
    """Which environment it is. `production` is tested only with the option `production` of a run; so are the
    addresses of `[service]` and of instances where the environment of `[service]` is `production`."""

    hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    """The only hosts that load goes to, as `HOST` or `HOST:PORT`: requests to others, redirects too, are refused."""

    scenarios: Annotated[tuple[Path, ...], Field(min_length=1)]
    """Locust files, from the service file's folder, such as one per module. A request's name begins with its module
    (`shopping:/lists`)."""

    scheduled: Slug = "steps"
    """Profile of the scheduled test."""

    profile: tuple[Profile, ...] = ()
    """Profiles beside the built-in ones: smoke, baseline, steps, soak, spike."""

    gate: tuple[Gate, ...] = GUIDE_GATES
    """What must hold under load. Default: the guide's SLIs, p95 at most 200 ms and at most 0.1 % errors."""

    identity: Identity | None = None
    """Where the service says which environment it is. Without it that is not checked: SKIPPED."""

    probe: Probe
    """The open-loop probe that runs beside Locust."""

    variables: dict[Annotated[str, AfterValidator(_variable)], TextOrSecret] = Field(default_factory=dict)
    """Environment variables of the Locust files, such as a test user's password. They see no others but PATH, HOME,
    LANG, LC_ALL and TMPDIR."""

    headers: Headers = Field(default_factory=dict)
    """Sent with the requests of the probe and for the identity. In the form of `[health] headers`."""

    ca_file: Path | None = None
    """CA certificates that are trusted in addition to the system's."""

    database: AddressOrSecret | None = None
    """PostgreSQL of the tested environment, whose connections and slow queries are read during the test. In the form of
    `[database] url`."""

    data_set: Annotated[str, Field(max_length=80)] = ""
    """Name of the data in that environment. Runs are compared only with those of the same."""

    workers: Workers = Workers()
    """Processes and machines that make the load."""

    limits: LoadLimits = LoadLimits()
    """Limits of load tests."""

    @property
    def profiles(self) -> dict[str, Profile]:
        """Every profile by its name."""
        return {profile.name: profile for profile in (*BUILT_IN, *self.profile)}

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        each_once(value, "a host")
        return value

    @field_validator("database")
    @classmethod
    def _database(cls, value: str | SecretRef | None) -> str | SecretRef | None:
        if isinstance(value, str) and has_password(check_database_url(value)):
            raise ValueError(SECRET_URL)
        return value

    @field_validator("profile")
    @classmethod
    def _profiles(cls, value: tuple[Profile, ...]) -> tuple[Profile, ...]:
        each_once((profile.name for profile in value), "a name")
        return value

    def allows(self, url: str) -> bool:
        """True if load may go to the host of an address."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        host = f"[{host}]" if ":" in host else host
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return host in self.hosts or f"{host}:{port}" in self.hosts

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.allows(self.base_url):
            raise ValueError(f"base_url: its host is not in hosts, which are {', '.join(self.hosts)}")
        if self.scheduled not in self.profiles:
            raise ValueError(
                f"scheduled: there is no profile {self.scheduled!r}; there are: {', '.join(self.profiles)}"
            )
        steps = {step.users for profile in self.profiles.values() for step in profile.steps}
        for gate in self.gate:
            if gate.users is not None and gate.users not in steps:
                there = ", ".join(str(users) for users in sorted(steps))
                raise ValueError(f"gate: no profile has a step of {gate.users} users; there are steps of {there}")
        for profile in self.profiles.values():
            own = profile in self.profile
            if own and profile.most_users > self.limits.max_users:
                raise ValueError(f"profile {profile.name}: {profile.most_users} users are more than limits.max_users")
            if own and profile.duration_s > self.limits.max_duration_s:
                raise ValueError(f"profile {profile.name}: {profile.duration_s:g} s is more than limits.max_duration_s")
        return self
