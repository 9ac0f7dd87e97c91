"""One TOML file per operated service: read, checked, and every error named with its key."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tasks.alerts.settings import Alerts
from tasks.backups.settings import Backups
from tasks.backups.settings import Database as BackedUpDatabase
from tasks.capacity.settings import Capacity
from tasks.configuration import ConfigurationError, HttpUrl, Locale, Model, Slug, TimeZone, each_once
from tasks.database.settings import Database
from tasks.delivery.settings import Mail
from tasks.guide.settings import Guide
from tasks.health.settings import LONGEST_S, Health
from tasks.history.settings import SPARE_DAYS, History
from tasks.incidents.settings import Incidents
from tasks.kpi.settings import Kpi, Queue, need_sources
from tasks.load.settings import Load
from tasks.logs.settings import Logs, Route
from tasks.oncall.settings import OnCall
from tasks.performance.settings import Performance
from tasks.prometheus.settings import Metrics
from tasks.resources.settings import Resources
from tasks.schedule.settings import Scheduling
from tasks.security.settings import Security, Source
from tasks.slo.objectives import problems
from tasks.slo.settings import Slo

SERVICES_VARIABLE = "OPSROUNDS_SERVICES"


class Service(Model):
    """Who is operated, and where."""

    name: Slug
    """Lower-case letters, digits and `-`, at most 40 characters, beginning with a letter or a digit."""

    base_url: HttpUrl
    """`http://` or `https://`, without user, password, query or fragment."""

    environment: Annotated[str, Field(min_length=1, max_length=40)] = "production"
    """Shown in reports, and the environment that deploys go to."""

    timezone: TimeZone = "UTC"
    """Where the days, weeks and months of this service begin; schedules run in it."""

    owner: str | None = None
    """Named beside each action in the report."""

    modules: tuple[Slug, ...] = ()
    """Modules that must write to the log; others are watched once they usually do. In the form of `name`, each once."""

    @field_validator("modules")
    @classmethod
    def _modules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        each_once(value, "a module")
        return value


class Instance(Model):
    """One running copy of the service, checked by itself."""

    name: Slug
    """In the form of `[service] name`; each once."""

    base_url: HttpUrl
    """In the form of `[service] base_url`; each once."""


class Reports(Model):
    """Where reports go, in which languages (the first is the main one), and where readers find them."""

    output: Path = Path("reports/output")
    """Folder of the archive."""

    base_url: HttpUrl | None = None
    """Where readers find the archive; used for the links in mails."""

    locales: Annotated[tuple[Locale, ...], Field(min_length=1)] = ("ja", "en")
    """Languages of the pages; the first is the main one."""

    keep_days: Annotated[int, Field(ge=45)] | None = None
    """Days after which a report's pages are removed from the archive, the newest of each flow excepted. The round stays
    in the history: `rounds report rebuild` writes its pages again. Default: they are kept."""

    @field_validator("locales")
    @classmethod
    def _locales(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        each_once(value, "a language")
        return value


class Settings(Model):
    """Everything that is known of one service before anything is observed."""

    service: Service
    """The operated service."""

    instances: tuple[Instance, ...] = ()
    """Running copies of the service, each checked by itself. Without any, `[service] base_url` is the only one."""

    health: Health | None = None
    """HTTP probes and test requests. A path that is not set is not checked: SKIPPED, with that reason."""

    logs: Logs = Logs()
    """How log lines are read and counted. Without a `[[logs.source]]` the error log review has only SKIPPED checks."""

    routes: tuple[Route, ...] = ()
    """Which module answers which path; the first that matches counts."""

    metrics: Metrics | None = None
    """A Prometheus, or a server with its query API."""

    database: Database | None = None
    """The service's own PostgreSQL, 14 or later; not a pooler. The role needs `pg_monitor`. One connection serves all
    checks and the SQL of queues and business KPIs: CONNECTION LIMIT 1 is enough."""

    resources: Resources | None = None
    """Which machines are checked; an empty table checks this one."""

    queues: tuple[Queue, ...] = ()
    """Job queues; each value that is queried needs its limit."""

    kpi: tuple[Kpi, ...] = ()
    """Business KPIs and their expected ranges."""

    backups: Backups | None = None
    """Verification of backups by restore drills. Without it the backup verification has only SKIPPED checks; it may be
    empty."""

    databases: tuple[BackedUpDatabase, ...] = ()
    """The service's databases and their backups; needs `[backups]`."""

    source: Source | None = None
    """The source tree and the lock files that the security scan reads. Without it code, packages and secrets are not
    scanned: SKIPPED."""

    security: Security | None = None
    """Security scans and the weekly security alert review; it may be empty. Without it and without `[source]` they have
    only SKIPPED checks."""

    load: Load | None = None
    """Load tests. Without it there are none: SKIPPED."""

    performance: Performance = Performance()
    """The weekly performance report; it needs a `[[logs.source]]` whose requests are counted."""

    capacity: Capacity = Capacity()
    """Capacity planning, from what monitoring stores."""

    slo: Slo = Slo()
    """Service level objectives, burn rate alerts and error budget policy."""

    alerts: Alerts | None = None
    """Alerts between two reports, from what monitoring stores every minute; it may be empty. Without it there are
    none."""

    incidents: Incidents = Incidents()
    """The monthly incident review."""

    oncall: OnCall = OnCall()
    """The team and its on-call rota."""

    schedule: Scheduling = Scheduling()
    """How the daily checklist judges the monitoring and the scheduled flows."""

    mail: Mail = Mail()
    """Who gets the reports by mail, and over which server."""

    history: History = History()
    """Where results are stored."""

    reports: Reports = Reports()
    """Where reports are written, in which languages, and where readers find them."""

    guide: Guide = Guide()
    """Changes to the built-in checklists. The SLO report follows the monthly item `slo`, the backup verification the
    weekly item `backups`."""

    _path: Path = PrivateAttr(default=Path("service.toml"))

    @property
    def path(self) -> Path:
        """The service file; relative paths in it start from its folder."""
        return self._path

    @property
    def output(self) -> Path:
        """The archive's folder."""
        return self._path.parent / self.reports.output

    @property
    def waivers(self) -> Path:
        """The file of waivers; it need not exist."""
        return self._path.parent / (self.security or Security()).waivers

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which days, weeks and months of this service begin."""
        return ZoneInfo(self.service.timezone)

    def targets(self) -> tuple[Instance, ...]:
        """The running copies to look at: those listed, else the service's own address."""
        return self.instances or (Instance(name="service", base_url=self.service.base_url),)

    @field_validator("instances")
    @classmethod
    def _instances(cls, value: tuple[Instance, ...]) -> tuple[Instance, ...]:
        each_once((instance.name for instance in value), "a name")
        # The second of one address would be judged without ever being checked.
        each_once((instance.base_url for instance in value), "a base_url")
        return value

    @field_validator("resources")
    @classmethod
    def _resources(cls, value: Resources | None, info: ValidationInfo) -> Resources | None:
        if value is not None and value.prometheus is not None and info.data.get("metrics", True) is None:
            raise ValueError("prometheus needs [metrics]: set its prometheus_url")
        return value

    @field_validator("queues")
    @classmethod
    def _queues(cls, value: tuple[Queue, ...], info: ValidationInfo) -> tuple[Queue, ...]:
        each_once((queue.name for queue in value), "a name")
        named = [(f"{queue.name}.{figure}", query) for queue in value for figure, query, _ in queue.figures]
        need_sources(named, **_sources(info))
        return value

    @field_validator("kpi")
    @classmethod
    def _kpi(cls, value: tuple[Kpi, ...], info: ValidationInfo) -> tuple[Kpi, ...]:
        each_once((kpi.name for kpi in value), "a name")
        need_sources([(kpi.name, kpi.query) for kpi in value], **_sources(info))
        return value

    @field_validator("databases")
    @classmethod
    def _databases(cls, value: tuple[BackedUpDatabase, ...], info: ValidationInfo) -> tuple[BackedUpDatabase, ...]:
        each_once((database.name for database in value), "a name")
        if value and info.data.get("backups", True) is None:
            raise ValueError("they are verified only with [backups]: add that section (it may be empty)")
        backups = info.data.get("backups")
        if value and backups is not None and backups.databases is not None:
            raise ValueError("[backups] databases declares that there are none: remove one of the two")
        return value

    def known_modules(self) -> tuple[str, ...]:
        """The modules that the file names, by themselves or with a route."""
        routed = (route.module for route in self.routes if route.module is not None)
        return tuple(dict.fromkeys((*self.service.modules, *routed)))

    @model_validator(mode="after")
    def _slo_is_measurable(self) -> Self:
        health = self.health or Health()
        found = problems(
            self.slo,
            modules=self.known_modules(),
            routes=[route.pattern for route in self.routes],
            bounds_ms=self.logs.latency_bounds_ms,
            kpis=[kpi.name for kpi in self.kpi if kpi.floor is not None],
            probes=[name for name in ("live", "ready") if getattr(health, name) is not None],
            sources=self.sources_of_requests(),
        )
        if text := "\n".join(f"slo: {problem}" for problem in found):
            raise ValueError(text)
        return self

    @model_validator(mode="after")
    def _windows_are_kept(self) -> Self:
        kept = self.history.keep_minutes_days
        for objective in self.slo.objective:
            if objective.window.endswith("d") and (least := int(objective.window[:-1]) + SPARE_DAYS) > kept:
                raise ValueError(
                    f"history.keep_minutes_days must be at least {least}: the objective {objective.name} has the "
                    f"window {objective.window}"
                )
        return self

    @model_validator(mode="after")
    def _load_gates_name_modules(self) -> Self:
        known = self.known_modules()
        gates = () if self.load is None else self.load.gate
        unknown = dict.fromkeys(gate.module for gate in gates if gate.module is not None and gate.module not in known)
        if known and unknown:
            raise ValueError(
                "\n".join(
                    f"load.gate: no module {module!r} in service.modules or [[routes]]; known: {', '.join(known)}"
                    for module in unknown
                )
            )
        return self

    def sources_of_requests(self) -> tuple[str, ...]:
        """Where requests are counted: `logs`, `metrics`."""
        counted = any(source.requests for source in self.logs.source)
        return (*(("logs",) if counted else ()), *(("metrics",) if self.metrics is not None else ()))

    @model_validator(mode="after")
    def _ends_in_time(self) -> Self:
        addresses = {self.service.base_url, *(instance.base_url for instance in self.targets())}
        https = [address for address in addresses if address.startswith("https:")]
        longest_s = 0 if self.health is None else self.health.longest_s(len(self.targets()), len(https))
        if longest_s > LONGEST_S:
            raise ValueError(
                f"health: looking at everything could take {longest_s:.0f} s, more than {LONGEST_S:.0f}; "
                "lower samples or timeout_s, or list fewer requests"
            )
        return self


