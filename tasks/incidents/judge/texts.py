"""What people and alerts write about an incident: bounded, and without characters that are not seen. Pure."""

from typing import Final

from tasks.incidents.events import IncidentRefused
from tasks.observation import printable, spelt_out

MOST_TITLE: Final = 200
MOST_NAME: Final = 80
MOST_TEXT: Final = 4000


def title_of(text: str) -> str:
    """A title on one line; raises IncidentRefused for an empty one."""
    if not (title := printable(" ".join(text.split()), MOST_TITLE)):
        raise IncidentRefused("the title is missing: say in a few words what is wrong")
    return title


def kept_text(text: str) -> str:
    """A text of several lines, which may be empty; what is too long is cut."""
    lines = (spelt_out(line.rstrip()) for line in text.strip().splitlines())
    kept = "\n".join(lines)
    return kept if len(kept) <= MOST_TEXT else kept[: MOST_TEXT - 1] + "…"


def needed_text(text: str, what: str) -> str:
    """The same; raises IncidentRefused for an empty one, which `what` names."""
    if not (kept := kept_text(text)):
        raise IncidentRefused(f"the text is missing: {what}")
    return kept


def name_of(text: str, what: str) -> str:
    """A name on one line; raises IncidentRefused for an empty one, which `what` names."""
    if not (name := printable(" ".join(text.split()), MOST_NAME)):
        raise IncidentRefused(f"{what} is missing: give a name")
    return name
