"""What scanners find, and how completely they looked."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tasks.check_result import Message


class Rating(StrEnum):
    """How bad a finding is. UNKNOWN is what no advisory rates: it ranks as HIGH."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """0 for LOW to 3 for CRITICAL."""
        return _RANKS[self]


_RANKS = {Rating.LOW: 0, Rating.MEDIUM: 1, Rating.HIGH: 2, Rating.CRITICAL: 3, Rating.UNKNOWN: 2}


class Confidence(StrEnum):
    """How sure a scanner is of a finding."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for LOW to 2 for HIGH."""
        return list(Confidence).index(self)


class Kind(StrEnum):
    """What is wrong: the service's own code, a package that it uses, or a secret that lies open."""

    CODE = "code"
    DEPENDENCY = "dependency"
    SECRET = "secret"


class Completeness(StrEnum):
    """How far a scan came; only a COMPLETE one may close findings."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Target:
    """What one scanner looks at: the source tree (`name` is its folder's), a lock file (its path in the tree)."""

    scanner: str
    name: str
    kind: Kind

    @property
    def subject(self) -> str:
        """The subject of its results, and the name of its task run."""
        return f"{self.scanner} {self.name}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was there and was not scanned; `what` is text from outside."""

    what: str
    reason: Message


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much was to be scanned (`asked`) and how much was: files, or packages. `lines` are those of scanned code.

    `excluded` files of the tree were never to be scanned, by the service file. `passed_over` are the folders of tools
    in it: names such as `node_modules`, and paths of virtual environments.
    """

    asked: int
    scanned: int
    lines: int = 0
    left_out: tuple[LeftOut, ...] = ()
    excluded: int = 0
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a scanner found.

    `key` (64 hexadecimal digits) is the same in every scan for as long as the finding is the same; `body` is the key
    without the place: a finding that vanishes while one of the same body appears has moved. `path` is the file in the
    tree, of a dependency the lock file. `aliases` are all ids of its advisory. No field holds code or a secret.
    """

    kind: Kind
    key: str
    body: str
    rule: str
    title: str
    rating: Rating
    confidence: Confidence
    path: str
    line: int | None = None
    package: str = ""
    version: str = ""
    ecosystem: str = ""
    fixed_in: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feed:
    """An advisory feed as it answered: whether it knew the canary, and when it last changed (None: not published)."""

    source: str
    canary: str
    canary_found: bool
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Scan:
    """One look of one scanner at one target; a scan that failed has no findings, whatever there is.

    `suppressed` counts what marks in the code or a baseline take out. `digest` names everything that the result rests
    on, so that an unchanged target need not be scanned again: a `reused` scan is one of an earlier round. `at` is when
    it was made, `checked_at` when a round last found that it holds (None: when it was made). `source` is the
    digest of what the service file had scanned then, empty where that is not known.
    """

    target: Target
    version: str
    at: datetime
    seconds: float
    completeness: Completeness
    reason: Message
    coverage: Coverage
    digest: str
    findings: tuple[Finding, ...] = ()
    suppressed: int = 0
    feed: Feed | None = None
    reused: bool = False
    checked_at: datetime | None = None
    source: str = ""

    @property
    def as_of(self) -> datetime:
        """Up to when the result is known to hold."""
        return self.checked_at or self.at


@dataclass(frozen=True, slots=True)
class Package:
    """A package that a lock file pins. `ecosystem` is OSV's name of it: PyPI, npm."""

    ecosystem: str
    name: str
    version: str


class Change(StrEnum):
    """What happened to a finding."""

    FOUND = "found"
    FIXED = "fixed"
    REOPENED = "reopened"
    MOVED = "moved"
    MERGED = "merged"

    @property
    def opens(self) -> bool:
        """True for what makes a finding open."""
        return self in (Change.FOUND, Change.REOPENED)


@dataclass(frozen=True, slots=True)
class Known:
    """A finding as the history knows it; `reopened` counts how often it came back after it was fixed.

    `fingerprint` is what people and waivers call it: the key that it was first seen with, and it stays when the finding
    moves or its advisory gets another id. `first_seen` starts its SLA clock and stays when it is reopened.
    """

    fingerprint: str
    finding: Finding
    scanner: str
    target: str
    is_open: bool
    first_seen: datetime
    last_seen: datetime
    reopened: int


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a finding."""

    fingerprint: str
    change: Change
    at: datetime
    detail: str = ""
