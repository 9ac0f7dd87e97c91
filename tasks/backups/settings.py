"""[backups] and [[databases]] of a service file: what is backed up, where to, and what a restored copy must answer."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator, model_validator

from tasks.backups.limits import BackupLimits
from tasks.configuration import AddressOrSecret, CommandAccess, GlobPattern, HttpUrl, Model, SecretRef, Slug, each_once
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
    """Why something is not verified here."""

    not_applicable: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
    """The reason, shown in the report."""


class Invariant(Model):
    """A number that one statement asks of the restored copy, and what it must be."""

    name: Slug
    """In the form of `[service] name`; each once."""

    sql: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    """One statement that gives one number, asked of the restored database."""

    min: float | None = None
    """Below it FAIL. At least one of `min` and `max`."""

    max: float | None = None
    """Above it FAIL."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both: an invariant needs a limit")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


class Offsite(Model):
    """A second place, which the same files must have reached: a path, or an S3-compatible store."""

    pattern: GlobPattern | None = None
    """Path with `*`, `?`, `[…]`. Exactly one of `pattern` and `s3`."""

    s3: str | None = None
    """`s3://BUCKET/PREFIX`; needs `opsrounds[s3]` and the right `s3:ListBucket`."""

    endpoint_url: HttpUrl | None = None
    """Address of a store that is not AWS's."""

    region: str = "us-east-1"
    """Region of the store."""

    access_key: SecretRef | None = None
    """Together with `secret_key`, or neither: then boto3 looks for its own."""

    secret_key: SecretRef | None = None
    """Together with `access_key`."""

    within_h: Hours = 26.0
    """How much later than the backup its copy may arrive. Source: opsrounds' default."""

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

    pattern: GlobPattern | None = None
    """The backups, from the service file's folder, with `*`, `?`, `[…]`; `*` does not match `/`, and becomes the time
    in `rounds backup take`. Either this or `copy_command`. The history's default: `backups/SERVICE-history-*`."""

    live: AddressOrSecret | None = None
    """The live database, for a role that only reads: `postgresql://…` or `sqlite:///FILE`. One with a password must be
    a secret."""

    every_h: Hours = 24.0
    """How often a backup is made. Source: opsrounds' default."""

    rpo_h: Hours = 26.0
    """Longest age of the newest backup; at least `every_h`. Source: opsrounds' default, a day and two hours for the
    backup."""

    rto_min: Minutes = 60.0
    """Longest recovery. Source: the guide's SLO table, under one hour."""

    keep_days: Days = 14
    """Number of days back for which there must be backups without a gap. Source: opsrounds' default."""

    content: Content = "sampled"
    """Rows of which `rounds backup take` records a hash, compared in a drill: one in 16, all, none."""

    encrypted: bool = False
    """True: a backup in plain is FAIL."""

    decrypt: Command | None = None
    """Program and arguments: the encrypted backup on stdin, plain on stdout."""

    decrypt_access: CommandAccess = CommandAccess()
    """What else decrypt is given, such as the folder with its keys: a copy, which it may write to."""

    offsite: Offsite | None = None
    """A copy in another location."""

    copy_command: Command | None = None
    """Of a managed database: restores a snapshot and prints the copy's address on its first line, the time of the
    snapshot on the second (ISO 8601, with offset)."""

    drop_command: Command | None = None
    """Removes that copy; its address is in OPSROUNDS_COPY."""

    smoke: Command | None = None
    """Smoke test: starts the service on the restored database (its address is in DATABASE_URL) and tests it; exit
    status 0 is passed."""

    smoke_access: CommandAccess = CommandAccess()
    """What else smoke is given, to read."""

    smoke_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 120.0
    """Longest time of the smoke test."""

    invariants: tuple[Invariant, ...] = ()
    """Your own rules that the restored database must keep."""

    newest_row: NotApplicable | None = None
    """For a database in which no table has a time: its newest row is SKIPPED."""

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
        for key in ("decrypt", "smoke"):
            if getattr(self, f"{key}_access") != CommandAccess() and getattr(self, key) is None:
                raise ValueError(f"{key}_access needs {key}")
        if self.drop_command is not None and self.copy_command is None:
            raise ValueError("drop_command needs copy_command")
        return self


class Database(BackedUp):
    """One of the service's databases and its backups."""

    name: Slug
    """In the form of `[service] name`; each once; not `history`."""

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
    """opsrounds' own database, always among those that are verified; its address is `[history] url`. Not with `live`,
    `copy_command` or `drop_command`."""

    databases: NotApplicable | None = None
    """For a service without a database. Without it and without `[[databases]]` the round is Incomplete."""

    isolation: Literal["required", "if-possible"] = "required"
    """Restoring runs the backup's code: each program works in a sandbox (bubblewrap) without network, of which nothing
    is left. Where that cannot be had, `required` runs none of them (UNKNOWN), and `if-possible` runs them under an
    account without rights (WARN)."""

    folder: Path | None = None
    """Where throw-away servers keep their data during a drill; default: the system's folder for temporary files."""

    postgres: tuple[Path, ...] = ()
    """Folders with PostgreSQL's programs, searched first; then the embedded ones, PATH and the usual places."""

    deadline_min: Annotated[float, Field(ge=1, le=24 * 60)] = 120.0
    """Longest time of one database's drill, and of taking one backup."""

    disk_factor: Annotated[float, Field(ge=1, le=100)] = 6.0
    """Free disk that a drill needs, as a multiple of the backup's size, where neither `live` nor a manifest gives the
    database's size; and how much a backup may come to when it is decrypted or unpacked."""

    jobs: Annotated[int, Field(ge=1, le=64)] = 2
    """Workers of pg_restore, and tables of the restored database read at once."""

    exact_rows: Annotated[int, Field(ge=0)] = 5_000_000
    """Live tables with more rows, by PostgreSQL's own estimate, are estimated, not counted."""

    limits: BackupLimits = BackupLimits()
    """Limits for every database."""

    @field_validator("history")
    @classmethod
    def _history(cls, value: BackedUp | NotApplicable) -> BackedUp | NotApplicable:
        if set_ := sorted({"live", "copy_command", "drop_command"} & value.model_fields_set):
            raise ValueError(f"{', '.join(set_)} cannot be set: [history] url says where the history database is")
        return value
