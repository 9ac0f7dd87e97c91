"""[backups] and [[databases]] of a service file: what is backed up, where to, and what a restored copy must answer."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator, model_validator

from tasks.backups.limits import BackupLimits
from tasks.configuration import HttpUrl, Model, SecretRef, Slug, TextOrSecret, each_once
from tasks.database.settings import check_database_url, has_password

HISTORY = "history"
"""The name of the product's own database among those that are backed up."""

Command = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
Days = Annotated[int, Field(ge=1, le=3660)]
Hours = Annotated[float, Field(gt=0, le=24 * 366)]
Minutes = Annotated[float, Field(gt=0, le=24 * 60)]
Content = Literal["sampled", "whole", "off"]
_SECRET_LIVE = 'an address with a password is a secret: use { env = "NAME" } or { file = "/path" }'


class NotApplicable(Model):
    """Why something is not looked at here."""

    not_applicable: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]


class Invariant(Model):
    """A number that one statement asks of the restored copy, and what it must be."""

    name: Slug
    sql: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both: an invariant needs a limit")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


class Offsite(Model):
    """A second place, which the same files must have reached: a path, or an S3-compatible store."""

    pattern: str | None = None
    s3: str | None = None
    """`s3://BUCKET/PREFIX`; needs opsrounds[s3]."""

    endpoint_url: HttpUrl | None = None
    region: str = "us-east-1"
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None
    within_h: Hours = 26.0
    """A copy may arrive so much later than the backup was made."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.pattern is None) == (self.s3 is None):
            raise ValueError('give pattern = "/path/name-*.dump" or s3 = "s3://BUCKET/PREFIX", not both')
        if self.s3 is not None and not (self.s3.startswith("s3://") and len(self.s3.split("/")[2]) > 2):
            raise ValueError("s3 is s3://BUCKET or s3://BUCKET/PREFIX")
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key belong together")
        return self


class BackedUp(Model):
    """One database's backups. Times in hours, minutes or days as the names say."""

    pattern: str | None = None
    """Glob of the backups, from the service file's folder; `*` becomes the time where one is taken."""

    live: TextOrSecret | None = None
    """The running database, for a role that only reads: what a restored copy is held against."""

    every_h: Hours = 24.0
    rpo_h: Hours = 26.0
    """So old may the newest backup be: the interval, and what taking one may last."""

    rto_min: Minutes = 60.0
    """The guide's incident table: resolved within an hour."""

    keep_days: Days = 14
    content: Content = "sampled"
    """Of which rows `rounds backup take` records a hash, and a drill compares it."""

    encrypted: bool = False
    """True: a backup that anybody can read is a failure."""

    decrypt: Command | None = None
    """Reads an encrypted backup on stdin and writes it in plain to stdout."""

    offsite: Offsite | None = None
    copy_command: Command | None = None
    """Of a managed database: restores a snapshot, then prints its address, and its time on the next line."""

    drop_command: Command | None = None
    """Takes that copy away again; the address is in OPSROUNDS_COPY."""

    smoke: Command | None = None
    """Starts the service on the restored copy (DATABASE_URL) and tests it: exit status 0."""

    smoke_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 120.0
    invariants: tuple[Invariant, ...] = ()
    newest_row: NotApplicable | None = None
    """`{ not_applicable = "reason" }` for a database in which no table has a time."""

    synthetic: bool = False
    """True: the older backups are made up, and every report says so."""

    @field_validator("live")
    @classmethod
    def _live(cls, value: str | SecretRef | None) -> str | SecretRef | None:
        if isinstance(value, str) and not value.startswith("sqlite:///"):
            check_database_url(value)
            if has_password(value):
                raise ValueError(_SECRET_LIVE)
        return value

    @field_validator("pattern")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip() or value.endswith("/") or "\0" in value):
            raise ValueError("a pattern names files, such as backups/shop-*.dump")
        return value

    @field_validator("invariants")
    @classmethod
    def _invariants(cls, value: tuple[Invariant, ...]) -> tuple[Invariant, ...]:
        each_once((invariant.name for invariant in value), "a name")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.rpo_h < self.every_h:
            raise ValueError(f"rpo_h {self.rpo_h:g} is shorter than every_h {self.every_h:g}: it could never be met")
        if self.drop_command is not None and self.copy_command is None:
            raise ValueError("drop_command needs copy_command")
        return self


class Database(BackedUp):
    """One of the service's databases and its backups."""

    name: Slug

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.name == HISTORY:
            raise ValueError(f"{HISTORY!r} is the name of opsrounds' own database: set [backups.history]")
        if (self.pattern is None) == (self.copy_command is None):
            raise ValueError("give pattern, or copy_command for a managed database, not both")
        return self


HistoryBackups = Annotated[
    Annotated[BackedUp, Tag("backups")] | Annotated[NotApplicable, Tag("not applicable")],
    Discriminator(
        lambda value: (
            "not applicable"
            if isinstance(value, NotApplicable) or (isinstance(value, dict) and "not_applicable" in value)
            else "backups"
        )
    ),
]


class Backups(Model):
    """How restore drills are done; the history database is always one of those that are drilled."""

    history: HistoryBackups = BackedUp()
    databases: NotApplicable | None = None
    """`{ not_applicable = "reason" }` for a service without a database; else [[databases]] names them."""

    folder: Path | None = None
    """Where throw-away servers keep their data during a drill; default: the system's folder for temporary files."""

    postgres: tuple[Path, ...] = ()
    """Folders with PostgreSQL's programs, looked at first; then the embedded ones, PATH and the usual places."""

    deadline_min: Annotated[float, Field(ge=1, le=24 * 60)] = 120.0
    """The longest that one database's drill may take."""

    disk_factor: Annotated[float, Field(ge=1, le=100)] = 6.0
    """Free disk needed for a drill, as a multiple of the backup's size; a manifest knows it better."""

    jobs: Annotated[int, Field(ge=1, le=64)] = 2
    """Parallel workers of pg_restore."""

    exact_rows: Annotated[int, Field(ge=0)] = 5_000_000
    """Live tables with more rows, by PostgreSQL's own estimate, are not counted but estimated."""

    limits: BackupLimits = BackupLimits()

    @field_validator("history")
    @classmethod
    def _history(cls, value: BackedUp | NotApplicable) -> BackedUp | NotApplicable:
        if set_ := sorted({"live", "copy_command", "drop_command"} & value.model_fields_set):
            raise ValueError(f"{', '.join(set_)} cannot be set: [history] url says where the history database is")
        return value
