"""One TOML file per operated service: read, checked, and every error named with its key."""

import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    StringConstraints,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tasks.check_result import verbatim
from tasks.delivery.smtp import parse_smtp_url
from tasks.errors import UsageError
from tasks.guide.lines import BUILTIN, GuideLine, GuideOverride
from tasks.health.limits import HealthLimits

SERVICES_VARIABLE = "OPSROUNDS_SERVICES"
_LOCALES = Literal["ja", "en"]
_HTTP = "must be http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], without query or fragment"
_SECRET = 'a secret is { env = "NAME" }, { file = "/path" } or { block = "prefect-secret-name" }'
_SLUG = r"^[a-z0-9][a-z0-9-]{0,39}$"
_ADDRESS = re.compile(r"[^\s@<>\",;:()\\]+@[^\s@<>\",;:()\\]+")
_HEADER = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
_Item = TypeVar("_Item")


class ConfigurationError(UsageError):
    """A service file cannot be used; `problems` holds one sentence a key."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))
        self.path = path
        self.problems = tuple(problems)


class Model(BaseModel):
    """The base of every section: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SecretRef(Model):
    """Where a secret is kept; exactly one of the three."""

    env: str | None = None
    file: Path | None = None
    block: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_place(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError(f"a secret never stands in the file itself: {_SECRET}")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.env, self.file, self.block)) != 1:
            raise ValueError(_SECRET)
        return self


# A dictionary can only be a secret: a mistake in it is told as such, and once.
TextOrSecret = Annotated[
    Annotated[str, Tag("text")] | Annotated[SecretRef, Tag("secret")],
    Discriminator(lambda value: "secret" if isinstance(value, dict | SecretRef) else "text"),
]


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:  # its text repeats the address, with a password if there is one
        raise ValueError(f"is no address: {_HTTP}") from None
    if "@" in parts.netloc:
        raise ValueError("must hold no user or password; put credentials into [health.headers] as a secret")
    if parts.scheme not in ("http", "https") or not host or port == 0 or re.search(r"[\s?#\\]", value):
        raise ValueError(_HTTP)
    return value.rstrip("/")


def _each_once(items: Iterable[_Item], what: str) -> None:
    twice = [item for item, times in Counter(items).items() if times > 1]
    if twice:
        raise ValueError(f"{what} must not be listed twice: {', '.join(map(str, twice))}")


class Service(Model):
    """Who is operated, and where."""

    name: Annotated[str, Field(pattern=_SLUG)]
    base_url: str
    environment: str = "production"
    timezone: str = "UTC"
    modules: tuple[str, ...] = ()
    owner: str | None = None

    _base_url = field_validator("base_url")(_http_url)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone; use one such as Asia/Tokyo or UTC")
        return value


class Instance(Model):
    """One running copy of the service, looked at by itself."""

    name: Annotated[str, Field(pattern=_SLUG)]
    base_url: str

    _base_url = field_validator("base_url")(_http_url)


# Two slashes would begin a host, "#" is never sent: both would look at another path than the one written.
UrlPath = Annotated[str, Field(pattern=r"^/([^/\s#\x00-\x1f\x7f][^\s#\x00-\x1f\x7f]*)?$")]
HeaderName = Annotated[str, Field(pattern=_HEADER)]


