"""What may be recorded of deploys, outages and maintenance: times read, and records refused that cannot be true."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tasks.errors import UsageError
from tasks.slo.facts import Deploy, Maintenance, Outage

MOST_TEXT = 80
LONGEST_MAINTENANCE = timedelta(days=31)
_AHEAD = timedelta(minutes=5)
"""Two clocks may differ by so much."""

_FORM = "a time is 2026-11-24T14:05, in the service's zone, or with an offset such as 2026-11-24T05:05Z"


class RecordRefused(UsageError):
    """A record cannot be true as it was given; the text says why and what to do."""


def parse_time(text: str, zone: ZoneInfo) -> datetime:
    """An instant in UTC; without an offset the service's zone is meant.

    Raises RecordRefused for what is no time, and for a local time that does not exist or comes twice.
    """
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RecordRefused(f"{text!r} is no time: {_FORM}") from None
    return placed(at, zone)


def placed(at: datetime, zone: ZoneInfo) -> datetime:
    """An instant in UTC; one without an offset is the zone's. Raises RecordRefused as `parse_time` does."""
    if at.utcoffset() is not None:
        return at.astimezone(UTC)
    first, second = (at.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        there = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == at
        why = "comes twice" if there else "does not exist"
        raise RecordRefused(f"{at:%Y-%m-%d %H:%M} {why} in {zone.key}, where clocks change: give an offset such as Z")
    return first.astimezone(UTC)


def checked_deploy(deploy: Deploy, now: datetime) -> Deploy:
    """The deploy; raises RecordRefused if it cannot be true."""
    _text("version", deploy.version)
    if not 0 < len(deploy.environment) <= 40:
        raise RecordRefused("environment must have 1 to 40 characters")
    _order("a deploy", deploy.started_at, deploy.ended_at, now)
    if deploy.commit_at is not None and deploy.commit_at > deploy.started_at:
        raise RecordRefused("the commit is younger than its deploy: give the time of the commit that was deployed")
    return deploy


def checked_outage(outage: Outage, modules: Collection[str], now: datetime) -> Outage:
    """The outage; raises RecordRefused if it cannot be true."""
    _module(outage.module, modules)
    _order("an outage", outage.started_at, outage.ended_at, now)
    if outage.ended_at == outage.started_at:
        raise RecordRefused("an outage takes some time: its end must be after its start")
    if not outage.cause.strip():
        raise RecordRefused("an outage needs a cause, even if it is only suspected")
    return outage


def checked_maintenance(window: Maintenance, modules: Collection[str]) -> Maintenance:
    """The window; raises RecordRefused if it cannot be true, or is late and does not say why."""
    _module(window.module, modules)
    if window.ends_at <= window.starts_at:
        raise RecordRefused("a maintenance window ends after it starts")
    if window.ends_at - window.starts_at > LONGEST_MAINTENANCE:
        raise RecordRefused(f"a maintenance window has at most {LONGEST_MAINTENANCE.days} days: record several")
    if not window.reason.strip():
        raise RecordRefused("a maintenance window needs a reason")
    if window.late and not window.late_reason.strip():
        raise RecordRefused(
            "the window has begun already: downtime is left out only where it was announced before, or where the "
            "record says why it was not. Give a late reason"
        )
    return window


def _order(what: str, start: datetime, end: datetime | None, now: datetime) -> None:
    if end is not None and end < start:
        raise RecordRefused(
            f"{what} ends after it starts: end {end:%Y-%m-%d %H:%M} UTC, start {start:%Y-%m-%d %H:%M} UTC"
        )
    if max(start, end or start) > now + _AHEAD:
        raise RecordRefused(f"{what} is recorded when it has happened: its time is in the future")


def _module(module: str | None, modules: Collection[str]) -> None:
    if module is None or not modules or module in modules:
        return
    raise RecordRefused(f"no module {module!r} in the service file; there are {', '.join(sorted(modules))}")


def _text(name: str, value: str) -> None:
    if not value.strip() or len(value) > MOST_TEXT:
        raise RecordRefused(f"{name} must have 1 to {MOST_TEXT} characters")
