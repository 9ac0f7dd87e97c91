"""One report in one language: every word and figure that the formats show, said once."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reports import names
from reports.report import Action, Kpi, Report, Seal
from reports.words import Words
from tasks.check_result import CheckResult, Chart, Evidence, Excerpt, Status, Table
from tasks.guide.judge import LineVerdict, Verdict
from tasks.observation import shown

MOST_KPIS = 4
_LONGEST_LINE, _MOST_LINES = 2000, 400


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
    """A piece of evidence; of `rows`, `lines` and `chart` the one that `kind` names is filled."""

    kind: str
    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[tuple[str, bool], ...], ...] = ()
    text: str = ""
    finding: str = ""
    chart: Chart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """A result; `anchor` is its place in the page, `fresh` is true when it did not fail the last time."""

    anchor: str
    check: str
    title: str
    subject: str
    status: Status
    tone: Tone
    severity: str
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
class ActionView:
    """Something that a person has to do."""

    anchor: str
    check: str
    title: str
    subject: str
    tone: Tone
    severity: str
    reason: str
    owner: str
    due: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """Everything that is shown of a report."""

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
    kpis: tuple[KpiView, ...]
    lines: tuple[LineView, ...]
    others: tuple[ResultView, ...]
    failed: tuple[ResultView, ...]
    warned: tuple[ResultView, ...]
    unmeasured: tuple[ResultView, ...]
    passed: int
    started: str
    finished: str
    trigger: str
    sequence: str
    digest: str
    chained: str


def view(report: Report, seal: Seal, words: Words) -> ReportView:
    """The report in the reader's words."""
    before = set(report.previous.failures) if report.previous else None
    results = tuple(_result(n, r, before, words) for n, r in enumerate(report.results, start=1))
    lines, others = _lines(report, results, words)
    return ReportView(
        service=shown(report.service),
        environment=shown(report.environment),
        flow=shown(report.flow),
        flow_name=words.say(names.flow_name(report.flow)),
        period=shown(report.period),
        revision=str(report.revision),
        zone=shown(report.timezone),
        tone=verdict_tone(report.verdict, words),
        sentence=_sentence(report, words),
        since=_since(report, words),
        notes=tuple(words.say(note) for note in report.notes),
        counts=_counts(report, words),
        actions=tuple(_action(action, results, words) for action in report.actions),
        kpis=tuple(_kpi(kpi, words) for kpi in report.kpis[:MOST_KPIS]),
        lines=lines,
        others=others,
        failed=_of(results, Status.FAIL),
        warned=_of(results, Status.WARN),
        unmeasured=_of(results, Status.UNKNOWN, Status.SKIPPED),
        passed=len(report.with_status(Status.PASS)),
        started=words.time(report.started_at),
        finished=words.time(report.finished_at),
        trigger=words.say(names.trigger_name(report.trigger)),
        sequence=str(seal.sequence),
        digest=shown(seal.digest),
        chained=shown(seal.chained),
    )


def verdict_tone(verdict: Verdict, words: Words) -> Tone:
    """A verdict as people see it."""
    name = names.VERDICT_TONES[verdict]
    return Tone(name, names.SYMBOLS[name], words.say(names.VERDICTS[verdict]))


def status_tone(status: Status, words: Words) -> Tone:
    """A status as people see it."""
    name = names.STATUS_TONES[status]
    return Tone(name, names.SYMBOLS[name], words.say(names.STATUSES[status]))


def lines_of(text: str) -> str:
    """Text from outside with its line ends kept, everything else that steers a reader's screen spelt out."""
    lines = text.expandtabs(4).replace("\r\n", "\n").split("\n")
    kept = [shown(line, _LONGEST_LINE) for line in lines[:_MOST_LINES]]
    return "\n".join([*kept, "…"] if len(lines) > _MOST_LINES else kept)


def _of(results: Iterable[ResultView], *statuses: Status) -> tuple[ResultView, ...]:
    return tuple(r for status in statuses for r in results if r.status is status)


def _counts(report: Report, words: Words) -> tuple[Count, ...]:
    numbers = {status: len(report.with_status(status)) for status in names.STATUSES}
    return tuple(Count(status_tone(s, words), n, words.scalar(n)) for s, n in numbers.items())


def _sentence(report: Report, words: Words) -> str:
    count = {status: len(report.with_status(status)) for status in Status}
    everything, unknown = len(report.results), count[Status.UNKNOWN]
    match report.verdict:
        case Verdict.FAILED:
            return words.tr(
                "{failed} of {all} checks failed; {warned} need attention and {unknown} could not be measured.",
                failed=count[Status.FAIL],
                all=everything,
                warned=count[Status.WARN],
                unknown=unknown,
            )
        case Verdict.INCOMPLETE:
            ticked = sum(line.ticked or line.verdict is Verdict.NOT_APPLICABLE for line in report.lines)
            return words.tr(
                "Nothing failed, but the round is incomplete: {unknown} of {all} checks could not be measured, and "
                "{open} of {lines} checklist lines stay open.",
                unknown=unknown,
                all=everything,
                open=len(report.lines) - ticked,
                lines=len(report.lines),
            )
        case Verdict.ATTENTION:
            return words.tr(
                "Nothing failed; {warned} of {all} checks need attention.", warned=count[Status.WARN], all=everything
            )
        case Verdict.PASSED:
            return words.tr(
                "Nothing failed; {passed} of {all} checks passed.", passed=count[Status.PASS], all=everything
            )
        case Verdict.NOT_APPLICABLE:
            return words.tr("No line of this checklist applies to the service.")


