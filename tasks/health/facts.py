"""What was seen of a service's health."""

from dataclasses import dataclass
from datetime import datetime

from tasks.check_result import Message, msg
from tasks.observation import Unobserved


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: its HTTP status, or None and why there was no whole answer; `ms` is the whole time taken.

    `doubt` is why it cannot be told whether the answer is whole. `stored_s` is for how long a cache had it, by what it
    says itself; 0 or less when it comes from the service.
    """

    status: int | None
    ms: float
    error: Message | None = None
    doubt: Message | None = None
    stored_s: float = 0.0

    @property
    def succeeded(self) -> bool:
        """True for a 2xx answer."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def bad(self) -> bool:
        """True for a server error or no answer, as the guide's SLIs count."""
        return self.status is None or self.status >= 500

    @property
    def unexpected_status(self) -> bool:
        """True for a redirect or a client error: what was asked for was not reached."""
        return not (self.succeeded or self.bad)

    def unsure(self, longest_s: float) -> Message | None:
        """Why this answer does not show that the service is well now: a cache had it for longer, or it is in doubt."""
        if self.stored_s > longest_s:
            return msg("The response is {seconds} s old: it comes from a cache", seconds=round(self.stored_s))
        return self.doubt


@dataclass(frozen=True, slots=True)
class Sampled:
    """Answers to one path, taken one after another; the first one also paid for the connection.

    Fewer than `wanted` means that the sampling gave up after several requests without an answer.
    """

    answers: tuple[Answer, ...]
    wanted: int

    @property
    def warm(self) -> tuple[Answer, ...]:
        """The answers whose latency is judged: all but the first."""
        return self.answers[1:]

    @property
    def gave_up(self) -> bool:
        """True when not all was asked: such a sample can show a failure, never that all is well."""
        return len(self.answers) < self.wanted

    def unsure(self, longest_s: float) -> Message | None:
        """Why its answers do not show that the service is well now, if one of them does not."""
        return next((why for answer in self.answers if (why := answer.unsure(longest_s)) is not None), None)


@dataclass(frozen=True, slots=True)
class Component:
    """A part that the service itself reports on; `response_ms` None when it gives no time."""

    name: str
    status: str
    response_ms: float | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class HealthBody:
    """The content of a health report."""

    status: str
    version: str | None
    timestamp: datetime | None
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The answer of the health endpoint, and its content if it could be read."""

    answer: Answer
    body: HealthBody | Unobserved
