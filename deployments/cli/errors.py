"""`rounds errors`: errors found in the logs, and the decisions about them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.command import ServiceOption, explained, service_file
from deployments.cli.given import login
from deployments.terminal import say

app = typer.Typer(no_args_is_help=True, help="Errors found in the logs, and the decisions about them.")

ErrorArgument = Annotated[str, typer.Argument(help="Fingerprint, or its first four or more characters.")]
ByOption = Annotated[str, typer.Option("--by", help="Who decides; default: the login.", default_factory=login)]
NoteOption = Annotated[str, typer.Option(help="Why.")]


@app.command("list")
def list_errors(
    service: ServiceOption = None,
    days: Annotated[int, typer.Option(min=1, max=28, help="Days to look back.")] = 7,
    everything: Annotated[bool, typer.Option("--all", help="Include ignored errors.")] = False,
) -> None:
    """List the errors of the last days, the most frequent first."""
    with explained():
        from deployments.show_errors import show_errors
        from tasks.history.opened import history_of
        from tasks.logs.store.review import read_review
        from tasks.settings import load_settings

        settings = load_settings(service_file(service))
        now = datetime.now(UTC)
        names = [source.name for source in settings.logs.source]
        review = read_review(history_of(settings), settings.service.name, names, now - timedelta(days=days), now)
        show_errors(review, settings.logs.limits, settings.zone, everything=everything)


@app.command("show")
def show(error: ErrorArgument, service: ServiceOption = None) -> None:
    """Show one error: its details, one of its log lines, and the decisions about it."""
    with explained():
        from deployments.show_errors import show_error
        from tasks.logs.store.triage import read_error

        settings, history = _opened(service)
        show_error(read_error(history, settings.service.name, error), settings.zone)


@app.command("resolve")
def resolve(
    error: ErrorArgument,
    by: ByOption,
    service: ServiceOption = None,
    release: Annotated[str, typer.Option(help="Release with the fix; empty: fixed from now on.")] = "",
    note: NoteOption = "",
) -> None:
    """Mark an error as fixed; if it occurs again, it is reported as a regression."""
    _decide(service, error, "resolve", by, release=release, note=note)


@app.command("ignore")
def ignore(error: ErrorArgument, by: ByOption, service: ServiceOption = None, note: NoteOption = "") -> None:
    """Stop reporting an error."""
    _decide(service, error, "ignore", by, note=note)


@app.command("assign")
def assign(
    error: ErrorArgument,
    assignee: Annotated[str, typer.Argument(help="Who takes care of it.")],
    by: ByOption,
    service: ServiceOption = None,
    note: NoteOption = "",
) -> None:
    """Assign an error to somebody."""
    _decide(service, error, "assign", by, assignee=assignee, note=note)


@app.command("reopen")
def reopen(error: ErrorArgument, by: ByOption, service: ServiceOption = None, note: NoteOption = "") -> None:
    """Undo resolve or ignore."""
    _decide(service, error, "reopen", by, note=note)


def _decide(service: Path | None, error: str, action: str, by: str, **more: str) -> None:
    with explained():
        from tasks.logs.store.triage import Action, Decision, decide

        settings, history = _opened(service)
        decision = Decision(Action(action), by, **more)
        known = decide(history, settings.service.name, error, decision, datetime.now(UTC))
        say(f"{known.fingerprint[:8]} {known.name} {known.message}: {known.state}, {known.assignee or 'nobody'}")


def _opened(service: Path | None) -> tuple[Any, Any]:
    from tasks.history.opened import history_of
    from tasks.settings import load_settings

    settings = load_settings(service_file(service))
    return settings, history_of(settings)
