"""`rounds alerts`: alerts, and whether they reach people."""

import getpass
import os
from typing import Annotated

import typer

from deployments.cli.command import BROKEN, ServiceOption, explained, quiet, service_file, warn
from deployments.terminal import say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def alerts() -> None:
    """Alerts, and whether they reach people."""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return f"uid {os.getuid()}"


@app.command("test")
def test(
    level: Annotated[int, typer.Argument(min=1, max=3, help="Alert level: 1 information, 2 warning, 3 emergency.")],
    by: Annotated[str, typer.Option("--by", help="Who tests; default: the login.", default_factory=_user)],
    service: ServiceOption = None,
) -> None:
    """Send a message marked as a test to everybody whom alerts of a level reach, through each channel.

    Prints what became of each message, and of those that went in place of one that was not delivered. Exit status 3 if
    any was not delivered.
    """
    with explained():
        quiet()
        import asyncio

        from flows.alert_test import described, send_test
        from tasks.check_result import Severity
        from tasks.history.opened import history_of
        from tasks.settings import load_settings

        settings = load_settings(service_file(service))
        problems: list[str] = []
        standings = asyncio.run(send_test(settings, history_of(settings), Severity(level), by, problems.append))
        say(*map(described, standings))
        shown = {standing.answer for standing in standings}
        for problem in problems:
            if not any(answer and answer in problem for answer in shown):
                warn(problem)
        if any(standing.state != "sent" for standing in standings):
            raise typer.Exit(BROKEN)
