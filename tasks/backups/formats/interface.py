"""What a format of backups offers, and what it is given: everything after it was recognised."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tasks.backups.facts import Contents, Form, Isolation, ManifestFile, StepOutcome
from tasks.backups.files.room import Allowance
from tasks.backups.reasons import not_isolated
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, printable
from tasks.postgres.installation import Installation
from tasks.sandbox.available import NoSandbox
from tasks.sandbox.confinement import Confinement, Room


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs that take a backup, and the deadline. PostgreSQL is searched for on demand: SQLite needs none."""

    installations: Callable[[], Sequence[Installation]]
    deadline: Deadline


class Confined:
    """The confinement of a drill, made when the first program needs it; `isolation` says what it came to."""

    def __init__(self, make: Callable[[], Confinement]) -> None:
        self._make = make
        self._made: Confinement | None = None
        self.isolation: Isolation | None = None

    def get(self) -> Confinement:
        """The confinement; raises ObservationError where isolation is required and cannot be had."""
        if self._made is None:
            try:
                self._made = self._make()
            except NoSandbox as error:
                self.isolation = Isolation(StepOutcome.ERROR, not_isolated(str(error)))
                raise ObservationError(self.isolation.reason) from None
            self.isolation = _isolation_of(self._made)
        return self._made


def _isolation_of(made: Confinement) -> Isolation:
    if made.refusal:
        why = msg("Not isolated: {why}", why=printable(made.refusal, 300))
        return Isolation(StepOutcome.UNCHECKED, why)
    return Isolation(StepOutcome.PASSED, msg("Every program ran in a sandbox of its own"))


@dataclass(frozen=True, slots=True)
class Workplace(Tools):
    """Where a drill works: a private folder that goes with `stack`, as do the servers started in it.

    `confined` is asked on demand, too: reading an SQLite file needs no program. `jobs` workers restore; a restore needs
    `disk_factor` times the backup's size, where nothing is known. `bytes_known` is the database's size, None where it
    is not known.
    """

    folder: Path
    confined: Confined
    stack: ExitStack
    jobs: int
    disk_factor: float
    bytes_known: int | None = None

    def allowance(self, bytes_packed: int) -> Allowance:
        """How much a backup of so many bytes may come to here."""
        return Allowance(self.folder, bytes_packed, self.disk_factor, self.bytes_known)

    @property
    def confinement(self) -> Confinement:
        """Where programs that touch the backup run; raises ObservationError where they must not, for want of one."""
        return self.confined.get()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a database apart from the backup. `name` is the service file's; `database` the server's own,
    empty where it is not known. `roles` and `bytes` are None where neither the live database nor a manifest gives them;
    `content_rule` says of which rows the manifest has hashes.
    """

    name: str
    database: str = ""
    roles: tuple[str, ...] | None = None
    bytes: int | None = None
    content_rule: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The database that was dumped (empty where the format does not say), its encoding, and the oldest PostgreSQL
    that can restore it; `tables` is how many tables' rows are in it, `plain_bytes` how large it is unpacked, 0 if
    unknown.
    """

    database: str = ""
    needed_major: int = 0
    encoding: str = ""
    tables: int = 0
    plain_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Decoded:
    """A backup that was read to its end: its head with what is known now, and its files.

    `place` is what a restore starts from; a physical backup is in a `room` by then. `prepared_s` is what a recovery
    takes too.
    """

    head: Head
    files: tuple[ManifestFile, ...]
    place: Path
    prepared_s: float = 0.0
    room: Room | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """A restored database: on a running server, or an SQLite file. `room` is where programs reach it, under
    `url_inside`; None where they need none, as that of another machine.
    """

    dsn: str = field(repr=False)
    file: Path | None
    version: str
    url: str = field(default="", repr=False)
    room: Room | None = None
    url_inside: str = field(default="", repr=False)
    unchecked: Message | None = None
    """What could not be checked in a physical copy."""

    left_out: str = ""
    """What of the dump's own had to be left out, so that a server takes it."""

    took_s: float = 0.0
    """Of the recovery alone, whatever a step does besides."""


@dataclass(frozen=True, slots=True)
class Order:
    """A backup to be taken of the database `name`: `live` is its address, a secret, or the path of its file; `into`
    is a new file or folder. The rest is what is read of it, as in `Wanted`.
    """

    name: str
    live: str = field(repr=False)
    into: Path
    until: datetime
    content_rule: str = ""


class Format(Protocol):
    """One way to keep a backup. Every method raises BadBackup, ObservationError, PostgresUnavailable or OSError."""

    @property
    def form(self) -> Form:
        """Its name, and whether it is a copy of files."""
        ...

    def read_head(self, plain: Path, at: Workplace) -> Head:
        """What the beginning of the backup states."""
        ...

    def decode(self, plain: Path, head: Head, at: Workplace) -> Decoded:
        """Read everything that is in it."""
        ...

    def restore(self, decoded: Decoded, bytes: int, known: Known, at: Workplace) -> Copy:
        """A database made from a backup of so many bytes, which lasts until the workplace is closed."""
        ...


class Takes(Format, Protocol):
    """A format that `rounds backup take` writes; physical backups are not taken."""

    @property
    def endings(self) -> tuple[str, ...]:
        """What the names of its files end with."""
        ...

    def take(self, order: Order, tools: Tools) -> tuple[Contents, str]:
        """Write a backup; gives the contents of its snapshot, and the tool. Raises BackupRefused too."""
        ...
