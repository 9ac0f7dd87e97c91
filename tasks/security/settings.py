"""[source] and [security] of a service file."""

import hashlib
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from tasks.configuration import Called, GlobPattern, HttpUrl, Model, each_once, http_url
from tasks.security.limits import SecurityLimits

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=200)]
OSV_URL = "https://api.osv.dev"
_OSV_CHANGES = "https://osv-vulnerabilities.storage.googleapis.com/{ecosystem}/modified_id.csv"
_PYTHON_CANARY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9._+!-]*")
_NPM_CANARY = re.compile(r"(@[a-z0-9._-]+/)?[a-z0-9._-]+@[0-9A-Za-z.+-]+")


def _index(own: str) -> AfterValidator:
    def checked(value: str) -> str:
        if value in (own, NO_INDEX):
            return value
        if "@" in value.partition("//")[2].partition("/")[0]:
            raise ValueError(f'must hold no user or password: set "{own}", and give the address to {own} itself')
        return http_url(value)

    return AfterValidator(checked)


PIP_INDEX, NPM_INDEX, NO_INDEX = "pip", "npm", "none"
PythonIndex = Annotated[
    str, _index(PIP_INDEX), Called('address, `"pip"` or `"none"`', 'addresses, `"pip"` or `"none"`')
]
NpmIndex = Annotated[str, _index(NPM_INDEX), Called('address, `"npm"` or `"none"`', 'addresses, `"npm"` or `"none"`')]


