"""What was seen of the operated service's PostgreSQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.observation import Absent, Unobserved


@dataclass(frozen=True, slots=True)
class Connections:
    """Client connections by state, and how many an ordinary role may open: the maximum without the reserved ones."""

    used: int
    usable: int
    states: tuple[tuple[str, int], ...]

    @property
    def used_percent(self) -> float:
        """Connections of those that may be opened; above 100 the reserved ones are in use too."""
        return 100 * self.used / self.usable


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The database refused the look because no connection was left."""


@dataclass(frozen=True, slots=True)
class Session:
    """A transaction that is open; its statement is not kept, as it may hold personal data."""

    pid: int
    role: str
    application: str
    state: str
    age_s: float
    idle_s: float | None


@dataclass(frozen=True, slots=True)
class Transactions:
    """Ages of what is open longest; 0 when nothing is. Prepared ones belong to no session."""

    oldest_s: float
    oldest_idle_s: float
    oldest_prepared_s: float
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class LockWait:
    """A session that waits for a lock, and the sessions in its way."""

    pid: int
    wait_s: float
    mode: str
    relation: str
    blocked_by: str


@dataclass(frozen=True, slots=True)
class Locks:
    """Who waits for a lock, the longest first."""

    waits: tuple[LockWait, ...]

    @property
    def longest_wait_s(self) -> float:
        """0 when nobody waits."""
        return max((wait.wait_s for wait in self.waits), default=0.0)


@dataclass(frozen=True, slots=True)
class Wraparound:
    """The oldest transaction id and multixact of all databases, against the ages at which a vacuum is forced."""

    database: str
    xid_age: int
    xid_max_age: int
    multixact_age: int
    multixact_max_age: int


@dataclass(frozen=True, slots=True)
class Standby:
    """A standby that is connected; None for a lag that the server does not report."""

    name: str
    state: str
    lag_bytes: int | None
    lag_s: float | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot and the WAL that it holds back; None when its WAL is gone or it has never been used."""

    name: str
    active: bool
    retained_bytes: int | None
    wal_status: str


@dataclass(frozen=True, slots=True)
class Replication:
    """Standbys and slots of this server, and its own delay if it is a standby itself."""

    standbys: tuple[Standby, ...]
    slots: tuple[Slot, ...]
    own_lag_s: float | None
    receiving: bool


@dataclass(frozen=True, slots=True)
class TableRows:
    """Live and dead rows of a table as the statistics count them."""

    name: str
    live: int
    dead: int
    last_vacuum: str

    @property
    def dead_percent(self) -> float:
        """Dead rows of all."""
        return 100 * self.dead / (self.live + self.dead) if self.live + self.dead else 0.0


@dataclass(frozen=True, slots=True)
class Vacuum:
    """All tables together, and those with the most dead rows."""

    live: int
    dead: int
    tables: tuple[TableRows, ...]


@dataclass(frozen=True, slots=True)
class Cache:
    """Blocks found in shared buffers and blocks read, since the statistics were last reset."""

    hits: int
    reads: int

    @property
    def hit_percent(self) -> float | None:
        """Blocks found, of all; None before the first one."""
        return 100 * self.hits / (self.hits + self.reads) if self.hits + self.reads else None


@dataclass(frozen=True, slots=True)
class Size:
    """The database on disk, and its largest tables with indexes and TOAST."""

    database: str
    bytes: int
    tables: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """One look at a PostgreSQL; each part stands for itself.

    `numbers` are the answers to the service file's own statements, by their names.
    """

    connections: Connections | Exhausted | Unobserved
    transactions: Transactions | Unobserved
    locks: Locks | Unobserved
    wraparound: Wraparound | Unobserved
    replication: Replication | Absent | Unobserved
    vacuum: Vacuum | Absent | Unobserved
    cache: Cache | Unobserved
    size: Size | Unobserved
    numbers: Mapping[str, float | Unobserved] = field(default_factory=dict)