def _since(report: Report, words: Words) -> str:
    if report.previous is None:
        return words.tr("There is no earlier round to compare with.")
    now, before = set(report.failures), set(report.previous.failures)
    return words.tr(
        "Since {period} (revision {revision}, {verdict}): {new} new failures, {gone} resolved, {same} still failing.",
        period=report.previous.period,
        revision=report.previous.revision,
        verdict=words.say(names.VERDICTS[report.previous.verdict]),
        new=len(now - before),
        gone=len(before - now),
        same=len(now & before),
    )


def _lines(
    report: Report, results: tuple[ResultView, ...], words: Words
) -> tuple[tuple[LineView, ...], tuple[ResultView, ...]]:
    """The lines in the guide's order; each result has its place under the first line that it answers."""
    placed: set[str] = set()
    lines = []
    for number, line in enumerate(report.lines, start=1):
        covered = [r for r in results if any(fnmatchcase(r.check, pattern) for pattern in line.checks)]
        own = tuple(r for r in covered if r.anchor not in placed)
        lines.append(_line(number, line, own, tuple(r for r in covered if r.anchor in placed), words))
        placed.update(r.anchor for r in own)
    return tuple(lines), tuple(r for r in results if r.anchor not in placed)


def _line(
    number: int, line: LineVerdict, own: tuple[ResultView, ...], elsewhere: tuple[ResultView, ...], words: Words
) -> LineView:
    covered = (*own, *elsewhere)
    tones = [status_tone(status, words) for status in names.STATUSES]
    numbers = [(tone, sum(r.tone == tone for r in covered)) for tone in tones]
    counts = " · ".join(f"{tone.word} {words.scalar(n)}" for tone, n in numbers if n)
    tone = verdict_tone(line.verdict, words)
    return LineView(
        f"line-{number}", words.say(line.text), line.ticked, tone, words.say(line.reason), own, elsewhere, counts
    )


def _result(number: int, result: CheckResult, before: set[tuple[str, str]] | None, words: Words) -> ResultView:
    failed_before = before is None or (result.check, result.subject) in before
    return ResultView(
        anchor=f"result-{number}",
        check=shown(result.check),
        title=words.say(result.title),
        subject=shown(result.subject),
        status=result.status,
        tone=status_tone(result.status, words),
        severity=words.say(names.SEVERITIES[result.severity]),
        observed=words.observed(result.observed, result.limit),
        limit=words.quantity(result.limit) if result.limit else words.tr("no limit"),
        source=words.say(result.limit.source) if result.limit else "",
        reason=words.say(result.reason),
        observed_at=words.time(result.observed_at),
        fresh=result.status is Status.FAIL and not failed_before,
        evidence=tuple(_evidence(piece, words) for piece in result.evidence),
    )


def _evidence(piece: Evidence, words: Words) -> EvidenceView:
    match piece:
        case Table():
            rows = tuple(tuple((words.scalar(cell), _is_figure(cell)) for cell in row) for row in piece.rows)
            columns = tuple(words.say(column) for column in piece.columns)
            return EvidenceView("table", words.say(piece.title), columns=columns, rows=rows)
        case Excerpt():
            return EvidenceView("excerpt", words.say(piece.title), text=lines_of(piece.text))
        case Chart():
            return EvidenceView("chart", words.say(piece.title), finding=words.say(piece.finding), chart=piece)


def _is_figure(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _kpi(kpi: Kpi, words: Words) -> KpiView:
    label, figure = words.say(kpi.label), words.figure(kpi.value, kpi.unit)
    if kpi.value is None or kpi.previous is None:
        return KpiView(
            label, figure, words.tr("no earlier figure") if kpi.value is not None else "", kpi.value is not None
        )
    was, change = words.figure(kpi.previous, kpi.unit), round(kpi.value - kpi.previous, 9)
    if change == 0:
        return KpiView(label, figure, words.tr("unchanged"), measured=True)
    by = f"{'▲' if change > 0 else '▼'} {words.figure(abs(change), kpi.unit)}"
    return KpiView(label, figure, words.tr("{by} (was {was})", by=by, was=was), measured=True)


def _action(action: Action, results: tuple[ResultView, ...], words: Words) -> ActionView:
    subject = shown(action.subject)
    place = next((r.anchor for r in results if r.check == shown(action.check) and r.subject == subject), "")
    return ActionView(
        anchor=place,
        check=shown(action.check),
        title=words.say(action.title),
        subject=subject,
        tone=status_tone(action.status, words),
        severity=words.say(names.SEVERITIES[action.severity]),
        reason=words.say(action.reason),
        owner=shown(action.owner) if action.owner else words.tr("nobody assigned"),
        due=words.time(action.due),
    )
