"""What is known of backups: the files, what was recorded when they were made, and what came out of a drill."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from tasks.backups.targets import Target
from tasks.check_result import Message, Scalar
from tasks.observation import Unobserved

Depth = Literal["full", "files"]
"""How far a verification goes: with a restore, or what needs none."""


class Form(StrEnum):
    """How a backup is kept."""

    CUSTOM = "pg_dump -Fc"
    DIRECTORY = "pg_dump -Fd"
    TAR = "pg_dump -Ft"
    SQL = "SQL"
    SQL_GZ = "SQL, gzip"
    DUMP_ALL = "pg_dumpall"
    DUMP_ALL_GZ = "pg_dumpall, gzip"
    BASE = "pg_basebackup"
    BASE_TAR = "pg_basebackup -Ft"
    SQLITE = "SQLite"

    @property
    def physical(self) -> bool:
        """True for a copy of files, of which a restore checks no constraint again."""
        return self in (Form.BASE, Form.BASE_TAR, Form.SQLITE)


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that is there: a file, or a folder with its files; `at` is when it was begun, else last written.

    `known_start` is False where no manifest has its start.
    """

    path: Path
    at: datetime
    bytes: int
    known_start: bool = False


@dataclass(frozen=True, slots=True)
class TableContents:
    """A table's row count; `newest` has the latest time of each column of times that is not after the backup."""

    name: str
    rows: int
    exact: bool = True
    newest: tuple[tuple[str, datetime], ...] = ()
    content: str = ""
    """An order-independent hash of its rows; empty where none was made. Before the colon: of how many rows."""

    since: int | None = None
    """Rows with a time after the backup, by the column of times that has the fewest but some; None if not counted."""

    @property
    def hashed_nothing(self) -> bool:
        """True where the table has rows, and the sample has none of them."""
        return self.rows > 0 and bool(self.content) and not self.content.partition(":")[0].strip("0")


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence and the highest value of the column that takes its numbers from it (`public.orders.id`); `column` is
    empty for one that numbers none.
    """

    name: str
    column: str
    last: int | None
    highest: int | None


@dataclass(frozen=True, slots=True)
class Violation:
    """Rows that a constraint forbids."""

    constraint: str
    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a database, without a value of its rows.

    `schema` has one line for each table, column, constraint, index, view, function, trigger, sequence and type, and
    for each thing of the `kinds`, which are empty where an older version read it. `content_rule` is which rows the
    tables' hashes cover: `whole`, `1/16`, that and small tables whole, or empty for none. `violations` are rows that
    break a foreign key or a unique constraint, where they were searched for. `large_objects` are as a table, None
    where they were not read. `not_utf8` are tables with text that is not UTF-8, where the server does not check it.
    `young` names what a running database has defined since the backup, as far as its transactions show it.
    """

    database: str
    server_version: str
    encoding: str
    schema: tuple[str, ...]
    tables: tuple[TableContents, ...]
    sequences: tuple[Sequence, ...] = ()
    roles: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    bytes: int = 0
    content_rule: str = ""
    violations: tuple[Violation, ...] = ()
    kinds: tuple[str, ...] = ()
    large_objects: TableContents | None = None
    not_utf8: tuple[str, ...] = ()
    young: tuple[str, ...] = ()

    def table(self, name: str) -> TableContents | None:
        """A table by its name."""
        return next((table for table in self.tables if table.name == name), None)


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file as it was when the manifest was written; `path` is relative to the backup's folder."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was recorded beside a backup; `contents` are of the backup's own snapshot only if `exact`."""

    database: str
    started_at: datetime
    finished_at: datetime
    files: tuple[ManifestFile, ...]
    tool: str
    contents: Contents | None = None
    exact: bool = False


class DrillStep(StrEnum):
    """The steps of a drill that run programs, in order."""

    MANIFEST = "manifest"
    CONTAINER = "container"
    DECODE = "decode"
    RESTORE = "restore"


class StepOutcome(StrEnum):
    """How a step ended: `failed` is a damaged or wrong backup, `error` no verdict, `skipped` does not apply, and
    `unchecked` passed as far as it could be checked.
    """

    PASSED = "passed"
    UNCHECKED = "unchecked"
    FAILED = "failed"
    ERROR = "error"
    NOT_REACHED = "not reached"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step that was run, or why not."""

    step: DrillStep
    outcome: StepOutcome
    reason: Message
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The value of a declared invariant in the restored database."""

    name: str
    value: float | Unobserved


@dataclass(frozen=True, slots=True)
class Smoke:
    """How the service's own smoke test on the restored database ended."""

    passed: bool
    reason: Message
    seconds: float


@dataclass(frozen=True, slots=True)
class Isolation:
    """Whether the programs that touched a backup ran in a sandbox: `unchecked` without one, `error` if none ran."""

    outcome: StepOutcome
    reason: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One restore drill. `contents` are those of the restored database, None if there is none; they are compared with
    `live` and `manifest`. `recovery_s` is the time until the server answers, plus the smoke test.
    """

    backup: Backup | None
    form: Form | None
    steps: tuple[StepResult, ...]
    started_at: datetime
    seconds: float
    sha256: str = ""
    manifest: Manifest | Unobserved
    contents: Contents | None = None
    live: Contents | Unobserved
    answers: tuple[Answer, ...] = ()
    smoke: Smoke | Unobserved | None = None
    recovery_s: float | None = None
    server_version: str = ""
    encrypted: bool | None = None
    """None where that is unknown."""

    dump_encoding: str = ""
    left_over: Message | None = None
    """Why the copy of a managed database is still there, though it was to be dropped."""

    isolation: Isolation | None = None
    """None where no program was to be run."""

    def step(self, name: DrillStep) -> StepResult | None:
        """A step by its name."""
        return next((step for step in self.steps if step.step is name), None)


class DrillVerdict(StrEnum):
    """What a drill found; an error is no verdict, and replaces no earlier one."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class PastDrill:
    """A drill as it is kept."""

    at: datetime
    verdict: DrillVerdict
    backup: str
    backup_at: datetime | None
    bytes: int
    recovery_s: float | None
    server_version: str
    reached: str
    facts: dict[str, Scalar] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    """Of each restored table; empty where an older version kept none."""

    newest: dict[str, datetime] = field(default_factory=dict)
    """The newest time restored of each column, `public.orders.created_at`."""


@dataclass(frozen=True, slots=True)
class OffsiteCopy:
    """An off-site copy of a backup."""

    name: str
    bytes: int
    at: datetime


@dataclass(frozen=True, slots=True)
class BackupObservation:
    """What is known of one database's backups. `drill` is None where there was no backup; without a
    restore (`depth` is `files`) it has only the steps that need none.
    """

    target: Target
    depth: Depth
    backups: tuple[Backup, ...] | Unobserved
    drill: Drill | None
    copies: tuple[OffsiteCopy, ...] | Unobserved | None
    past: tuple[PastDrill, ...]
