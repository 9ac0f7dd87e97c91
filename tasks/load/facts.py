"""What a load test measured. Times are UTC, latencies ms, rates requests/s."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tasks.check_result import Message


class Ended(StrEnum):
    """How a load test came to its end."""

    FINISHED = "finished"
    ABORTED = "aborted"
    """Ended early, because nearly nothing worked or the test made more load than it may."""
    LIMIT = "limit"
    """Ended early above what the service holds, in a profile that seeks its limit and after its first step."""
    BROKEN = "broken"
    """The generator ended by itself, was ended by a signal, or never began."""


@dataclass(frozen=True, slots=True)
class Live:
    """How a load test that is running does: `step` counts from 1 (0: not begun), figures are of the last second.

    `failed` counts from the start; `p95_ms` is None where nothing succeeded.
    """

    elapsed_s: float
    planned_s: float
    step: int
    steps: int
    users: int
    per_second: float
    failed: int
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Latency:
    """Exact statistics of some requests' response times (nearest rank); None where there are none."""

    count: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@dataclass(frozen=True, slots=True)
class ProbeStats:
    """The open-loop probe: `planned` arrivals while steps were measured, those sent in time, answered and failed.

    `latency` counts from the moment at which a request should have been sent, failures included with their time.
    """

    planned: int
    sent: int
    failed: int
    latency: Latency


@dataclass(frozen=True, slots=True)
class RouteStats:
    """The requests of one name: successes with their latency, failures counted apart; `per_second` counts both.

    What a Locust file raised counts as a failure of a route named after its User class, and not in `per_second`.
    """

    module: str
    route: str
    succeeded: Latency
    failed: int
    per_second: float

    @property
    def requests(self) -> int:
        """Successes and failures."""
        return self.succeeded.count + self.failed


@dataclass(frozen=True, slots=True)
class StepStats:
    """What one step measured after its ramp-up; `measured_s` is 0 for one that was not reached.

    `planned_per_second` is None where the profile fixes no rate. `modules` and `whole` are of the same requests as
    `routes`, with exact percentiles of their own; their `route` is empty, and so is the module of `whole`. `probe` is
    the open-loop probe within this step alone; None: not known apart.
    """

    users: int
    started_at: datetime | None
    measured_s: float
    planned_per_second: float | None
    whole: RouteStats
    modules: tuple[RouteStats, ...]
    routes: tuple[RouteStats, ...]
    probe: ProbeStats | None = None


@dataclass(frozen=True, slots=True)
class FailureKind:
    """Failed requests of one route with the same cause, in words that were made safe to show."""

    module: str
    route: str
    cause: str
    count: int


@dataclass(frozen=True, slots=True)
class Generator:
    """How the load generator fared: the busiest of its processes.

    `cpu_percent` is the CPU time it used or waited for, as a share of one processor; `lag_ms` the p99 of its timers'
    delay. None where it could not be measured.
    """

    processes: int
    cpu_percent: float | None
    lag_ms: float | None


@dataclass(frozen=True, slots=True)
class LocustSummary:
    """What Locust's own statistics say of the whole test, ramp-up and failures included, rounded as it rounds."""

    requests: int
    failures: int
    p95_ms: float | None
    p99_ms: float | None
    per_second: float


@dataclass(frozen=True, slots=True)
class Statement:
    """A query of the database within the test, from pg_stat_statements."""

    query: str
    calls: int
    total_ms: float

    @property
    def mean_ms(self) -> float:
        """Mean time of one call."""
        return self.total_ms / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class DatabaseWindow:
    """The database while steps were measured, step by step: highest share of used connections in %.

    `statements` are the slowest in total, or why they are not known.
    """

    connections_percent: tuple[float | None, ...]
    statements: tuple[Statement, ...]
    no_statements: Message | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class LoadRun:
    """One load test, whatever came of it.

    `whole`, `modules` and `routes` are over all measured steps together. `problem` says why it did not finish.
    `environment_seen` is what the service itself said before and after (None: not asked, or no answer).
    `refused` are hosts off the list that something wanted to reach. `script` is a digest of Locust files and profile.
    """

    at: datetime
    finished_at: datetime
    profile: str
    seeks_limit: bool
    environment: str
    base_url: str
    script: str
    data_set: str
    ended: Ended
    problem: Message | None
    steps: tuple[StepStats, ...]
    whole: RouteStats
    modules: tuple[RouteStats, ...]
    routes: tuple[RouteStats, ...]
    failures: tuple[FailureKind, ...]
    probe: ProbeStats | None
    generator: Generator | None
    locust: LocustSummary | None
    environment_seen: tuple[str | None, str | None]
    refused: tuple[str, ...]
    database: DatabaseWindow | None
    synthetic: bool = False

    @property
    def has_several_loads(self) -> bool:
        """False for a test of one number of users, which says nothing of more load."""
        return len({step.users for step in self.steps}) > 1


class LoadVerdict(StrEnum):
    """What a load test says: nothing, if it is invalid."""

    PASS = "pass"
    FAIL = "fail"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A stored load test with its verdict, and the highest load in requests/s that met the SLO (None: none known)."""

    run: LoadRun
    verdict: LoadVerdict
    capacity_per_second: float | None
