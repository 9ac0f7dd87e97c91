"""What every section of a service file is made of, and the error that names its file and key."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from tasks.errors import UsageError

Locale = Literal["ja", "en"]
_HTTP = "must be http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], without query or fragment"
_SECRET = 'a secret is { env = "NAME" }, { file = "/path" } or { block = "prefect-secret-name" }'
SECRET_NAME = re.compile(r"auth|cookie|token|key|secret|password", re.IGNORECASE)
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Called:
    """What the reference of the service file calls a type, and several of it."""

    one: str
    many: str


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
    """Environment variable."""

    file: Path | None = None
    """File; white space around its text is removed."""

    block: str | None = None
    """Prefect Secret block."""

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


class GivenVariables(Model):
    """A command of the team's and the variables that it is given."""

    environment: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = ()
    """Names of variables that it finds in its environment."""


class CommandAccess(GivenVariables):
    """What one of the team's commands is given, which otherwise sees its own program, the files and folders that its
    arguments name, and the backup."""

    files: tuple[Path, ...] = ()
    """Files and folders, from the service file's folder or with `~`."""

    network: bool = False
    """True: it reaches the network, as a key service needs."""


# A dictionary can only be a secret: a mistake in it is reported as such, and once.
TextOrSecret = Annotated[
    Annotated[str, Tag("text")] | Annotated[SecretRef, Tag("secret")],
    Discriminator(lambda value: "secret" if isinstance(value, dict | SecretRef) else "text"),
]
AddressOrSecret = Annotated[TextOrSecret, Called("address or secret", "addresses or secrets")]


def http_url(value: str) -> str:
    """An address without its last slash; raises ValueError, which never repeats it."""
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


def each_once(items: Iterable[_Item], what: str) -> None:
    """Raise ValueError naming what is listed twice."""
    twice = [item for item, times in Counter(items).items() if times > 1]
    if twice:
        raise ValueError(f"{what} must not be listed twice: {', '.join(map(str, twice))}")


def _slug(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", value):
        raise ValueError("must be 1 to 40 of a-z, 0-9 and -, beginning with a letter or a digit")
    return value


@cache
def time_zones() -> frozenset[str]:
    """The IANA time zones that this machine knows; to find them takes longer than to read the rest of a file."""
    return frozenset(available_timezones())


def _zone(value: str) -> str:
    if value not in time_zones():
        raise ValueError(f"{value!r} is not an IANA time zone; use one such as Asia/Tokyo or UTC")
    return value


def _header_name(value: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value):
        raise ValueError("is not the name of an HTTP header")
    return value


def _no_plain_secret(value: dict[str, str | SecretRef]) -> dict[str, str | SecretRef]:
    for name, content in value.items():
        if isinstance(content, str) and SECRET_NAME.search(name):
            raise ValueError(f'{name} looks like a secret: use {{ env = "NAME" }} or {{ file = "/path" }}')
    return value


Slug = Annotated[str, AfterValidator(_slug), Called("name", "names")]
GlobPattern = Annotated[str, Called("glob pattern", "glob patterns")]
TimeZone = Annotated[str, AfterValidator(_zone), Called("IANA time zone", "IANA time zones")]
Headers = Annotated[dict[Annotated[str, AfterValidator(_header_name)], TextOrSecret], AfterValidator(_no_plain_secret)]
HttpUrl = Annotated[str, AfterValidator(http_url), Called("address", "addresses")]


def is_loopback(host: str) -> bool:
    """True for a host name or address that is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
