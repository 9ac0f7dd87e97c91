"""Figures judged by a limit that warns and one that fails: what all judges of resources share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from tasks.check_result import Check, CheckResult, Evidence, Limit, Message, Quantity, Status
from tasks.observation import Absent, Unobserved

_RANK = (Status.PASS, Status.WARN, Status.FAIL)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure may be: above `warn` it warns, above `fail` it fails; `source` is where the limits come from."""

    unit: str
    source: Message
    warn: float | None = None
    fail: float | None = None

    def __post_init__(self) -> None:
        if self.warn is None and self.fail is None:
            raise ValueError("a bound needs at least one limit")

    def status(self, value: float) -> Status:
        """What a figure is; at a limit it is still within."""
        if self.fail is not None and value > self.fail:
            return Status.FAIL
        return Status.WARN if self.warn is not None and value > self.warn else Status.PASS

    def limit(self, value: float | None = None) -> Limit:
        """The limit to show beside a figure: the one that it broke, else the first that it would break."""
        failed = self.warn is None or (value is not None and self.status(value) is Status.FAIL)
        shown = self.fail if failed else self.warn
        assert shown is not None
        return Limit("≤", shown, self.unit, self.source)


@dataclass(frozen=True, slots=True)
class Part:
    """One figure of a check, already rounded as it is shown."""

    value: float
    bound: Bound
    reason: Message

    @property
    def rank(self) -> tuple[int, float]:
        """How bad it is: its status, then how far it is beyond its limit; what is within is all the same."""
        status, limit = self.bound.status(self.value), float(self.bound.limit(self.value).value)
        beyond = 0.0 if status is Status.PASS else self.value / limit if limit else self.value
        return _RANK.index(status), beyond


def judge_worst(
    check: Check, parts: Sequence[Part], subject: str, now: datetime, evidence: tuple[Evidence, ...] = ()
) -> CheckResult:
    """The worst of at least one figure, which alone is shown with its limit; the first when all are within."""
    worst = max(parts, key=lambda part: part.rank)
    status = worst.bound.status(worst.value)
    observed, limit = Quantity(worst.value, worst.bound.unit), worst.bound.limit(worst.value)
    return check.judged(status, subject, worst.reason, at=now, observed=observed, limit=limit, evidence=evidence)


def not_measured(
    check: Check, seen: Unobserved | Absent, subject: str, now: datetime, bound: Bound | None = None
) -> CheckResult:
    """UNKNOWN for what could not be seen, SKIPPED for what is not there or not asked for."""
    status = Status.UNKNOWN if isinstance(seen, Unobserved) else Status.SKIPPED
    return check.judged(status, subject, seen.reason, at=now, limit=None if bound is None else bound.limit())


def check_order(limits: BaseModel) -> None:
    """Raise ValueError naming a `warn_…` that is above its `fail_…`."""
    for key, warn in limits:
        name = key.removeprefix("warn_")
        fail = getattr(limits, f"fail_{name}", None)
        if key.startswith("warn_") and None not in (warn, fail) and warn > fail:
            raise ValueError(f"{key} must not be above fail_{name}")
