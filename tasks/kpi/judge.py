"""Judges queues and business KPIs by the limits of the service file."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tasks.bounds import Bound, Part, judge_worst, not_measured
from tasks.check_result import CheckResult, Limit, Message, Quantity, Status, Table, msg
from tasks.kpi.checks import KPI, QUEUE
from tasks.kpi.facts import Number, Numbers
from tasks.kpi.settings import Kpi, Queue
from tasks.observation import Unobserved

_FILE = msg("the service file")
_UNITS = {"depth": "", "oldest_s": "s", "failed": ""}


def judge_queues(queues: Sequence[Queue], seen: Numbers, now: datetime) -> tuple[CheckResult, ...]:
    """Every figure of every queue; SKIPPED when the service file names none."""
    if not queues:
        unset = msg("[[queues]] is not set in the service file")
        return (QUEUE.judged(Status.SKIPPED, "queues", unset, at=now),)
    return tuple(judge_queue(queue, seen.queues[queue.name], now) for queue in queues)


def judge_queue(queue: Queue, seen: Mapping[str, Number], now: datetime) -> CheckResult:
    """The worst figure of one queue; one that was not seen leaves only a failure of the others standing."""
    subject = queue_subject(queue.name)
    parts, blind = [], []
    for name, _, most in queue.figures:
        number, bound = seen[name], Bound(_UNITS[name], _FILE, fail=most)
        if isinstance(number, Unobserved):
            blind.append((bound, number))
        else:
            parts.append(Part(number, bound, _words(name, number)))
    failed = any(part.bound.status(part.value) is Status.FAIL for part in parts)
    if blind and not failed:
        bound, why = blind[0]
        return not_measured(QUEUE, why, subject, now, bound)
    rows: list[tuple[Message, float | None, float]] = [
        *((part.reason, part.value, float(part.bound.limit().value)) for part in parts),
        *((number.reason, None, float(bound.limit().value)) for bound, number in blind),
    ]
    table = Table(msg("Queue measurements"), (msg("Measurement"), msg("Value"), msg("Limit")), tuple(rows))
    return judge_worst(QUEUE, parts, subject, now, (table,))


def judge_kpis(kpis: Sequence[Kpi], seen: Numbers, now: datetime) -> tuple[CheckResult, ...]:
    """Every business KPI; SKIPPED when the service file names none."""
    if not kpis:
        unset = msg("[[kpi]] is not set in the service file")
        return (KPI.judged(Status.SKIPPED, "kpi", unset, at=now),)
    return tuple(judge_kpi(kpi, seen.kpis[kpi.name], now) for kpi in kpis)


def judge_kpi(kpi: Kpi, seen: Number, now: datetime) -> CheckResult:
    """A figure within its floor and ceiling."""
    subject = kpi_subject(kpi.name)
    if isinstance(seen, Unobserved):
        return KPI.judged(Status.UNKNOWN, subject, seen.reason, at=now, limit=_expected(kpi, None))
    status, reason = Status.PASS, msg("The KPI is within its range")
    if kpi.floor is not None and seen < kpi.floor:
        status, reason = Status.FAIL, msg("The KPI is below {floor}", floor=kpi.floor)
    elif kpi.ceiling is not None and seen > kpi.ceiling:
        status, reason = Status.FAIL, msg("The KPI is above {ceiling}", ceiling=kpi.ceiling)
    observed, limit = Quantity(seen, kpi.unit), _expected(kpi, seen)
    return KPI.judged(status, subject, reason, at=now, observed=observed, limit=limit)


def queue_subject(name: str) -> str:
    """What a queue is called in results and samples."""
    return f"queue:{name}"


def kpi_subject(name: str) -> str:
    """What a business KPI is called in results and samples."""
    return f"kpi:{name}"


def _words(name: str, figure: float) -> Message:
    if name == "oldest_s":
        return msg("Oldest waiting job: {seconds} s", seconds=figure)
    return msg("Waiting jobs: {n}", n=figure) if name == "depth" else msg("Failed jobs: {n}", n=figure)


def _expected(kpi: Kpi, value: float | None) -> Limit:
    """The end of the range that a figure broke, else its floor if it has one."""
    above = value is not None and kpi.ceiling is not None and value > kpi.ceiling
    if kpi.floor is None or above:
        assert kpi.ceiling is not None  # settings: at least one of both
        return Limit("≤", kpi.ceiling, kpi.unit, _FILE)
    return Limit("≥", kpi.floor, kpi.unit, _FILE)