class Health(Model):
    """Where the service tells of itself. A path that is left out is not looked at, and the report says so."""

    live: UrlPath | None = None
    ready: UrlPath | None = None
    report: UrlPath | None = None
    requests: tuple[UrlPath, ...] = ()
    components: tuple[str, ...] = ()
    headers: dict[HeaderName, TextOrSecret] = {}
    ca_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    samples: Annotated[int, Field(ge=1, le=1000)] = 20
    limits: HealthLimits = HealthLimits()

    @field_validator("requests")
    @classmethod
    def _requests(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _each_once(value, "a path")
        return value

    @model_validator(mode="after")
    def _components_are_reported(self) -> Self:
        if self.components and self.report is None:
            raise ValueError("components are read from the health report: set report too")
        return self


class Recipient(Model):
    """A person or list who gets the reports."""

    address: str
    locale: _LOCALES | None = None

    @field_validator("address")
    @classmethod
    def _address(cls, value: str) -> str:
        if not (_ADDRESS.fullmatch(value) and value.isprintable()):
            raise ValueError("must be one plain address such as ops@example.com")
        return value


class Mail(Model):
    """Who gets the reports, and through which server; without `smtp` they become .eml files."""

    sender: str = "opsrounds@localhost"
    to: tuple[Recipient, ...] = ()
    smtp: str | None = None
    username: TextOrSecret | None = None
    password: SecretRef | None = None
    ca_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=30)] = 20.0

    @field_validator("sender")
    @classmethod
    def _sender(cls, value: str) -> str:
        return Recipient(address=value).address

    @field_validator("smtp")
    @classmethod
    def _smtp(cls, value: str | None) -> str | None:
        if value is not None:
            parse_smtp_url(value)
        return value

    @field_validator("to")
    @classmethod
    def _to(cls, value: tuple[Recipient, ...]) -> tuple[Recipient, ...]:
        _each_once((recipient.address for recipient in value), "an address")
        return value

    @model_validator(mode="after")
    def _login(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together: set both, or neither for a server without a login")
        return self


class History(Model):
    """Where results are kept: SQLite beside the service file unless said otherwise."""

    url: TextOrSecret = "sqlite:///opsrounds.db"

    @field_validator("url")
    @classmethod
    def _url(cls, value: str | SecretRef) -> str | SecretRef:
        if isinstance(value, str):
            check_history_url(value)
            url = make_url(value)
            if url.password or "password" in url.query:
                raise ValueError('an address with a password is a secret: use { env = "NAME" } or { file = "/path" }')
        return value


class Reports(Model):
    """Where reports go, in which languages (the first is the main one), and where readers find them."""

    output: Path = Path("reports/output")
    base_url: str | None = None
    locales: Annotated[tuple[_LOCALES, ...], Field(min_length=1)] = ("ja", "en")

    @field_validator("locales")
    @classmethod
    def _locales(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _each_once(value, "a language")
        return value

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, value: str | None) -> str | None:
        return None if value is None else _http_url(value)


class NotApplicable(Model):
    """Why a checklist line is left out for this service."""

    not_applicable: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]


LineSaid = Annotated[
    Annotated[tuple[str, ...], Field(min_length=1), Tag("checks")] | Annotated[NotApplicable, Tag("not applicable")],
    Discriminator(lambda value: "not applicable" if isinstance(value, dict | NotApplicable) else "checks"),
]


class Guide(Model):
    """Lines of the built-in guide given other checks, left out with a reason, or added."""

    daily: dict[str, LineSaid] = {}

    @field_validator("daily")
    @classmethod
    def _daily(cls, value: dict[str, Any]) -> dict[str, Any]:
        for line in BUILTIN["daily-checklist"]:
            if len(keys := [name for name in line.names if name in value]) > 1:
                raise ValueError(f"these are one line of the guide, keep one of them: {', '.join(keys)}")
        return value


class Settings(Model):
    """Everything that is known of one service before anything is looked at."""

    service: Service
    instances: tuple[Instance, ...] = ()
    health: Health | None = None
    mail: Mail = Mail()
    history: History = History()
    reports: Reports = Reports()
    guide: Guide = Guide()
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
    def zone(self) -> ZoneInfo:
        """The zone in which days, weeks and months of this service begin."""
        return ZoneInfo(self.service.timezone)

    def targets(self) -> tuple[Instance, ...]:
        """The running copies to look at: those listed, else the service's own address."""
        return self.instances or (Instance(name="service", base_url=self.service.base_url),)

    def guide_lines(self, flow: str) -> tuple[GuideLine, ...]:
        """A checklist's lines in the guide's order, with what this file says of them; added lines come last."""
        said = self.guide.daily if flow == "daily-checklist" else {}
        builtin = BUILTIN.get(flow, ())
        lines = [_overridden(line, _said(line, said)) for line in builtin]
        own = [key for key in said if not any(key in line.names for line in builtin)]
        return (
            *lines,
            *(_overridden(GuideLine(key, verbatim(key), ()), _as_override(said[key])) for key in own),
        )

    @field_validator("instances")
    @classmethod
    def _instances(cls, value: tuple[Instance, ...]) -> tuple[Instance, ...]:
        _each_once((instance.name for instance in value), "a name")
        # The second of one address would be judged without ever being looked at.
        _each_once((instance.base_url for instance in value), "a base_url")
        return value


