"""The one model behind every format: what a round found, in the order in which people read it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from tasks.check_result import CheckResult, Message, Severity, Status
from tasks.errors import ExplainedError
from tasks.guide.judge import LineVerdict, Verdict
from tasks.section import Kpi

TO_DO = (Status.FAIL, Status.UNKNOWN, Status.WARN)
"""What somebody has to look after, the most urgent first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A result that an action stands for, besides the one that gives it its name."""

    check: str
    title: Message
    subject: str
    status: Status
    severity: Severity
    reason: Message


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person has to do; `due` is an instant in UTC, `check` names the runbook page.

    It is named by its cause; `others` are all other results that it stands for, of which it has the gravest severity.
    Reports that are older than this field have none, though an action may stand for several results.
    """

    check: str
    title: Message
    subject: str
    status: Status
    severity: Severity
    reason: Message
    owner: str | None
    due: datetime
    others: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Previous:
    """The round before this one, whose failures and figures this one is compared with."""

    period: str
    revision: int
    verdict: Verdict
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A finished round. Everything that is shown anywhere comes from here."""

    format: Literal["opsrounds-report/1"] = "opsrounds-report/1"
    service: str
    environment: str
    timezone: str
    flow: str
    period: str
    revision: int
    trigger: Literal["schedule", "hand"]
    started_at: datetime
    finished_at: datetime
    verdict: Verdict
    lines: tuple[LineVerdict, ...]
    results: tuple[CheckResult, ...]
    kpis: tuple[Kpi, ...]
    actions: tuple[Action, ...]
    previous: Previous | None
    notes: tuple[Message, ...] = ()
    title: Message | None = None
    """What people call the flow; None in reports that are older than this field."""

    def with_status(self, status: Status) -> tuple[CheckResult, ...]:
        """The results of one status, in the order in which they were found."""
        return tuple(r for r in self.results if r.status is status)

    @property
    def to_do(self) -> tuple[CheckResult, ...]:
        """The results that somebody has to look after: the actions stand for each of them once."""
        return tuple(r for status in TO_DO for r in self.with_status(status))

    @property
    def actions_add_up(self) -> bool:
        """False of a report that is older than `Action.others`, where an action stands for more than it says."""
        return sum(1 + len(action.others) for action in self.actions) == len(self.to_do)

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        """What failed, as (check, subject) in a stable order: two rounds are compared by this."""
        return tuple(sorted((r.check, r.subject) for r in self.with_status(Status.FAIL)))


@dataclass(frozen=True, slots=True)
class Seal:
    """A report's place in the service's hash chain; `chained` is printed in every mail and page."""

    sequence: int
    digest: str
    chained: str


class UnreadableReport(ExplainedError):
    """A stored text is not a report, or a damaged one."""


_ADAPTER = TypeAdapter(Report)
OWN_WORDS = frozenset(
    {"format", "service", "timezone", "flow", "period", "trigger", "verdict"}
    | {"status", "severity", "check", "checks", "comparison", "kind", "id", "at"}
)
"""Keys whose values come from the program or its configuration, never from the outside."""


def to_data(report: Report) -> dict[str, object]:
    """The report as JSON data."""
    data: dict[str, object] = _ADAPTER.dump_python(report, mode="json")
    return data


def from_text(text: str) -> Report:
    """The report of a stored text; raises UnreadableReport if it is none."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise UnreadableReport(
            f"a stored report cannot be read ({error.error_count()} problems): run `rounds db verify`"
        ) from None


def json_schema() -> dict[str, object]:
    """The published schema (docs/report.schema.json)."""
    schema = _ADAPTER.json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "opsrounds report"
    return schema
