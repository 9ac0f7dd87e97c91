"""What a check is and what it found: the one result type of every section."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import lru_cache
from itertools import pairwise
from string import Formatter
from typing import Literal

Scalar = str | int | float | bool | None


class Status(StrEnum):
    """What became of a check; UNKNOWN and SKIPPED mean that nothing was measured."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    SKIPPED = "SKIPPED"

    @property
    def measured(self) -> bool:
        """True when a fact was judged by a limit."""
        return self in (Status.PASS, Status.WARN, Status.FAIL)


class Severity(IntEnum):
    """How bad it is when a check fails: the guide's levels."""

    INFORMATION = 1
    WARNING = 2
    EMERGENCY = 3


@dataclass(frozen=True, slots=True)
class Message:
    """A text that people read: its English wording is its id, its parameters are JSON scalars.

    Text from outside is a parameter, never the id. Raises KeyError when a placeholder has no parameter.
    """

    text: str
    params: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = placeholders(self.text)
        if wanted != self.params.keys():
            raise KeyError(f"placeholders {sorted(wanted)} and parameters {sorted(self.params)} differ: {self.text!r}")


def msg(text: str, /, **params: Scalar) -> Message:
    """Mark a text for translation and bind its parameters."""
    return Message(text, params)


def verbatim(text: str) -> Message:
    """Show a text from outside as it is, in every language."""
    return msg("{text}", text=text)


def in_english(message: Message) -> str:
    """A message without its translation."""
    return message.text.format(**message.params)


def moment(at: datetime) -> str:
    """An instant as a parameter: people are shown it in the service's zone."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


@lru_cache(maxsize=4096)
def placeholders(text: str) -> frozenset[str]:
    """The names between braces of a message."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured figure or word; `unit` is a symbol such as `ms`, `%`, or empty."""

    value: int | float | str | bool | Message
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """The value that an observation must keep, and where it comes from."""

    comparison: Literal["≤", "<", "≥", ">", "="]
    value: int | float | str | bool
    unit: str
    source: Message


@dataclass(frozen=True, slots=True)
class Table:
    """Evidence as rows; each row has as many cells as there are columns."""

    title: Message
    columns: tuple[Message, ...]
    rows: tuple[tuple[Scalar | Message, ...], ...]
    kind: Literal["table"] = "table"

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of {self.title.text!r} has not {len(self.columns)} cells")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Evidence as text from outside, bounded by whoever made it."""

    title: Message
    text: str
    kind: Literal["excerpt"] = "excerpt"


@dataclass(frozen=True, slots=True)
class Chart:
    """Evidence as one horizontal bar a label, with the limit drawn through; `finding` is its alt text."""

    title: Message
    finding: Message
    unit: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    limit: float | None = None
    kind: Literal["chart"] = "chart"


@dataclass(frozen=True, slots=True)
class Mark:
    """A deploy, or an event of an incident, beside a curve: its time as `moment` writes it, and its version or word."""

    at: str
    label: str | Message
    kind: Literal["deploy", "event"] = "deploy"


@dataclass(frozen=True, slots=True)
class Curve:
    """Evidence as a line over time, with the limit drawn through; `finding` is its alt text.

    `at` are the points' times as `moment` writes them (UTC), rising; None among the values means not measured there:
    the line has a gap. `expected` is a second, thin line of the same length (what an even burn would leave), or empty.
    `marks` are drawn where they happened. Values on the side `worse` of the limit are drawn as beyond it.
    """

    title: Message
    finding: Message
    unit: str
    at: tuple[str, ...]
    values: tuple[float | None, ...]
    limit: float | None = None
    expected: tuple[float, ...] = ()
    marks: tuple[Mark, ...] = ()
    worse: Literal["under", "over"] = "under"
    kind: Literal["curve"] = "curve"

    def __post_init__(self) -> None:
        if len(self.values) != len(self.at):
            raise ValueError(f"{self.title.text!r} has {len(self.values)} values at {len(self.at)} times")
        if self.expected and len(self.expected) != len(self.at):
            raise ValueError(f"{self.title.text!r} has {len(self.expected)} expected values at {len(self.at)} times")
        if any(moment(datetime.fromisoformat(text)) != text for text in self.at):
            raise ValueError(f"a time of {self.title.text!r} is not as `moment` writes it")
        if any(earlier >= later for earlier, later in pairwise(self.at)):
            raise ValueError(f"the times of {self.title.text!r} do not rise")

    def is_beyond(self, value: float | None) -> bool:
        """True for a value on the wrong side of the limit."""
        if value is None or self.limit is None:
            return False
        return value < self.limit if self.worse == "under" else value > self.limit


