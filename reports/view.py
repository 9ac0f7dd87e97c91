"""What is shown of a report, in words and figures that are the same in every format."""

from dataclasses import dataclass

from tasks.check_result import Drawing, Status


@dataclass(frozen=True, slots=True)
class Tone:
    """A verdict or status as people see it: a colour's name, a symbol and the word."""

    name: str
    symbol: str
    word: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many results have a status."""

    tone: Tone
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """A piece of evidence; what its `kind` does not have is empty.

    `figures` says which columns are numbers, `note` which of its rows are shown.
    """

    kind: str
    title: str
    columns: tuple[str, ...] = ()
    figures: tuple[bool, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    text: str = ""
    finding: str = ""
    chart: Drawing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """A result; `anchor` is its place in the page, `level` its severity, `fresh` means that it fails newly."""

    anchor: str
    check: str
    title: str
    subject: str
    status: Status
    tone: Tone
    severity: str
    level: int
    observed: str
    limit: str
    source: str
    reason: str
    observed_at: str
    fresh: bool
    evidence: tuple[EvidenceView, ...]


@dataclass(frozen=True, slots=True)
class LineView:
    """A checklist line with the results that are shown under it, and those shown under an earlier one."""

    anchor: str
    text: str
    ticked: bool
    tone: Tone
    reason: str
    results: tuple[ResultView, ...]
    elsewhere: tuple[ResultView, ...]
    counts: str


@dataclass(frozen=True, slots=True)
class KpiView:
    """A headline figure and its change since the last round."""

    label: str
    figure: str
    change: str
    measured: bool


@dataclass(frozen=True, slots=True)
class FindingView:
    """A result that an action stands for besides the one that it is named by."""

    anchor: str
    check: str
    title: str
    subject: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class ActionView:
    """Something that a person has to do; `checks` is how many results it stands for, of which `others` are all but one.

    `checks` is empty where that is not known.
    """

    anchor: str
    check: str
    title: str
    subject: str
    tone: Tone
    severity: str
    reason: str
    owner: str
    due: str
    checks: str
    others: tuple[FindingView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """Everything that is shown of a report; `covered` says which results its actions stand for."""

    service: str
    environment: str
    flow: str
    flow_name: str
    period: str
    revision: str
    zone: str
    tone: Tone
    sentence: str
    since: str
    notes: tuple[str, ...]
    counts: tuple[Count, ...]
    actions: tuple[ActionView, ...]
    covered: str
    kpis: tuple[KpiView, ...]
    lines: tuple[LineView, ...]
    others: tuple[ResultView, ...]
    failed: tuple[ResultView, ...]
    warned: tuple[ResultView, ...]
    unknown: tuple[ResultView, ...]
    skipped: tuple[ResultView, ...]
    passed: int
    started: str
    finished: str
    trigger: str
    sequence: str
    digest: str
    chained: str
