"""What could not be seen, and why: the only error that becomes UNKNOWN."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tasks.check_result import Message

T = TypeVar("T")


class ObservationError(Exception):
    """Something outside could not be observed; carries the reason in words that may be shown."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.text.format(**reason.params))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Unobserved:
    """Stands where a fact would stand when nothing was seen."""

    reason: Message


@dataclass(frozen=True, slots=True)
class Absent:
    """Stands where there is nothing to measure: not on this machine, or not asked for in the service file."""

    reason: Message


async def seen(observation: Awaitable[T]) -> T | Unobserved:
    """What was observed, or why it could not be; any other error breaks the round."""
    try:
        return await observation
    except ObservationError as error:
        return Unobserved(error.reason)


def seen_now(observation: Callable[[], T]) -> T | Unobserved:
    """The same for a look that is no coroutine."""
    try:
        return observation()
    except ObservationError as error:
        return Unobserved(error.reason)


def printable(text: str, most: int = 500) -> str:
    """Text from outside, bounded, with every control, direction and surrogate character spelt out."""
    return spelt_out(text if len(text) <= most else text[: most - 1] + "…")


def spelt_out(text: str) -> str:
    """A text on one line, with every control, direction and surrogate character spelt out."""
    # The ideographic space is an ordinary character of Japanese text, though not "printable".
    return "".join(c if c.isprintable() or c == "\u3000" else f"\\u{ord(c):04x}" for c in text)
