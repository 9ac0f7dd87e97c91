"""In which unit a log writes durations: by the name of the field, compared with its values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from tasks.check_result import Message, msg

Unit = Literal["ms", "s", "us"]

_UNITS: dict[str, Unit | Literal["ns"]] = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("us", "usec", "usecs", "micros", "microsecond", "microseconds", "µs", "μs"), "us"),
    **dict.fromkeys(("ns", "nsec", "nanos", "nanosecond", "nanoseconds"), "ns"),
}
_NGINX = frozenset({"requesttime", "upstreamresponsetime"})
_ECS = "event.duration"
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-zµμ]+")
_MILLISECONDS: dict[Unit, float] = {"ms": 1.0, "s": 1000.0, "us": 0.001}
_LONGEST_USUAL_MS = 10_000.0
_SHORTEST_USUAL_MS = 0.1
_SHORTEST_NAMED_MS = 0.005
"""A name is only doubted when a request would be quicker than any server answers."""
_USUAL_SECONDS = 0.5
_USUAL_MICROSECONDS = 5000.0


@dataclass(frozen=True, slots=True)
class Decided:
    """A unit, why it is this one, and whether somebody should check it. `unit` is None for nanoseconds."""

    unit: Unit | None
    why: Message
    sure: bool


def named_unit(path: str) -> tuple[str, Unit | Literal["ns"] | None]:
    """A field's name without its unit, in small letters and without separators, and the unit that it names."""
    if path == _ECS:
        return "duration", "ns"
    parts = [part.lower() for part in _PART.findall(path.rpartition(".")[2])]
    unit = _UNITS.get(parts[-1]) if len(parts) > 1 else None
    if unit is not None:
        parts = parts[:-2] if parts[-2] == "in" else parts[:-1]
    return "".join(parts), unit


def decide_unit(path: str, values: Sequence[float]) -> Decided:
    """The unit of a field's values.

    A name decides, unless a usual request would then last over 10 s or under 5 µs. Without a name the unit is that in
    which a usual request lasts 0.1 ms to 10 s; where two would do, whole numbers from 5000 on are microseconds,
    fractions under 0.5 seconds, and all others milliseconds.
    """
    base, unit = named_unit(path)
    if unit == "ns":
        return Decided(None, msg("nanoseconds, which cannot be read: log milliseconds"), False)
    named = msg("its name says so")
    if unit is None and base in _NGINX:
        unit, named = "s", msg("nginx writes it in seconds")
    positive = [value for value in values if value > 0]
    middle = median(positive) if positive else 0.0
    if unit is not None:
        if not positive or _SHORTEST_NAMED_MS <= middle * _MILLISECONDS[unit] <= _LONGEST_USUAL_MS:
            return Decided(unit, named, True)
        why = msg("by its values (median {median}), not by its name", median=f"{middle:g}")
        return Decided(_likelier(positive, middle), why, False)
    usual = [unit for unit, ms in _MILLISECONDS.items() if _SHORTEST_USUAL_MS <= middle * ms <= _LONGEST_USUAL_MS]
    if len(usual) == 1:
        return Decided(usual[0], msg("by its values (median {median})", median=f"{middle:g}"), True)
    why = msg("by its values (median {median}), which leave a doubt", median=f"{middle:g}")
    return Decided(_likelier(positive, middle), why, False)


def _likelier(positive: Sequence[float], middle: float) -> Unit:
    if all(value == int(value) for value in positive):
        return "us" if middle >= _USUAL_MICROSECONDS else "ms"
    return "s" if middle < _USUAL_SECONDS else "ms"
