"""Who is on call, and the overrides of the rota."""

from dataclasses import dataclass
from datetime import datetime

from tasks.oncall.settings import Person


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody takes the place of whoever the rota names, from `starts_at` until before `ends_at`."""

    id: int
    """0 until it is stored."""

    person: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A span in UTC in which one person is on call; the next turn begins where it ends."""

    person: Person | None
    """None: nobody is on call."""

    since: datetime | None
    """None: always so before."""

    until: datetime | None
    """The first instant that is no longer its own; None: nothing changes after."""

    override: Override | None
    """What put this person there, if it was not the rota."""
