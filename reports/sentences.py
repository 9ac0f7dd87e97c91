"""The two sentences at the top: how the round ended, and what changed since the one before."""

from reports import names
from reports.report import Report
from reports.words import Words
from tasks.check_result import Status
from tasks.guide.judge import Verdict


def verdict_sentence(report: Report, words: Words) -> str:
    """The outcome of the round with its counts."""
    count = {status: len(report.with_status(status)) for status in Status}
    everything, unknown = len(report.results), count[Status.UNKNOWN]
    match report.verdict:
        case Verdict.FAILED:
            return words.tr(
                "{failed} of {all} checks failed; {warned} to watch, {unknown} not measured.",
                failed=count[Status.FAIL],
                all=everything,
                warned=count[Status.WARN],
                unknown=unknown,
            )
        case Verdict.INCOMPLETE:
            closed = sum(line.ticked or line.verdict is Verdict.NOT_APPLICABLE for line in report.lines)
            lines = words.tr(
                "{open} of {lines} lines stay open", open=len(report.lines) - closed, lines=len(report.lines)
            )
            if not unknown:
                return words.tr("Nothing failed, but the round is incomplete: {lines}.", lines=lines)
            return words.tr(
                "Nothing failed, but the round is incomplete: "
                "{unknown} of {all} checks could not be measured; {lines}.",
                unknown=unknown,
                all=everything,
                lines=lines,
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


def since(report: Report, words: Words) -> str:
    """What failed newly, what was resolved and what still fails since the round before."""
    if report.previous is None:
        return words.tr("There is no earlier round to compare with.")
    now, before = set(report.failures), set(report.previous.failures)
    return words.tr(
        "Since {period} (revision {revision}, {verdict}): {new} newly failing, {gone} resolved, {same} still failing.",
        period=report.previous.period,
        revision=report.previous.revision,
        verdict=words.say(names.VERDICTS[report.previous.verdict]),
        new=len(now - before),
        gone=len(before - now),
        same=len(now & before),
    )
