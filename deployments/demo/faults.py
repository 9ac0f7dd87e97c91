"""The demo's planted faults: each has a signature of its own, in any combination with the others."""

import hashlib
import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from tasks.files import write_whole


class Fault(StrEnum):
    """What can be planted in the running demo service."""

    description: str

    def __new__(cls, value: str, description: str = "") -> "Fault":
        fault = str.__new__(cls, value)
        fault._value_ = value
        fault.description = description
        return fault

    ERRORS = "errors", "module shopping answers 500 on every third request"
    LATENCY = "latency", "module ingredients takes 300 ms longer on every request"
    COMPONENT_DOWN = "component-down", "the cache is down: health and readiness answer 503"
    HANG = "hang", "module users accepts requests and never answers"
    HTML_HEALTH = "html-health", "/api/health answers 200 with an HTML page instead of JSON"
    FLAP = "flap", "/api/live alternates between 200 and 503"
    NEW_ERROR = "new-error", "module ingredients logs an error that was never seen before, and fails no request"
    SILENT_MODULE = "silent-module", "module shopping has written nothing to the log for three hours"
    PERSONAL_DATA = "personal-data", "module users writes a mail address and a card number to the log"
    FULL_POOL = "full-pool", "forgotten connections fill the database's"
    OUTAGE = "outage", "on the 10th of every month the service was down for 30 minutes"
    FEW_DEPLOYS = "few-deploys", "only one deploy a week was made"
    TORN_BACKUP = "torn-backup", "the newest backup of the history database lacks its last 4 kB"
    LOST_ROWS = "lost-rows", "the newest backup of the service's database was taken without one table's rows"
    VULNERABLE_DEPENDENCY = "vulnerable-dependency", "the lock file pins a package with a known vulnerability"
    CODE_FINDING = "code-finding", "the source code runs a shell command that it puts together from a request"
    LEAKED_SECRET = "leaked-secret", "a cloud key lies in the source tree"
    MISSING_HEADER = "missing-header", "answers lack Content-Security-Policy and X-Frame-Options"
    STALE_FEED = "stale-feed", "the advisory feed last changed more than a year ago"
    SLOW_MODULE = "slow-module", "on staging module shopping takes 15 % longer, and at least 70 ms"
    LEAKING_DISK = "leaking-disk", "a disk fills since a month, and will be full in 40 days"
    KNEE = "knee", "on staging module users answers 15 requests a second and no more"


DEFAULT_FAULTS = (
    Fault.COMPONENT_DOWN,
    Fault.LATENCY,
    Fault.NEW_ERROR,
    Fault.PERSONAL_DATA,
    Fault.FULL_POOL,
    Fault.OUTAGE,
    Fault.FEW_DEPLOYS,
    Fault.TORN_BACKUP,
    Fault.LOST_ROWS,
    Fault.VULNERABLE_DEPENDENCY,
    Fault.CODE_FINDING,
    Fault.LEAKED_SECRET,
    Fault.MISSING_HEADER,
    Fault.SLOW_MODULE,
    Fault.LEAKING_DISK,
)
ON_STAGING = frozenset({Fault.SLOW_MODULE, Fault.KNEE})
"""What is planted where load tests look, and nowhere else."""
SERVICE = "kondate"
SILENT_MODULE = "shopping"
_MOST_NAME = 40


def service_name(faults: Iterable[Fault]) -> str:
    """The service that a set of faults belongs to: the history remembers what was planted in it for 24 hours."""
    names = sorted(faults)
    if names == sorted(DEFAULT_FAULTS):
        return SERVICE
    name = "-".join((SERVICE, *names)) if names else f"{SERVICE}-healthy"
    return name if len(name) <= _MOST_NAME else f"{SERVICE}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def plant(path: Path, faults: Iterable[Fault]) -> None:
    """Makes exactly these the planted faults, in one step for every process that reads the file."""
    write_whole(path, (json.dumps({"faults": sorted(faults)}) + "\n").encode())


class PlantedFaults:
    """The faults planted in a file right now; none without the file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._faults: frozenset[Fault] = frozenset()

    def now(self) -> frozenset[Fault]:
        """The planted faults, read again when the file has changed; ValueError names an unknown one."""
        try:
            state = self._path.stat() if self._path else None
        except FileNotFoundError:
            state = None
        if self._path is None or state is None:
            self._seen, self._faults = None, frozenset()
            return self._faults
        seen = (state.st_mtime_ns, state.st_size, state.st_ino)
        if seen != self._seen:
            self._faults = frozenset(Fault(name) for name in json.loads(self._path.read_text())["faults"])
            self._seen = seen
        return self._faults
