"""An item of one of the guide's checklists, and which checks answer it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tasks.check_result import Check, Message


@dataclass(frozen=True, slots=True)
class GuideLine:
    """A checklist item; `checks` are id patterns, `not_applicable` a reason to leave it out,
    `also` its words in the Japanese guide.

    `named_by` are ids of the checks that give it its name, all of its own if empty: unless one of them is measured the
    item is not confirmed, whatever else was checked.
    """

    id: str
    text: Message
    checks: tuple[str, ...]
    not_applicable: str | None = None
    also: str = ""
    named_by: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What a service file may call this line: its id, its English or its Japanese words."""
        return (self.id, self.text.text, self.also)

    @property
    def named(self) -> tuple[str, ...]:
        """Those checks that give it its name which a service file has left to it."""
        return tuple(check for check in self.named_by if self.covers(check))

    def covers(self, check: str) -> bool:
        """True when a check answers this line."""
        return any(fnmatchcase(check, pattern) for pattern in self.checks)

    def needs(self, check: str) -> bool:
        """True when a check is one of those of which one must be measured."""
        named = self.named
        return check in named if named else self.covers(check)


def left_out(lines: Iterable[GuideLine], checks: Collection[Check]) -> bool:
    """True when every line that these checks answer is left out, so that nothing has to be checked."""
    answered = [line for line in lines if any(line.covers(check.id) for check in checks)]
    return bool(answered) and all(line.not_applicable is not None for line in answered)
