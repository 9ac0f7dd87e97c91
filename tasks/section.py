"""What a section of a checklist found: results, key figures, and what a reader must know of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tasks.check_result import Check, CheckResult, Message, Status
from tasks.observation import Absent, Unobserved


@dataclass(frozen=True, slots=True)
class Kpi:
    """A headline figure; `value` None means that it was not measured, `previous` is the last round's."""

    label: Message
    value: float | None
    unit: str
    previous: float | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """What one section of a checklist found; `notes` say what a reader must know of its figures."""

    results: tuple[CheckResult, ...]
    kpis: tuple[Kpi, ...] = ()
    notes: tuple[Message, ...] = ()


def nothing_seen(checks: Iterable[Check], why: Unobserved | Absent, now: datetime, subject: str = "service") -> Section:
    """Every check UNKNOWN because nothing could be seen, or SKIPPED because nothing is there to be looked at."""
    status = Status.SKIPPED if isinstance(why, Absent) else Status.UNKNOWN
    return Section(tuple(check.judged(status, subject, why.reason, at=now) for check in checks))
