"""`rounds incident`: incidents as people work on them, written to the history; no Prefect server is needed."""

import asyncio
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.command import ServiceOption, explained, quiet, warn
from deployments.cli.given import ByOption, day_of, settings_of, time_of
from deployments.terminal import say
from tasks.check_result import Severity
from tasks.incidents.facts import ActionKind, Fix
from tasks.incidents.words import Step
from tasks.records.facts import LARGEST_NUMBER

if TYPE_CHECKING:
    from tasks.history.engine import History
    from tasks.incidents.events import Event
    from tasks.incidents.store.change import Changed
    from tasks.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Incidents, as people work on them. Times without an offset are in the service's time zone.",
)
_SENDING_S = 30.0
action = typer.Typer(no_args_is_help=True, help="Action items of incidents.")
app.add_typer(action, name="action")


class Level(StrEnum):
    """How bad an incident is."""

    INFORMATION = "information"
    WARNING = "warning"
    EMERGENCY = "emergency"


Number = Annotated[int, typer.Argument(metavar="incident", min=1, max=LARGEST_NUMBER, help="Number of the incident.")]
TextArgument = Annotated[str, typer.Argument(help="What happened, in a sentence.")]
TextOption = Annotated[str, typer.Option(help="More about it.")]
AtOption = Annotated[str, typer.Option("--at", help="When; default: now.")]
ImpactOption = Annotated[str, typer.Option("--impact", help="When it began to hurt.")]
LevelOption = Annotated[Level | None, typer.Option(help="New severity; default: as it is.")]


@app.command("open")
def open_incident(
    title: Annotated[str, typer.Argument(help="What is wrong, in a few words.")],
    by: ByOption,
    service: ServiceOption = None,
    level: Annotated[Level, typer.Option(help="Severity.")] = Level.EMERGENCY,
    module: Annotated[str, typer.Option(help="Affected module; empty: the whole service.")] = "",
    down: Annotated[bool, typer.Option("--down", help="It does not work at all: its time counts as downtime.")] = False,
    impact: ImpactOption = "",
    detected: Annotated[str, typer.Option(help="When it was detected; default: now.")] = "",
    text: TextOption = "",
) -> None:
    """Open an incident. Repeating it with the same title and detection time does not open a second one."""
    with explained():
        from tasks.history.opened import history_of
        from tasks.incidents.store.change import Changed, NewIncident, open_by_hand
        from tasks.records.rules import checked_module

        settings = settings_of(service)
        new = NewIncident(
            title=title,
            severity=Severity[level.name],
            by=by,
            module=checked_module(module, settings.known_modules()),
            detected_at=time_of(settings, detected, "--detected"),
            impact_at=time_of(settings, impact, "--impact"),
            down=down,
            text=text,
        )
        history, now = history_of(settings), datetime.now(UTC)
        _show(settings, history, Changed(open_by_hand(history, settings.service.name, new, now)), now)


@app.command("list")
def list_incidents(
    service: ServiceOption = None,
    days: Annotated[
        int, typer.Option(min=1, max=3660, help="Days to look back; open incidents are always listed.")
    ] = 30,
) -> None:
    """List incidents that are open, were closed in the last --days days, or still have open action items."""
    with explained():
        from deployments.show_incidents import show_incidents
        from tasks.history.opened import history_of
        from tasks.incidents.store.read import read_incidents

        settings, now = settings_of(service), datetime.now(UTC)
        since = now - timedelta(days=days)
        found = read_incidents(history_of(settings), settings.service.name, since, now + timedelta(days=1))
        show_incidents(found, since, now, settings.zone)


@app.command("show")
def show(incident: Number, service: ServiceOption = None) -> None:
    """Show an incident: its times, timeline, action items and outages."""
    with explained():
        from deployments.show_incidents import show_incident
        from tasks.history.opened import history_of
        from tasks.incidents.store.read import read_incident

        settings = settings_of(service)
        show_incident(read_incident(history_of(settings), settings.service.name, incident), settings.zone)


@app.command("ack")
def acknowledge(incident: Number, by: ByOption, service: ServiceOption = None, text: TextOption = "") -> None:
    """Acknowledge an incident: somebody takes care of it."""
    with explained():
        quiet()
        from flows.delivery import deliver
        from tasks.alerts.acknowledge import acknowledge_incident
        from tasks.history.opened import history_of

        settings, now = settings_of(service), datetime.now(UTC)
        history = history_of(settings)
        changed, _ = acknowledge_incident(settings, history, incident, by, text, now)
        asyncio.run(deliver(settings, history, warn, _SENDING_S))
        _show(settings, history, changed, now)


@app.command("note")
def note(
    incident: Number,
    text: TextArgument,
    by: ByOption,
    service: ServiceOption = None,
    step: Annotated[Step, typer.Option(help="Every step except `note` advances the incident.")] = Step.NOTE,
    level: LevelOption = None,
    impact: ImpactOption = "",
    down: Annotated[
        bool | None,
        typer.Option(
            "--down/--not-down",
            help="Whether it was down; --not-down removes its outages.",
        ),
    ] = None,
) -> None:
    """Note something, assess the incident, or say which step it has come to."""
    with explained():
        from tasks.incidents.words import noted

        settings = settings_of(service)
        severity = None if level is None else Severity[level.name]
        _change(settings, incident, by, *noted(step, text, severity, time_of(settings, impact, "--impact"), down))


