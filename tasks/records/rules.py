"""What may be recorded of deploys, outages and maintenance: impossible values are refused. Pure."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tasks.errors import UsageError
from tasks.observation import printable
from tasks.records.facts import LARGEST_NUMBER, Deploy, Maintenance, Outage

MOST_NAME = 80
MOST_ENVIRONMENT = 40
MOST_TEXT = 1000
LONGEST_MAINTENANCE = timedelta(days=31)
_AHEAD = timedelta(minutes=5)
"""Two clocks may differ by so much."""


class RecordRefused(UsageError):
    """A record cannot be true as it was given; the text says why and what to do, `column` which value it is."""

    def __init__(self, text: str, column: str = "") -> None:
        super().__init__(text)
        self.column = column


def checked_deploy(deploy: Deploy, now: datetime) -> Deploy:
    """The deploy with its times in UTC, to the second; raises RecordRefused if it cannot be true."""
    start, end = _order("a deploy", deploy.started_at, deploy.ended_at, now)
    commit = None if deploy.commit_at is None else to_second(deploy.commit_at)
    if commit is not None and commit > start:
        text = "the commit is newer than its deploy: give the time of the deployed commit"
        raise RecordRefused(text, "commit_at")
    return replace(
        deploy,
        version=_name(deploy.version, "version", MOST_NAME),
        environment=_name(deploy.environment, "environment", MOST_ENVIRONMENT),
        started_at=start,
        ended_at=end,
        commit_at=commit,
    )


def checked_outage(outage: Outage, modules: Collection[str], now: datetime) -> Outage:
    """The outage with its times in UTC, to the second; raises RecordRefused if it cannot be true."""
    start, end = _order("an outage", outage.started_at, outage.ended_at, now)
    if end == start:
        raise RecordRefused("an outage must end after it starts", "ended_at")
    if outage.incident_id is not None and not 0 < outage.incident_id <= LARGEST_NUMBER:
        raise RecordRefused(f"an incident number must be from 1 to {LARGEST_NUMBER}", "incident_id")
    cause = checked_text(outage.cause, "cause")
    if not cause:
        raise RecordRefused("an outage needs a cause, even if it is only suspected", "cause")
    return replace(outage, started_at=start, ended_at=end, module=checked_module(outage.module, modules), cause=cause)


def checked_maintenance(window: Maintenance, modules: Collection[str]) -> Maintenance:
    """The window with its times in UTC, to the second; raises RecordRefused if it cannot be true."""
    start, end = to_second(window.starts_at), to_second(window.ends_at)
    if end <= start:
        raise RecordRefused("a maintenance window must end after it starts", "ends_at")
    if end - start > LONGEST_MAINTENANCE:
        raise RecordRefused(f"a maintenance window has at most {LONGEST_MAINTENANCE.days} days: split it", "ends_at")
    reason, late_reason = checked_text(window.reason, "reason"), checked_text(window.late_reason, "late_reason")
    if not reason:
        raise RecordRefused("a maintenance window needs a reason", "reason")
    return replace(
        window,
        starts_at=start,
        ends_at=end,
        module=checked_module(window.module, modules),
        reason=reason,
        declared_by=checked_by(window.declared_by, "declared_by"),
        late_reason=late_reason,
    )


def refuse_unannounced(window: Maintenance) -> None:
    """Raise RecordRefused for a window that was registered after its start without a reason."""
    if window.late and not window.late_reason:
        raise RecordRefused(
            "the window has already started: register it before it starts, or give a late reason",
            "late_reason",
        )


def checked_by(by: str, column: str = "by") -> str:
    """Who recorded something; raises RecordRefused if nobody did."""
    if not by.strip():
        raise RecordRefused("the name of the recorder is missing: give a name", column)
    return printable(by.strip())[:MOST_NAME]


def checked_text(value: str, column: str) -> str:
    """A text on one line; raises RecordRefused if it is too long."""
    text = " ".join(value.split())
    if len(text) > MOST_TEXT:
        raise RecordRefused(f"{column} has {len(text)} characters: shorten it to at most {MOST_TEXT}", column)
    return printable(text, MOST_TEXT)


def to_second(at: datetime) -> datetime:
    """An instant in UTC as precise as people write it, so that they can name the same record again."""
    if at.utcoffset() is None:
        raise ValueError(f"a time without zone cannot be recorded: {at!r}")
    return at.astimezone(UTC).replace(microsecond=0)


def _order(
    what: str, started_at: datetime, ended_at: datetime | None, now: datetime
) -> tuple[datetime, datetime | None]:
    start, end = to_second(started_at), None if ended_at is None else to_second(ended_at)
    if start > now + _AHEAD:
        text = f"the start {start:%Y-%m-%d %H:%M} UTC is in the future: record {what} once it has started"
        raise RecordRefused(text, "started_at")
    if end is not None and end > now + _AHEAD:
        text = f"the end {end:%Y-%m-%d %H:%M} UTC is in the future: leave it out while {what} is ongoing"
        raise RecordRefused(text, "ended_at")
    if end is not None and end < start:
        text = f"{what} must end after it starts: end {end:%Y-%m-%d %H:%M} UTC, start {start:%Y-%m-%d %H:%M} UTC"
        raise RecordRefused(text, "ended_at")
    return start, end


def checked_module(module: str | None, modules: Collection[str]) -> str | None:
    """A module of the service, or None for the whole service; raises RecordRefused for one that is not known."""
    if module is None or not module.strip():
        return None
    name = _name(module, "module", MOST_NAME)
    if modules and name not in modules:
        raise RecordRefused(
            f"no module {name!r} in the service file; known modules: {', '.join(sorted(modules))}. Leave it out for "
            "the whole service",
            "module",
        )
    return name


def _name(value: str, column: str, most: int) -> str:
    name = value.strip()
    if not 0 < len(name) <= most:
        raise RecordRefused(f"{column} must have 1 to {most} characters", column)
    if name != printable(name):
        raise RecordRefused(f"{column} {printable(name, 40)!r} contains invisible characters: remove them", column)
    return name