class Source(Model):
    """The service's source tree and its lock files, as the security scan reads them."""

    path: Path
    """Folder of the source tree, from the service file's folder."""

    exclude: tuple[GlobPattern, ...] = ()
    """Paths in the tree that are not scanned, such as `vendor/**`. Folders such as `.git`, `node_modules` and virtual
    environments never are."""

    locks: tuple[str, ...] | None = None
    """Lock files, as paths in the tree: `requirements*.txt`, `pylock*.toml`, `uv.lock`, `package-lock.json`,
    `pnpm-lock.yaml`, `yarn.lock`. Without it they are found by these names."""

    environment: Path | None = None
    """Virtual environment whose installed packages are audited as well, from the service file's folder."""

    no_python: Reason | None = None
    """Why the tree holds no Python. Without it, a tree without Python files is a failed scan."""

    no_dependencies: Reason | None = None
    """Why the service has no packages. Without it, a tree without a lock file, or with empty ones, is a failed scan."""

    secrets_baseline: Path | None = None
    """Baseline of detect-secrets, as a path in the tree: secrets that it lists are not reported, but counted."""

    max_file_kb: Annotated[int, Field(ge=1, le=20_000)] = 2000
    """Larger files are not scanned: the scan is then partial and lists them."""

    deadline_min: Annotated[float, Field(gt=0, le=240)] = 30.0
    """Time that one scanner may take for one target; then it is ended and tried once more."""

    max_memory_mb: Annotated[int, Field(ge=256)] = 4096
    """Address space of a scanner's process."""

    @property
    def digest(self) -> str:
        """Names what is scanned: the same for as long as tree, exclusions, lock files and environment are."""
        what = self.model_dump_json(include={"path", "exclude", "locks", "environment"})
        return hashlib.sha256(what.encode()).hexdigest()[:16]

    @field_validator("locks")
    @classmethod
    def _some_locks(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None:
            if not value:
                raise ValueError("must hold at least one value; a service without packages sets no_dependencies")
            each_once(value, "a lock file")
        return value

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if self.no_dependencies is not None and (self.locks is not None or self.environment is not None):
            raise ValueError("no_dependencies says that there are none: remove it, or locks and environment")
        return self


class Advisories(Model):
    """Where known vulnerabilities are asked for."""

    source: Literal["osv", "pypi"] = "osv"
    """`osv`: an endpoint with OSV's API, for Python and npm. `pypi`: PyPI for Python, OSV for npm and severities."""

    url: HttpUrl = OSV_URL
    """OSV endpoint, without `/v1/…`."""

    changes_url: HttpUrl | None = None
    """List of changes whose first line begins with the time of the newest one, as OSV's `modified_id.csv` does;
    `{ecosystem}` becomes PyPI or npm. Default: OSV's own list for OSV's own address; of another endpoint, the newest
    record that it gives tells its age."""

    index_url: PythonIndex = PIP_INDEX
    """Simple index that is asked whether each Python package exists in its version. `pip`: the one that pip uses on
    this machine, with its user and password. `none`: it is not asked. With source `pypi` it never is: PyPI tells."""

    npm_index_url: NpmIndex = NPM_INDEX
    """Registry that is asked whether each npm package exists in its version. `npm`: the one of npm's environment
    variable or of `~/.npmrc`, else npm's own. `none`: it is not asked."""

    python_canary: str = "jinja2==2.10"
    """Python package that the feed must know as vulnerable: proof that it answers."""

    npm_canary: str = "minimist@0.0.8"
    """npm package that the feed must know as vulnerable."""

    ca_file: Path | None = None
    """CA certificates that are trusted in addition to the system's. pip's own, if any, are used for its index."""

    timeout_s: Annotated[float, Field(gt=0, le=120)] = 20.0
    """Time limit of one request."""

    @field_validator("python_canary")
    @classmethod
    def _python(cls, value: str) -> str:
        if not _PYTHON_CANARY.fullmatch(value):
            raise ValueError("must be NAME==VERSION, such as jinja2==2.10")
        return value

    @field_validator("npm_canary")
    @classmethod
    def _npm(cls, value: str) -> str:
        if not _NPM_CANARY.fullmatch(value):
            raise ValueError("must be NAME@VERSION, such as minimist@0.0.8")
        return value

    def changes(self, ecosystem: str) -> str | None:
        """Where the newest change of an ecosystem's advisories is read; None: nowhere."""
        given = self.changes_url or (_OSV_CHANGES if self.url == OSV_URL else None)
        return None if given is None else given.replace("{ecosystem}", ecosystem)


class Surface(Model):
    """What of the running service is checked from outside."""

    url: HttpUrl | None = None
    """Address whose headers, cookies and certificate users get. Default: `[service] base_url`."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)] = ("/",)
    """Paths that are asked for."""

    ca_file: Path | None = None
    """CA certificates that are trusted in addition to the system's."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Time limit of one request."""

    @field_validator("paths")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        each_once(value, "a path")
        if bad := [path for path in value if not path.startswith("/") or not path.isprintable()]:
            raise ValueError(f"a path begins with /: {', '.join(map(repr, bad))}")
        return value


class Role(Model):
    """The role under which the service uses its database; read over `[database]`."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the role."""

    schemas: tuple[str, ...] = ()
    """Schemas that it may own or create in."""

    no_login_rules: Reason | None = None
    """Why `pg_hba.conf` cannot be read, such as a managed database. Without it, rules that cannot be read are
    UNKNOWN."""


class Audit(Model):
    """The service's audit log: JSON lines, also packed with gzip."""

    paths: Annotated[tuple[GlobPattern, ...], Field(min_length=1)]
    """Paths or glob patterns from the service file's folder; they must match the rotated files too."""

    time: str = "timestamp"
    """Field with the time of a line: ISO 8601, or seconds or milliseconds since 1970. A dot leads into an object."""

    event: str = "event"
    """Field with the kind of event."""

    failures: tuple[GlobPattern, ...] = ("*login*fail*", "*auth*fail*", "*denied*")
    """Events that are failed authentications."""

    privileges: tuple[GlobPattern, ...] = ("*role*", "*permission*", "*privilege*", "*grant*", "*revoke*")
    """Events that are changes of privileges."""

    retention_days: Annotated[int, Field(ge=1, le=3660)] = 365
    """Days that the log must reach back."""

    since: date | None = None
    """Day on which the log began; before, nothing can be kept."""


class Security(Model):
    """Security scans and the weekly security alert review."""

    waivers: Path = Path("waivers.toml")
    """File of waivers, from the service file's folder; it need not exist."""

    advisories: Advisories = Advisories()
    """Where known vulnerabilities are asked for."""

    surface: Surface = Surface()
    """What of the running service is checked from outside."""

    role: Role | None = None
    """The service's own database role. Without it, least privilege is not checked: SKIPPED."""

    audit: Audit | None = None
    """The service's audit log. Without it, the checks of the audit log are SKIPPED."""

    test: tuple[str, ...] = ()
    """Command and arguments that test a patched copy of the tree (`rounds findings fix`), run in that copy without a
    shell."""

    limits: SecurityLimits = SecurityLimits()
    """Limits."""

    synthetic: bool = False
    """True for a history of scans that were generated: every review says so."""

    @field_validator("test", mode="before")
    @classmethod
    def _a_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError("must be a list: program and arguments, which no shell splits")
        return value
