"""`rounds alerts`: alerts, and whether they reach people."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from deployments.cli.command import BROKEN, ServiceOption, explained, quiet, warn
from deployments.cli.given import ByOption, login, settings_of
from deployments.terminal import counted, say
from tasks.records.facts import LARGEST_NUMBER

app = typer.Typer(no_args_is_help=True)
_SENDING_S = 30.0


@app.callback()
def alerts() -> None:
    """Alerts, and whether they reach people."""


@app.command("list")
def list_alerts(
    service: ServiceOption = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days to look back; open ones are always listed.")] = 1,
) -> None:
    """List the open alerts and those that ended in the last days, the newest first."""
    with explained():
        from deployments.show_alerts import show_alerts
        from tasks.alerts.store.read import read_episodes
        from tasks.history.opened import history_of

        settings, now = settings_of(service), datetime.now(UTC)
        found = read_episodes(history_of(settings), settings.service.name, now - timedelta(days=days))
        show_alerts(found, now, settings.zone)


@app.command("replay")
def replay_alerts(
    days: Annotated[int, typer.Option(min=1, max=45, help="Days to look back, as far as minutes are kept.")] = 7,
    service: ServiceOption = None,
    check: Annotated[str, typer.Option(metavar="PATTERN", help="Only rules of checks such as resources.*.")] = "*",
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, everything else on stderr.")] = False,
) -> None:
    """Show what today's rules would have fired on the stored samples, so that limits are tuned before they page.

    Nothing is written, and nobody is notified. Exit status 3 if there are no samples for any
    of them.
    """
    with explained():
        from pydantic import TypeAdapter

        from deployments.progress import working
        from deployments.show_replay import show_replay
        from deployments.terminal import say_json
        from tasks.alerts.look.samples import minute_of
        from tasks.alerts.replay import Replayed, replay
        from tasks.errors import UsageError
        from tasks.history.opened import history_of

        settings, end = settings_of(service), minute_of(datetime.now(UTC))
        if settings.alerts is None:
            raise UsageError(
                "the service file has no [alerts]: it has no rules; an empty [alerts] enables the built-in ones"
            )
        with working(f"replay of {counted(days, 'day')}"):
            found = replay(history_of(settings), settings, settings.alerts, end - days * 24 * 60, end).only(check)
        if not (found.minutes and any(rule.series for rule in found.rules)):
            samples, span = "samples" if check == "*" else f"samples for {check}", counted(days, "day")
            warn(f"No {samples} in the last {span}: what rules would have fired is unknown. Does monitoring run?")
            raise typer.Exit(BROKEN)
        if as_json:
            say_json(TypeAdapter(Replayed).dump_json(found, indent=2).decode())
        else:
            show_replay(found, settings.zone)


@app.command("ack")
def acknowledge(
    alert: Annotated[
        int, typer.Argument(min=1, max=LARGEST_NUMBER, help="Number of the alert, as its message has it.")
    ],
    by: ByOption,
    service: ServiceOption = None,
    minutes: Annotated[float | None, typer.Option(help="How long it holds; default: the service file's.")] = None,
) -> None:
    """Acknowledge an alert, and all that its message stands for: it does not escalate while somebody takes care."""
    with explained():
        quiet()
        import asyncio

        from flows.delivery import deliver
        from tasks.alerts.acknowledge import acknowledge_alert
        from tasks.alerts.words import taken_text
        from tasks.history.opened import history_of

        settings = settings_of(service)
        history = history_of(settings)
        taken = acknowledge_alert(settings, history, alert, by, minutes, datetime.now(UTC))
        say(taken_text(taken, settings.zone))
        asyncio.run(deliver(settings, history, warn, _SENDING_S))


@app.command("act")
def act(
    alert: Annotated[int, typer.Argument(min=1, max=LARGEST_NUMBER, help="Number of the alert.")],
    action: Annotated[str, typer.Argument(help="Name of an [[alerts.action]] of the service file.")],
    by: ByOption,
    service: ServiceOption = None,
) -> None:
    """Take an action of the service file for an alert; monitoring verifies its effect. Its limits and dry_run hold.

    Exit status 3 if it failed or its limits held it back.
    """
    with explained():
        import asyncio

        from tasks.alerts.act import NOT_DONE, act_by_hand
        from tasks.history.opened import history_of

        settings = settings_of(service)
        state, text = asyncio.run(act_by_hand(settings, history_of(settings), alert, action, by))
        say(text)
        if state in NOT_DONE:
            raise typer.Exit(BROKEN)


@app.command("test")
def test(
    level: Annotated[int, typer.Argument(min=1, max=3, help="Alert level: 1 information, 2 warning, 3 emergency.")],
    by: Annotated[str, typer.Option("--by", help="Who tests; default: the login.", default_factory=login)],
    service: ServiceOption = None,
) -> None:
    """Send a message marked as a test to everybody whom alerts of a level reach, through each channel.

    Prints what became of each message, and of those that went in place of one that was not delivered. Exit status 3 if
    any was not delivered.
    """
    with explained():
        quiet()
        import asyncio

        from flows.alert_test import described, is_delivered, send_test
        from tasks.check_result import Severity
        from tasks.history.opened import history_of

        settings = settings_of(service)
        problems: list[str] = []
        standings = asyncio.run(send_test(settings, history_of(settings), Severity(level), by, problems.append))
        say(*(described(settings, standing) for standing in standings))
        shown = {standing.answer for standing in standings}
        for problem in problems:
            if not any(answer and answer in problem for answer in shown):
                warn(problem)
        if not all(is_delivered(settings, standing) for standing in standings):
            raise typer.Exit(BROKEN)