@app.command("mitigate")
def mitigate(
    incident: Number,
    text: TextArgument,
    by: ByOption,
    fix: Annotated[Fix, typer.Option(help="A temporary fix needs an action item for the permanent one.")],
    service: ServiceOption = None,
    owner: Annotated[str, typer.Option(help="Owner of the permanent fix.")] = "",
    due: Annotated[str, typer.Option(help="Day by which the permanent fix is due, such as 2026-12-01.")] = "",
    at: AtOption = "",
) -> None:
    """Say what ended the impact, for now or for good."""
    with explained():
        from tasks.incidents.events import Mend, Mitigate

        settings = settings_of(service)
        when = time_of(settings, at, "--at")
        event: Event = Mend(text, when)
        if fix is Fix.TEMPORARY:
            event = Mitigate(text, owner, day_of(due, "--due"), when)
        _change(settings, incident, by, event)


@app.command("resolve")
def resolve(
    incident: Number,
    text: Annotated[str, typer.Argument(help="How the effect of the fix was verified.")],
    by: ByOption,
    service: ServiceOption = None,
    at: AtOption = "",
) -> None:
    """Resolve an incident once the effect of its fix is verified."""
    with explained():
        from tasks.incidents.events import Resolve

        settings = settings_of(service)
        _change(settings, incident, by, Resolve(text, time_of(settings, at, "--at")))


@action.command("add")
def add_action(
    incident: Number,
    text: Annotated[str, typer.Argument(help="What is to be done.")],
    by: ByOption,
    owner: Annotated[str, typer.Option(help="Who does it.")],
    due: Annotated[str, typer.Option(help="Day by which it is due, such as 2026-12-01.")],
    service: ServiceOption = None,
    kind: Annotated[ActionKind, typer.Option(help="What it is for.")] = ActionKind.PREVENTION,
) -> None:
    """Add an action item."""
    with explained():
        from tasks.incidents.events import AddAction

        _change(settings_of(service), incident, by, AddAction(text, owner, day_of(due, "--due"), kind))


@action.command("done")
def finish_action(
    incident: Number,
    number: Annotated[
        int, typer.Argument(metavar="action", min=1, max=LARGEST_NUMBER, help="Number of the action item.")
    ],
    by: ByOption,
    service: ServiceOption = None,
    text: TextOption = "",
) -> None:
    """Say that an action item is done."""
    with explained():
        from tasks.incidents.events import FinishAction

        _change(settings_of(service), incident, by, FinishAction(number, text))


@app.command("close")
def close(
    incident: Number,
    by: ByOption,
    service: ServiceOption = None,
    cause: Annotated[str, typer.Option(help="Its cause.")] = "",
    went_well: Annotated[str, typer.Option(help="What went well.")] = "",
    went_badly: Annotated[str, typer.Option(help="What went badly.")] = "",
    lucky: Annotated[str, typer.Option(help="Where we got lucky.")] = "",
    no_actions_reason: Annotated[str, typer.Option(help="Why there is nothing to do.")] = "",
    save_only: Annotated[bool, typer.Option("--save-only", help="Keep what is written; do not close.")] = False,
) -> None:
    """Write the retrospective, or a part of it, and close the incident; what is left out stays as it was."""
    with explained():
        from tasks.history.opened import history_of
        from tasks.incidents.events import Review
        from tasks.incidents.store.change import Changed, review_incident

        settings, now = settings_of(service), datetime.now(UTC)
        review = Review(cause, went_well, went_badly, lucky, no_actions_reason)
        history, name = history_of(settings), settings.service.name
        found = review_incident(history, name, incident, review, by, now, close=not save_only)
        _show(settings, history, Changed(found), now)


@app.command("reopen")
def reopen(
    incident: Number,
    text: Annotated[str, typer.Argument(help="What came back.")],
    by: ByOption,
    service: ServiceOption = None,
    at: AtOption = "",
) -> None:
    """Reopen an incident that came back; after a day a new one that names it is opened."""
    with explained():
        from tasks.incidents.events import Reopen

        settings = settings_of(service)
        _change(settings, incident, by, Reopen(text, time_of(settings, at, "--at")))


@app.command("dismiss")
def dismiss(
    incident: Number,
    text: Annotated[str, typer.Argument(help="Why it was a false positive.")],
    by: ByOption,
    service: ServiceOption = None,
) -> None:
    """Say that nothing was wrong; its outages are removed."""
    with explained():
        from tasks.incidents.events import Dismiss

        _change(settings_of(service), incident, by, Dismiss(text))


@app.command("merge")
def merge(
    incident: Number,
    into: Annotated[
        int, typer.Argument(min=1, max=LARGEST_NUMBER, help="Number of the incident that it is a part of.")
    ],
    by: ByOption,
    service: ServiceOption = None,
    text: TextOption = "",
) -> None:
    """Make an incident a part of another one, which takes over its outages and action items."""
    with explained():
        from tasks.incidents.events import Merge

        _change(settings_of(service), incident, by, Merge(into, text))


def _change(settings: "Settings", number: int, by: str, *events: "Event") -> None:
    from tasks.history.opened import history_of
    from tasks.incidents.store.change import change_by_all

    history, now = history_of(settings), datetime.now(UTC)
    _show(settings, history, change_by_all(history, settings.service.name, number, events, by, now), now)


def _show(settings: "Settings", history: "History", changed: "Changed", now: datetime) -> None:
    """Print what became of the incident, once its page is written."""
    from flows.incident_pages import write_pages
    from tasks.incidents.words import described

    problem = asyncio.run(write_pages(settings, history, changed.numbers, now))
    say(f"{described(changed.shown)}{problem}")
