"""`rounds oncall`: who is on call, and the overrides of the rota; no Prefect server is needed."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Annotated

import typer

from deployments.cli.command import USAGE, ServiceOption, explained, fail
from deployments.cli.given import ByOption, needed_time, settings_of
from deployments.terminal import say
from tasks.records.facts import LARGEST_NUMBER

app = typer.Typer(invoke_without_command=True)
_BACK = timedelta(days=366)
"""The present turn may have begun where an override of so long ago ended."""


@app.callback()
def now_and_next(context: typer.Context, service: ServiceOption = None) -> None:
    """Say who is on call now and next, until when, and by which override."""
    if context.invoked_subcommand is not None:
        if service is not None:
            fail(f"--service FILE goes after `oncall {context.invoked_subcommand}`", USAGE)
        return
    with explained():
        from deployments.show_oncall import show_now
        from tasks.history.opened import history_of
        from tasks.oncall.judge.rota import next_turns
        from tasks.oncall.store.overrides import read_overrides

        settings, now = settings_of(service), datetime.now(UTC)
        overrides = read_overrides(history_of(settings), settings.service.name, now)
        show_now(settings, next_turns(settings.oncall, overrides, settings.zone, now, 2))


@app.command("show")
def show(
    service: ServiceOption = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days to look ahead.")] = 14,
) -> None:
    """List the turns of the coming days, in the rota's time zone."""
    with explained():
        from deployments.show_oncall import show_turns
        from tasks.history.opened import history_of
        from tasks.oncall.judge.rota import turns
        from tasks.oncall.store.overrides import read_overrides

        settings, now = settings_of(service), datetime.now(UTC)
        overrides = read_overrides(history_of(settings), settings.service.name, now - _BACK)
        end, ahead = now + timedelta(days=days), turns(settings.oncall, overrides, settings.zone, now)
        show_turns(settings, takewhile(lambda turn: turn.since is None or turn.since < end, ahead))


@app.command("override")
def override(
    person: Annotated[str, typer.Argument(help="Who takes over: a name of [[oncall.person]].")],
    by: ByOption,
    starts: Annotated[str, typer.Option(help="When the override starts.")],
    ends: Annotated[str, typer.Option(help="When it ends.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    service: ServiceOption = None,
) -> None:
    """Put somebody on call in place of whoever the rota names. Times without an offset are in the service's zone."""
    with explained():
        from tasks.history.opened import history_of
        from tasks.oncall.facts import Override
        from tasks.oncall.judge.rota import rota_zone
        from tasks.oncall.store.overrides import add_override
        from tasks.oncall.words import described

        settings = settings_of(service)
        span = needed_time(settings, starts, "--starts"), needed_time(settings, ends, "--ends")
        asked = Override(0, person, *span, reason, by)
        team = settings.oncall.names
        added = add_override(history_of(settings), settings.service.name, asked, team, datetime.now(UTC))
        say(f"recorded: {described(added, rota_zone(settings.oncall, settings.zone))}")


@app.command("overrides")
def overrides(
    service: ServiceOption = None,
    days: Annotated[
        int, typer.Option(min=1, max=366, help="Days to look back; current and planned ones are always listed.")
    ] = 30,
) -> None:
    """List overrides with their numbers."""
    with explained():
        from deployments.show_oncall import show_overrides
        from tasks.history.opened import history_of
        from tasks.oncall.store.overrides import read_overrides

        settings, now = settings_of(service), datetime.now(UTC)
        since = now - timedelta(days=days)
        show_overrides(settings, read_overrides(history_of(settings), settings.service.name, since), now)


@app.command("remove")
def remove(
    number: Annotated[
        int,
        typer.Argument(
            min=1, max=LARGEST_NUMBER, help="Number of the override, as `rounds oncall overrides` lists it."
        ),
    ],
    service: ServiceOption = None,
) -> None:
    """Remove an override; the rota applies again from now on. An override that has ended stays on record."""
    with explained():
        from tasks.history.opened import history_of
        from tasks.oncall.judge.rota import rota_zone
        from tasks.oncall.store.overrides import remove_override
        from tasks.oncall.words import described

        settings = settings_of(service)
        left = remove_override(history_of(settings), settings.service.name, number, datetime.now(UTC))
        zone = rota_zone(settings.oncall, settings.zone)
        say(f"removed: override {number}" if left is None else f"ended: {described(left, zone)}")
