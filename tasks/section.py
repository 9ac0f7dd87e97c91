"""What a section of a checklist found: results, key figures, and what a reader must know of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from tasks.check_result import Check, CheckResult, Message, Status
from tasks.observation import Absent, Unobserved


@dataclass(frozen=True, slots=True)
class Kpi:
    """A headline figure; `value` None means that it is unknown, `previous` is the last round's.

    `id` says which figure it is, whatever its label reads; reports stored before figures had one read as "".
    """

    id: Annotated[str, Field(default="")]
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
    """Every check UNKNOWN because nothing could be seen, or SKIPPED because there is nothing to observe."""
    status = Status.SKIPPED if isinstance(why, Absent) else Status.UNKNOWN
    return Section(tuple(check.judged(status, subject, why.reason, at=now) for check in checks))


def first_figure(results: Iterable[CheckResult], check: Check) -> float | None:
    """The first figure of a check that was measured."""
    return next(iter(_figures(results, check)), None)


def highest_figure(results: Iterable[CheckResult], check: Check, *, complete: bool = False) -> float | None:
    """The highest figure of a check that was measured.

    With `complete`, None as soon as one that was asked for is missing: of what is not known whole, none is the highest.
    """
    asked = [r for r in results if r.check == check.id and r.status is not Status.SKIPPED]
    figures = _figures(asked, check)
    return None if complete and len(figures) < len(asked) else max(figures, default=None)


def _figures(results: Iterable[CheckResult], check: Check) -> list[float]:
    found = (r.observed.value for r in results if r.check == check.id and r.status.measured and r.observed is not None)
    return [figure for figure in found if isinstance(figure, int | float)]
