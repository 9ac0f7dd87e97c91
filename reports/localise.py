"""A report in one language: every word and figure that the formats show is chosen here, once."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from reports import names
from reports.evidence import evidence_view
from reports.report import Action, Finding, Report, Seal
from reports.sentences import actions_sentence, since, verdict_sentence
from reports.tones import status_tone, verdict_tone
from reports.view import (
    ActionView,
    Count,
    EvidenceView,
    FindingView,
    KpiView,
    LineView,
    ReportView,
    ResultView,
)
from reports.words import Words
from tasks.check_result import CheckResult, Status
from tasks.guide.judge import LineVerdict
from tasks.observation import printable
from tasks.section import Kpi

MOST_KPIS = 4


def view(report: Report, seal: Seal, words: Words) -> ReportView:
    """The report in the reader's words."""
    before = set(report.previous.failures) if report.previous else None
    results = tuple(_result(n, r, before, words) for n, r in enumerate(report.results, start=1))
    lines, others = _lines(report, results, words)
    return ReportView(
        service=printable(report.service),
        environment=printable(report.environment),
        flow=printable(report.flow),
        flow_name=words.say(names.flow_name(report.flow, report.title)),
        period=printable(report.period),
        revision=str(report.revision),
        zone=printable(report.timezone),
        tone=verdict_tone(report.verdict, words),
        sentence=verdict_sentence(report, words),
        since=since(report, words),
        notes=tuple(words.say(note) for note in report.notes),
        counts=_counts(report, words),
        actions=tuple(_action(action, report, results, words) for action in report.actions),
        covered=actions_sentence(report, words),
        kpis=tuple(_kpi(kpi, words) for kpi in report.kpis[:MOST_KPIS]),
        lines=lines,
        others=others,
        failed=_of(results, Status.FAIL),
        warned=_of(results, Status.WARN),
        unknown=_of(results, Status.UNKNOWN),
        skipped=_of(results, Status.SKIPPED),
        passed=len(report.with_status(Status.PASS)),
        started=words.time(report.started_at),
        finished=words.time(report.finished_at),
        trigger=words.say(names.trigger_name(report.trigger)),
        sequence=str(seal.sequence),
        digest=printable(seal.digest),
        chained=printable(seal.chained),
    )


def _of(results: Iterable[ResultView], status: Status) -> tuple[ResultView, ...]:
    return tuple(r for r in results if r.status is status)


def _counts(report: Report, words: Words) -> tuple[Count, ...]:
    numbers = {status: len(report.with_status(status)) for status in names.STATUSES}
    return tuple(Count(status_tone(s, words), n, words.scalar(n)) for s, n in numbers.items())


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
        check=printable(result.check),
        title=words.say(result.title),
        subject=printable(result.subject),
        status=result.status,
        tone=status_tone(result.status, words),
        severity=words.say(names.SEVERITIES[result.severity]),
        level=result.severity,
        observed=words.observed(result.observed, result.limit),
        limit=words.quantity(result.limit) if result.limit else words.tr("no limit"),
        source=words.say(result.limit.source) if result.limit else "",
        reason=words.say(result.reason),
        observed_at=words.time(result.observed_at),
        fresh=result.status is Status.FAIL and not failed_before,
        evidence=_charts_first(evidence_view(piece, words) for piece in result.evidence),
    )


def _charts_first(pieces: Iterable[EvidenceView]) -> tuple[EvidenceView, ...]:
    """What is drawn stands above the tables with its figures; else in the judge's order."""
    return tuple(sorted(pieces, key=lambda piece: piece.chart is None))


def _kpi(kpi: Kpi, words: Words) -> KpiView:
    label, figure = words.say(kpi.label), words.figure(kpi.value, kpi.unit)
    if kpi.previous is None:
        return KpiView(label, figure, words.tr("no previous value"), kpi.value is not None)
    was = words.figure(kpi.previous, kpi.unit)
    if kpi.value is None:
        return KpiView(label, figure, words.tr("was {was}", was=was), measured=False)
    change = round(kpi.value - kpi.previous, 9)
    if change == 0:
        return KpiView(label, figure, words.tr("unchanged"), measured=True)
    by = f"{'▲' if change > 0 else '▼'} {words.figure(abs(change), kpi.unit)}"
    return KpiView(label, figure, words.tr("{by} (was {was})", by=by, was=was), measured=True)


def _place(of: Action | Finding, results: tuple[ResultView, ...]) -> str:
    check, subject = printable(of.check), printable(of.subject)
    return next((r.anchor for r in results if (r.check, r.subject) == (check, subject)), "")


def _action(action: Action, report: Report, results: tuple[ResultView, ...], words: Words) -> ActionView:
    subject = printable(action.subject)
    return ActionView(
        anchor=_place(action, results),
        check=printable(action.check),
        title=words.say(action.title),
        subject=subject,
        tone=status_tone(action.status, words),
        severity=words.say(names.SEVERITIES[action.severity]),
        reason=words.say(action.reason),
        owner=printable(action.owner) if action.owner else words.tr("unassigned"),
        due=words.time(action.due),
        checks=words.tr("checks: {n}", n=1 + len(action.others)) if report.actions_add_up else "",
        others=tuple(
            FindingView(
                _place(other, results),
                printable(other.check),
                words.say(other.title),
                printable(other.subject),
                status_tone(other.status, words),
            )
            for other in action.others
        ),
    )