def check_history_url(value: str) -> str:
    """The address of a history database; raises ValueError if it is neither SQLite nor PostgreSQL."""
    try:
        backend = make_url(value).get_backend_name()
    except (ArgumentError, ValueError):  # their texts may repeat a password
        backend = ""
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("must be sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    return value


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
        raise ConfigurationError(path, [_problem(e, data) for e in error.errors(include_input=False)]) from None
    settings._path = path
    return settings


def services_folder() -> Path:
    """Where this machine keeps its service files (OPSROUNDS_SERVICES: a folder or one file)."""
    return Path(os.environ.get(SERVICES_VARIABLE, "services")).absolute()


def use_services(place: Path) -> None:
    """Make `place` the services of this process and of those it starts."""
    os.environ[SERVICES_VARIABLE] = str(place.absolute())


def find_services(place: Path) -> dict[str, Settings]:
    """Every service of a folder by its name; raises ConfigurationError if there is none or a name comes twice."""
    files = [place] if place.is_file() else sorted(place.glob("*.toml"))
    if not files:
        raise ConfigurationError(place, ["no service file (*.toml) is there"])
    found: dict[str, Settings] = {}
    for file in files:
        settings = load_settings(file)
        if (other := found.get(settings.service.name)) is not None:
            raise ConfigurationError(
                file, [f"service.name: {settings.service.name!r} is also the name in {other.path}"]
            )
        found[settings.service.name] = settings
    return found


def find_service(name: str) -> Settings:
    """The service of a name on this machine; raises ConfigurationError naming those that are there."""
    place = services_folder()
    found = find_services(place)
    if name not in found:
        raise ConfigurationError(place, [f"no service is named {name!r}; there are: {', '.join(sorted(found))}"])
    return found[name]


def _said(line: GuideLine, said: dict[str, Any]) -> GuideOverride:
    return next((_as_override(said[name]) for name in line.names if name in said), GuideOverride())


def _as_override(value: tuple[str, ...] | NotApplicable) -> GuideOverride:
    if isinstance(value, NotApplicable):
        return GuideOverride(not_applicable=value.not_applicable)
    return GuideOverride(checks=value)


def _overridden(line: GuideLine, override: GuideOverride) -> GuideLine:
    checks = line.checks if override.checks is None else override.checks
    return replace(line, checks=checks, not_applicable=override.not_applicable)


_ADVICE = {
    "extra_forbidden": "unknown key; known are {known}",
    "missing": "is required",
    "model_type": "must be a table with the keys {known}",
    "too_short": "must hold at least one value",
    "tuple_type": "must be a list",
}


def _problem(error: Any, data: Any) -> str:
    advice = _ADVICE.get(error["type"])
    text = advice.format(known=_known(error["loc"])) if advice else error["msg"].removeprefix("Value error, ")
    return f"{'.'.join(_key(error['loc'], data, missing=error['type'] == 'missing'))}: {text}"


def _known(location: tuple[int | str, ...]) -> str:
    """The keys of the innermost section that a location is in."""
    section: type[BaseModel] = Settings
    for part in location:
        if (field := section.model_fields.get(str(part))) is not None:
            section = _section(field.annotation) or section
    return ", ".join(section.model_fields)


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _section(inner))), None)


def _key(location: tuple[int | str, ...], data: Any, *, missing: bool) -> Iterator[str]:
    """The parts of a location that the file has; pydantic's also name the branch of a union."""
    for place, part in enumerate(location):
        if isinstance(data, dict | list) and (part in data if isinstance(data, dict) else isinstance(part, int)):
            data = data[part]  # type: ignore[index]
            yield str(part)
        elif missing and place == len(location) - 1:
            yield str(part)
