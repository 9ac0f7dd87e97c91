"""From results to the checklist's items, and from both to the verdict of the round."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tasks.check_result import CheckResult, Message, Status, msg, verbatim
from tasks.guide.lines import GuideLine


class Verdict(StrEnum):
    """The outcome of a round, or of one line of it; the values are Prefect's state names."""

    FAILED = "ChecksFailed"
    INCOMPLETE = "Incomplete"
    ATTENTION = "Attention"
    PASSED = "Passed"
    NOT_APPLICABLE = "NotApplicable"

    @property
    def measured(self) -> bool:
        """True when the box may be ticked: everything the item asks was measured."""
        return self in (Verdict.FAILED, Verdict.ATTENTION, Verdict.PASSED)


@dataclass(frozen=True, slots=True)
class LineVerdict:
    """A checklist item after the round; `reason` says why it is not ticked, or what was found."""

    id: str
    text: Message
    checks: tuple[str, ...]
    verdict: Verdict
    ticked: bool
    reason: Message


def judge_lines(lines: Iterable[GuideLine], results: tuple[CheckResult, ...]) -> tuple[LineVerdict, ...]:
    """The state of each line, in the guide's order."""
    return tuple(_judge_line(line, tuple(r for r in results if line.covers(r.check))) for line in lines)


def judge_round(lines: tuple[LineVerdict, ...], results: tuple[CheckResult, ...]) -> Verdict:
    """The worst result; an item without a measurement makes the round incomplete."""
    statuses = {r.status for r in results}
    if Status.FAIL in statuses:
        return Verdict.FAILED
    # A ticked item was measured; a round in which every item is left out has measured nothing.
    ticked = any(line.ticked for line in lines)
    complete = ticked and all(line.ticked or line.verdict is Verdict.NOT_APPLICABLE for line in lines)
    if Status.UNKNOWN in statuses or not complete:
        return Verdict.INCOMPLETE
    return Verdict.ATTENTION if Status.WARN in statuses else Verdict.PASSED


def _judge_line(line: GuideLine, results: tuple[CheckResult, ...]) -> LineVerdict:
    verdict, reason = _line_verdict(line, results)
    unknown = any(r.status is Status.UNKNOWN for r in results)
    ticked = verdict.measured and not unknown and _is_looked_at(line, results)
    return LineVerdict(line.id, line.text, line.checks, verdict, ticked, reason)


def _line_verdict(line: GuideLine, results: tuple[CheckResult, ...]) -> tuple[Verdict, Message]:
    count = {status: sum(r.status is status for r in results) for status in Status}
    if count[Status.FAIL]:
        return Verdict.FAILED, msg("{failed} of {all} checks failed", failed=count[Status.FAIL], all=len(results))
    # Another item may ask for some of its checks: one that is left out is judged by those that it is about.
    judged = count[Status.UNKNOWN] > 0 or _is_looked_at(line, results)
    if line.not_applicable is not None and not judged:
        return Verdict.NOT_APPLICABLE, verbatim(line.not_applicable)
    if not results:
        return Verdict.INCOMPLETE, msg("No check covers this item")
    if count[Status.UNKNOWN]:
        return Verdict.INCOMPLETE, msg(
            "{unknown} of {all} checks are unknown", unknown=count[Status.UNKNOWN], all=len(results)
        )
    if count[Status.SKIPPED] == len(results):
        return Verdict.INCOMPLETE, msg("Every check of this item was skipped")
    if not _is_looked_at(line, results):
        # Everything else may pass: of what the item is called after, nothing is known.
        needed = ", ".join(line.named)
        return Verdict.INCOMPLETE, msg(
            "None of the checks that this item is about was measured: {checks}", checks=needed
        )
    if count[Status.WARN]:
        return Verdict.ATTENTION, msg(
            "attention needed by {warned} of {all} checks", warned=count[Status.WARN], all=len(results)
        )
    return Verdict.PASSED, msg("{passed} of {all} checks passed", passed=count[Status.PASS], all=len(results))


def _is_looked_at(line: GuideLine, results: tuple[CheckResult, ...]) -> bool:
    return any(result.status.measured for result in results if line.needs(result.check))
