"""A round in sentences with its counts: how it ended, what its actions stand for, what changed since the last one."""

from reports import names
from reports.report import TO_DO, Report
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
                "{failed} of {all} checks failed; attention: {warned}, unknown: {unknown}.",
                failed=count[Status.FAIL],
                all=everything,
                warned=count[Status.WARN],
                unknown=unknown,
            )
        case Verdict.INCOMPLETE:
            closed = sum(line.ticked or line.verdict is Verdict.NOT_APPLICABLE for line in report.lines)
            items = words.tr(
                "{open} of {lines} items not confirmed", open=len(report.lines) - closed, lines=len(report.lines)
            )
            if not unknown:
                return words.tr("No check failed, but the round is incomplete: {items}.", items=items)
            return words.tr(
                "No check failed, but the round is incomplete: {unknown} of {all} checks unknown, {items}.",
                unknown=unknown,
                all=everything,
                items=items,
            )
        case Verdict.ATTENTION:
            return words.tr(
                "No check failed; attention needed by {warned} of {all}.", warned=count[Status.WARN], all=everything
            )
        case Verdict.PASSED:
            return words.tr("No check failed; {passed} of {all} passed.", passed=count[Status.PASS], all=everything)
        case Verdict.NOT_APPLICABLE:
            return words.tr("No item of this checklist applies to the service.")


def actions_sentence(report: Report, words: Words) -> str:
    """How many results the actions stand for, by status; empty without any, and where it is not known."""
    if not report.actions or not report.actions_add_up:
        return ""
    numbers = [(status, len(report.with_status(status))) for status in TO_DO]
    return words.tr(
        "Actions: {actions}; checks covered: {checks} ({counts}).",
        actions=len(report.actions),
        checks=len(report.to_do),
        counts=" · ".join(f"{words.say(names.STATUSES[status])} {words.scalar(n)}" for status, n in numbers if n),
    )


def since(report: Report, words: Words) -> str:
    """What failed newly, what was resolved and what still fails since the round before."""
    if report.previous is None:
        return words.tr("No previous round to compare with.")
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
