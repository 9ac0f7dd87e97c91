"""Incidents in a line, for whoever changed one. Pure."""

from datetime import datetime
from enum import StrEnum

from tasks.check_result import Severity
from tasks.incidents.events import Assess, Event, Note, Respond, Verify
from tasks.incidents.facts import Incident
from tasks.observation import printable


class Step(StrEnum):
    """What a note is about."""

    NOTE = "note"
    ASSESSING = "assessing"
    RESPONDING = "responding"
    VERIFYING = "verifying"


def noted(
    step: Step, text: str, severity: Severity | None = None, impact_at: datetime | None = None, down: bool | None = None
) -> tuple[Event, ...]:
    """A note as events; all but a mere note move the incident on, and so does what is said of its scope."""
    scope = Assess("", severity, impact_at, down)
    match step:
        case Step.NOTE if scope == Assess(""):
            return (Note(text),)
        case Step.NOTE | Step.ASSESSING:
            return (Assess(text, severity, impact_at, down),)
        case Step.RESPONDING:
            event: Event = Respond(text)
        case Step.VERIFYING:
            event = Verify(text)
    return (event,) if scope == Assess("") else (scope, event)


def described(incident: Incident) -> str:
    """An incident and its state."""
    return printable(f"incident {incident.id} is {incident.state}: {incident.title}")
