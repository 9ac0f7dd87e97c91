"""`rounds silence`: alerts that notify nobody for a while; no Prefect server is needed."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from deployments.cli.command import ServiceOption, explained
from deployments.cli.given import ByOption, needed_time, settings_of, time_of
from deployments.terminal import say
from tasks.records.facts import LARGEST_NUMBER

app = typer.Typer(
    no_args_is_help=True,
    help="Silences of alerts. Times without an offset are in the service's time zone.",
)


@app.command("add")
def add(
    by: ByOption,
    ends: Annotated[str, typer.Option(help="When the silence ends.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    service: ServiceOption = None,
    check: Annotated[str, typer.Option(help="Glob pattern of checks, such as resources.*.")] = "*",
    subject: Annotated[str, typer.Option(help="Glob pattern of subjects, such as host/*.")] = "*",
    starts: Annotated[str, typer.Option(help="When it starts; default: now.")] = "",
) -> None:
    """Silence the alerts of some checks or subjects for a while. At least one pattern must name something."""
    with explained():
        from tasks.history.opened import history_of
        from tasks.silences.facts import Silence
        from tasks.silences.store.silences import add_silence
        from tasks.silences.words import described

        settings, now = settings_of(service), datetime.now(UTC)
        span = time_of(settings, starts, "--starts") or now, needed_time(settings, ends, "--ends")
        asked = Silence(0, check, subject, *span, reason, by)
        added = add_silence(history_of(settings), settings.service.name, asked, now)
        say(f"recorded: {described(added, settings.zone)}")


@app.command("list")
def list_silences(
    service: ServiceOption = None,
    days: Annotated[
        int, typer.Option(min=1, max=366, help="Days to look back; current and planned ones are always listed.")
    ] = 30,
) -> None:
    """List silences with their numbers: current, planned and past ones."""
    with explained():
        from deployments.show_silences import show_silences
        from tasks.history.opened import history_of
        from tasks.silences.store.silences import read_silences

        settings, now = settings_of(service), datetime.now(UTC)
        found = read_silences(history_of(settings), settings.service.name, now - timedelta(days=days))
        show_silences(found, settings.zone, now)


@app.command("end")
def end(
    number: Annotated[
        int, typer.Argument(min=1, max=LARGEST_NUMBER, help="Number of the silence, as `rounds silence list` lists it.")
    ],
    service: ServiceOption = None,
) -> None:
    """End a silence now; a planned one never begins. What still fails then alerts."""
    with explained():
        from tasks.history.opened import history_of
        from tasks.silences.store.silences import end_silence
        from tasks.silences.words import described

        settings = settings_of(service)
        left = end_silence(history_of(settings), settings.service.name, number, datetime.now(UTC))
        say(f"removed: silence {number}" if left is None else f"ended: {described(left, settings.zone)}")