@dataclass(frozen=True, slots=True)
class Forecast:
    """Evidence as days of a figure, measured ones and a band for those to come; `finding` is its alt text.

    `at` are the days, rising, as `moment` writes their beginning. `measured` is None in the future and where a day is
    missing; `low`, `middle` and `high` are the 10 %, 50 % and 90 % quantiles, None in the past.
    """

    title: Message
    finding: Message
    unit: str
    at: tuple[str, ...]
    measured: tuple[float | None, ...]
    low: tuple[float | None, ...]
    middle: tuple[float | None, ...]
    high: tuple[float | None, ...]
    limit: float | None = None
    kind: Literal["forecast"] = "forecast"

    def __post_init__(self) -> None:
        if any(len(line) != len(self.at) for line in (self.measured, self.low, self.middle, self.high)):
            raise ValueError(f"{self.title.text!r} has not {len(self.at)} values in every line")


@dataclass(frozen=True, slots=True)
class PlotLine:
    """One line of a plot: a value for each x or None; a `fitted` one is a model, not a measurement."""

    label: Message
    values: tuple[float | None, ...]
    fitted: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """Evidence as lines over a quantity such as virtual users, with the limit drawn through; `finding` is its alt text.

    `xs` rise; measured lines have points, fitted ones are dashed.
    """

    title: Message
    finding: Message
    x_label: Message
    unit: str
    xs: tuple[float, ...]
    lines: tuple[PlotLine, ...]
    limit: float | None = None
    kind: Literal["plot"] = "plot"

    def __post_init__(self) -> None:
        if any(len(line.values) != len(self.xs) for line in self.lines):
            raise ValueError(f"{self.title.text!r} has not {len(self.xs)} values in every line")
        if any(earlier >= later for earlier, later in pairwise(self.xs)):
            raise ValueError(f"the x of {self.title.text!r} do not rise")


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One step and what became of it: `seconds` None is no time to show, `note` is what was found in a few words."""

    name: Message
    status: Status
    seconds: float | None
    note: Message


@dataclass(frozen=True, slots=True)
class Ladder:
    """Evidence as steps in the order in which they are taken, drawn as stairs; `finding` is its alt text.

    A step that was not reached is UNKNOWN: it is drawn hollow.
    """

    title: Message
    finding: Message
    steps: tuple[LadderStep, ...]
    kind: Literal["ladder"] = "ladder"


Drawing = Chart | Curve | Forecast | Plot | Ladder
"""Evidence that is drawn."""
Evidence = Table | Excerpt | Drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One question, asked of one subject, with its answer and what the answer rests on."""

    check: str
    title: Message
    subject: str
    status: Status
    severity: Severity
    reason: Message
    observed: Quantity | None
    limit: Limit | None
    observed_at: datetime
    evidence: tuple[Evidence, ...] = ()

    def __post_init__(self) -> None:
        if self.observed_at.utcoffset() is None:
            raise ValueError(f"{self.check}: observed_at has no time zone")
        if self.status.measured and (self.observed is None or self.limit is None):
            raise ValueError(f"{self.check}: {self.status} needs an observation and a limit")


@dataclass(frozen=True, slots=True)
class Check:
    """A question of the rounds: its id is also the name of its page in docs/en/checks and docs/ja/checks."""

    id: str
    title: Message
    question: Message
    severity: Severity

    def judged(
        self,
        status: Status,
        subject: str,
        reason: Message,
        *,
        at: datetime,
        observed: Quantity | None = None,
        limit: Limit | None = None,
        evidence: tuple[Evidence, ...] = (),
    ) -> CheckResult:
        """The result of this check for one subject."""
        return CheckResult(
            check=self.id,
            title=self.title,
            subject=subject,
            status=status,
            severity=self.severity,
            reason=reason,
            observed=observed,
            limit=limit,
            observed_at=at,
            evidence=evidence,
        )
