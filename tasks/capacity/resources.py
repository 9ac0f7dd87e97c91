"""Which figures are forecast: what stands for a resource on a day, when it is full, and what can be done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from tasks.capacity.forecast.outlook import Outlook, look_ahead
from tasks.capacity.limits import CapacityLimits
from tasks.check_result import Message, msg
from tasks.observation import Unobserved
from tasks.samples.facts import DailySeries, DayFigures

_GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: `figure` of the day stands for it, divided by `scale` to be in `unit`; what it has grown by
    stays where it `accumulates`.

    `place` is put into the subject, so that two figures of one machine have different ones.
    """

    name: str
    figure: Literal["mean", "p95", "high", "last"]
    unit: str
    place: str
    limit: Callable[[CapacityLimits], float | None]
    advice: Message
    accumulates: bool
    scale: float = 1.0

    def subject(self, of: str) -> str:
        """What a resource is called in results."""
        if self.place == "inodes":
            return of.replace("/disk:", "/inodes:", 1)
        return f"{of}/{self.place}" if self.place else of

    def value(self, day: DayFigures) -> float:
        """The figure of a day, in `unit`."""
        return float(getattr(day, self.figure)) / self.scale


KINDS: Final = (
    Kind(
        "disk.used",
        "high",
        "%",
        "",
        lambda limits: limits.disk_percent,
        msg("Remove what is not needed (old logs, backups, images), or extend the disk"),
        True,
    ),
    Kind(
        "inodes.used",
        "high",
        "%",
        "inodes",
        lambda limits: limits.disk_percent,
        msg("Find folders with very many small files; inodes cannot be added to most file systems later"),
        True,
    ),
    Kind(
        "memory.used",
        "p95",
        "%",
        "memory",
        lambda limits: limits.memory_percent,
        msg("Look for a leak (does usage fall after a restart?), else add memory"),
        False,
    ),
    Kind(
        "container.memory",
        "p95",
        "%",
        "memory",
        lambda limits: limits.memory_percent,
        msg("Look for a leak (does usage fall after a restart?), else raise the container's limit"),
        False,
    ),
    Kind(
        "cpu.used",
        "p95",
        "%",
        "cpu",
        lambda limits: limits.cpu_percent,
        msg("Find what uses the CPU, then add CPUs or instances"),
        False,
    ),
    Kind(
        "database.connections",
        "high",
        "%",
        "connections",
        lambda limits: limits.connections_percent,
        msg("Check the pools' sizes and idle connections; add a pooler before raising max_connections"),
        False,
    ),
    Kind(
        "database.size",
        "last",
        "GB",
        "size",
        lambda limits: limits.database_gb,
        msg("Delete or archive old rows, check the largest tables and indexes, or order more storage"),
        True,
        _GB,
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One resource and its outlook; `limit` None: none is known."""

    kind: Kind
    subject: str
    limit: float | None
    outlook: Outlook | Unobserved


def resources_of(
    series: Iterable[DailySeries], expected: Iterable[tuple[str, str]], as_of: date, limits: CapacityLimits
) -> tuple[Resource, ...]:
    """Every resource that has figures, and each `expected` one (a kind's name, a subject) of which there are none."""
    kinds = {kind.name: kind for kind in KINDS}
    mine = [s for s in series if s.name in kinds and not is_gone(s, as_of, limits)]
    found = [_resource(kinds[s.name], s.subject, s.days, as_of, limits) for s in mine]
    there = {s.name for s in mine}
    missing = [_resource(kinds[name], subject, (), as_of, limits) for name, subject in expected if name not in there]
    return (*found, *missing)


def is_gone(series: DailySeries, as_of: date, limits: CapacityLimits) -> bool:
    """True for what has had no figures for so long that it is taken as removed."""
    return not series.days or (as_of - series.days[-1].day).days > limits.gone_after_days


def _resource(kind: Kind, subject: str, days: Iterable[DayFigures], as_of: date, limits: CapacityLimits) -> Resource:
    limit = kind.limit(limits)
    values = [(day.day, kind.value(day)) for day in days if day.samples >= limits.min_day_samples]
    return Resource(
        kind, kind.subject(subject), limit, look_ahead(values, limit, as_of, limits, accumulates=kind.accumulates)
    )
