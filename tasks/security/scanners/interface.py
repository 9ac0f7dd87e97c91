"""What a scanner offers: its looks at targets, each of which may be skipped while nothing has changed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.security.facts.scans import Scan, Target


@dataclass(frozen=True, slots=True)
class Job:
    """One look of one scanner at one target.

    `digest` names all that its result rests on: content, scanner, version, options, advisory source. With the digest of
    the last complete scan it need not run, for `reuse_for` (None: for good). `run` is blocking and takes the time of
    the scan; it gives a FAILED scan for what a second try cannot mend, and raises ObservationError for what one may.
    """

    target: Target
    digest: str
    run: Callable[[datetime], Scan]
    reuse_for: timedelta | None = None
