"""`rounds record`: deploys, outages and maintenance windows, written to the history; no Prefect server is needed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.command import ServiceOption, explained
from deployments.cli.given import ByOption, needed_time, settings_of, time_of
from deployments.terminal import say

if TYPE_CHECKING:
    from tasks.records.store.records import Record
    from tasks.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Deploys, outages and maintenance windows. Times without an offset are in the service's time zone.",
)
_AHEAD = timedelta(days=3660)


ModuleOption = Annotated[str, typer.Option("--module", help="Affected module; empty: the whole service.")]


@app.command("deploy")
def deploy(
    version: Annotated[str, typer.Argument(help="Version deployed, as the health report gives it.")],
    by: ByOption,
    service: ServiceOption = None,
    environment: Annotated[str, typer.Option(help="Environment; default: the service file's.")] = "",
    started: Annotated[str, typer.Option(help="Start; default: now.")] = "",
    ended: Annotated[str, typer.Option(help="End; default: now.")] = "",
    commit_time: Annotated[str, typer.Option(help="Time of the deployed commit, for the lead time.")] = "",
    outcome: Annotated[str, typer.Option(help="succeeded, failed or rolled-back.")] = "succeeded",
) -> None:
    """Record a deploy or correct one (same environment, version and start)."""
    with explained():
        from tasks.records.facts import Deploy, Origin
        from tasks.records.words import parse_outcome

        settings, now = settings_of(service), datetime.now(UTC)
        start = time_of(settings, started, "--started") or now
        _keep(
            settings,
            Deploy(
                version=version,
                environment=environment or settings.service.environment,
                started_at=start,
                ended_at=time_of(settings, ended, "--ended") or max(start, now),
                outcome=parse_outcome(outcome),
                origin=Origin.RECORDED,
                commit_at=time_of(settings, commit_time, "--commit-time"),
            ),
            by,
            now,
        )


@app.command("outage")
def outage(
    by: ByOption,
    started: Annotated[str, typer.Option(help="Start of the outage.")],
    cause: Annotated[str, typer.Option(help="Cause, even if only suspected.")],
    service: ServiceOption = None,
    ended: Annotated[str, typer.Option(help="End; default: not over yet.")] = "",
    module: ModuleOption = "",
) -> None:
    """Record an outage or correct one (same module and start), for example to add its end."""
    with explained():
        from tasks.records.facts import Outage

        settings = settings_of(service)
        start = needed_time(settings, started, "--started")
        _keep(
            settings, Outage(start, time_of(settings, ended, "--ended"), module or None, cause), by, datetime.now(UTC)
        )


@app.command("maintenance")
def maintenance(
    by: ByOption,
    starts: Annotated[str, typer.Option(help="Start of the window.")],
    ends: Annotated[str, typer.Option(help="End of the window.")],
    reason: Annotated[str, typer.Option(help="Work to be done.")],
    service: ServiceOption = None,
    module: ModuleOption = "",
    late_reason: Annotated[str, typer.Option(help="Why it was not registered before it began.")] = "",
) -> None:
    """Register a maintenance window before it begins."""
    with explained():
        from tasks.records.facts import Maintenance

        settings, now = settings_of(service), datetime.now(UTC)
        span = needed_time(settings, starts, "--starts"), needed_time(settings, ends, "--ends")
        _keep(settings, Maintenance(*span, module or None, reason, now, by, late_reason), by, now)


@app.command("list")
def list_records(
    service: ServiceOption = None,
    days: Annotated[
        int, typer.Option(min=1, max=366, help="Days to look back; planned windows are always listed.")
    ] = 30,
) -> None:
    """List recorded deploys, outages and maintenance windows."""
    with explained():
        from deployments.show_records import show_records
        from tasks.history.opened import history_of
        from tasks.records.store.records import read_deploys, read_maintenance, read_outages

        settings, now = settings_of(service), datetime.now(UTC)
        history, name, since = history_of(settings), settings.service.name, now - timedelta(days=days)
        until = now + _AHEAD
        show_records(
            read_deploys(history, name, since, until),
            read_outages(history, name, since, until),
            read_maintenance(history, name, since, until),
            since,
            settings.zone,
        )


@app.command("import")
def import_file(
    kind: Annotated[str, typer.Argument(help="deploys, outages or maintenance.")],
    file: Annotated[Path, typer.Argument(help="CSV file in UTF-8; its first line names the columns.")],
    by: ByOption,
    service: ServiceOption = None,
) -> None:
    """Record every line of a CSV file, or none. Importing the same file again changes nothing."""
    with explained():
        from tasks.history.opened import history_of
        from tasks.records.csv_import import import_records

        settings = settings_of(service)
        counts = import_records(history_of(settings), settings, kind, file, by, datetime.now(UTC))
        summary = ", ".join(f"{number} {written}" for written, number in sorted(counts.items()))
        say(f"{file}: {summary or 'no line, nothing was recorded'}")


def _keep(settings: "Settings", record: "Record", by: str, now: datetime) -> None:
    from tasks.history.opened import history_of
    from tasks.records.store.records import store_records
    from tasks.records.words import described

    modules = settings.known_modules()
    [written] = store_records(history_of(settings), settings.service.name, [record], by, now, modules)
    say(f"{written}: {described(record, settings.zone)}")
