"""Which months have still to be frozen, and how far back their minutes are read for it. Pure arithmetic."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tasks.periods import Period, day_period, month_period
from tasks.settings import Settings
from tasks.slo.look import objectives_of
from tasks.slo.review import span_of, windows_of
from tasks.slo.settings import KpiFloor, Measured, Uptime
from tasks.slo.store.minutes import KPI_VALUE
from tasks.slo.windows import at_minute


@dataclass(frozen=True, slots=True)
class UnfrozenMonth:
    """A month that is not frozen; its report reads minutes from `reads_from` on."""

    period: Period
    reads_from: datetime


def unfrozen_months(
    settings: Settings, frozen: Collection[str], since: datetime, now: datetime
) -> tuple[UnfrozenMonth, ...]:
    """The months that end after `since`, when the service's rounds began, and are not frozen, oldest first.

    The present one is among them. A month that the service file gives up is not, nor is one before `[slo] since`.
    """
    slo, zone = settings.slo, settings.zone
    measured = [objective for objective in objectives_of(settings) if isinstance(objective, Measured)]
    if not measured:
        return ()
    began = since if slo.since is None else max(since, day_period(slo.since, zone).start)
    quiet = timedelta(minutes=settings.logs.limits.max_quiet_min)
    found = []
    for period in _months(began.astimezone(zone).date(), now.astimezone(zone).date(), settings):
        if period.key not in frozen and period.key not in settings.history.give_up_months and period.end > began:
            first, _ = span_of(windows_of(measured, slo, period.end, zone), slo, period.end, period.end)
            found.append(UnfrozenMonth(period, at_minute(first) - quiet))
    return tuple(found)


def sampled_for(settings: Settings) -> frozenset[str]:
    """The names of the samples that objectives count."""
    objectives = objectives_of(settings)
    probes = {f"probe.{o.probe}" for o in objectives if isinstance(o, Uptime) and o.source == "probes"}
    return frozenset(probes | {KPI_VALUE for o in objectives if isinstance(o, KpiFloor)})


def _months(first: date, last: date, settings: Settings) -> Iterator[Period]:
    """The months from that of one day to that of another."""
    day = first.replace(day=1)
    while day <= last:
        yield month_period(day, settings.zone)
        day = (day + timedelta(days=32)).replace(day=1)