def _sources(info: ValidationInfo) -> dict[str, bool]:
    """Which sources a file names; one with a mistake in it is reported by itself."""
    return {name: info.data.get(name, True) is not None for name in ("database", "metrics")}


def load_settings(path: Path) -> Settings:
    """The settings of a service file; raises ConfigurationError with every problem found."""
    path = path.absolute()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(path, [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError(path, ["is not UTF-8 text"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(path, [f"is not TOML: {error}"]) from None
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        problems = [_problem(e, data) for e in error.errors(include_input=False)]
        raise ConfigurationError(path, [line for problem in problems for line in problem.splitlines()]) from None
    settings._path = path
    return settings


def services_folder() -> Path:
    """Where this machine keeps its service files (OPSROUNDS_SERVICES: a folder or one file)."""
    return Path(os.environ.get(SERVICES_VARIABLE, "services")).absolute()


def use_services(place: Path) -> None:
    """Make `place` the services of this process and of those it starts."""
    os.environ[SERVICES_VARIABLE] = str(place.absolute())


def find_services(place: Path) -> dict[str, Settings]:
    """Every service of a folder by its name; raises ConfigurationError for the first file that cannot be used."""
    found, broken = usable_services(place)
    if broken:
        raise broken[0]
    return found


def usable_services(place: Path) -> tuple[dict[str, Settings], list[ConfigurationError]]:
    """The services of a folder by their names, and why other files cannot be used.

    Raises ConfigurationError if there is no file.
    """
    files = [place] if place.is_file() else sorted(place.glob("*.toml"))
    if not files:
        raise ConfigurationError(place, ["no service file (*.toml) is there"])
    found: dict[str, Settings] = {}
    broken: list[ConfigurationError] = []
    for file in files:
        try:
            settings = load_settings(file)
        except ConfigurationError as error:
            broken.append(error)
            continue
        if (other := found.setdefault(settings.service.name, settings)) is not settings:
            problem = f"service.name: {settings.service.name!r} is also the name in {other.path}"
            broken.append(ConfigurationError(file, [problem]))
    waivers = {settings.waivers for settings in found.values()}  # they may lie beside the service files
    return found, [error for error in broken if error.path not in waivers]


def find_service(name: str) -> Settings:
    """The service of a name on this machine, whatever is wrong with the files of others.

    Raises ConfigurationError naming those that are there, and what is wrong with files that cannot be read.
    """
    place = services_folder()
    found, broken = usable_services(place)
    if name in found:
        return found[name]
    problems = [f"{error.path.name}: {problem}" for error in broken for problem in error.problems]
    raise ConfigurationError(
        place, [f"no service is named {name!r}; there are: {', '.join(sorted(found)) or 'none'}", *problems]
    )


def chosen_services(name: str | None) -> tuple[dict[str, Settings], list[ConfigurationError]]:
    """The service of a name; without one, every usable service of this machine, and why other files cannot be used.

    Raises ConfigurationError as `find_service` and `usable_services` do.
    """
    return ({name: find_service(name)}, []) if name else usable_services(services_folder())


_ADVICE = {
    "extra_forbidden": "unknown key; known are {known}",
    "missing": "is required",
    "model_type": "must be a table with the keys {known}",
    "too_short": "must hold at least one value",
    "tuple_type": "must be a list",
    "union_tag_invalid": "unknown {tag!r}; known are {tags}",
    "union_tag_not_found": "is required: it decides which other keys apply",
}


def _problem(error: Any, data: Any) -> str:
    advice = _ADVICE.get(error["type"])
    context = error.get("ctx", {})
    details = {"tag": context.get("tag"), "tags": context.get("expected_tags", "").replace("'", "")}
    text = (
        advice.format(known=_known(error["loc"]), **details) if advice else error["msg"].removeprefix("Value error, ")
    )
    key = ".".join(_key(error["loc"], data, missing=error["type"] == "missing"))
    if error["type"].startswith("union_tag"):
        key = f"{key}.{context['discriminator'].strip(chr(39))}"
    return "\n".join(f"{key}: {line}" for line in text.splitlines()) if key else text


def _known(location: tuple[int | str, ...]) -> str:
    """The keys of the innermost section that a location is in."""
    section: type[BaseModel] = Settings
    branches: tuple[type[BaseModel], ...] = ()
    for part in location:
        if (field := section.model_fields.get(str(part))) is not None:
            branches = tuple(_sections(field.annotation))
            section = branches[0] if branches else section
        else:  # of a union, the branch that its kind names
            section = next((branch for branch in branches if _is_kind(branch, part)), section)
    return ", ".join(section.model_fields)


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for inner in get_args(annotation):
            yield from _sections(inner)


def _is_kind(section: type[BaseModel], kind: int | str) -> bool:
    field = section.model_fields.get("kind")
    return field is not None and kind in get_args(field.annotation)


def _key(location: tuple[int | str, ...], data: Any, *, missing: bool) -> Iterator[str]:
    """The parts of a location that the file has; pydantic's also name the branch of a union."""
    for place, part in enumerate(location):
        if isinstance(data, dict | list) and (part in data if isinstance(data, dict) else isinstance(part, int)):
            data = data[part]  # type: ignore[index]
            yield str(part)
        elif missing and place == len(location) - 1:
            yield str(part)
