"""What the newest round of each checklist found: told once, by the level of its check."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter

from tasks.alerts.facts import Condition, Said, Signal
from tasks.alerts.judge.group import CHECKLIST
from tasks.check_result import CheckResult, Status
from tasks.history.engine import History
from tasks.history.runs import NewestRun, read_newest_runs, read_sequence

_RESULT: Final = TypeAdapter(CheckResult)


@dataclass(frozen=True, slots=True)
class Found:
    """What the newest rounds say; `unclear` are flows with checks of theirs of which a part could not be seen.

    A result that is missing there is not over.
    """

    signals: tuple[Signal, ...] = ()
    unclear: frozenset[tuple[str, str]] = frozenset()

    def is_unclear(self, condition: Condition) -> bool:
        """True where a round says nothing of a condition and may have had reason to."""
        return any((flow, condition.check) in self.unclear for _, flow in condition.labels)


@dataclass(slots=True)
class ChecklistLook:
    """Reads the newest rounds when there is a new one; remembers what they found."""

    sequence: int = -1
    found: Found = field(default_factory=Found)

    def read(self, history: History, service: str, watched: Collection[str]) -> Found:
        """What they found, without checks in `watched`. Raises HistoryError."""
        if (sequence := read_sequence(history, service)) != self.sequence:
            self.found = found_by(read_newest_runs(history, service), watched)
            self.sequence = sequence
        return self.found


def found_by(runs: Iterable[NewestRun], watched: Collection[str]) -> Found:
    """A signal for each result; checks in `watched` have alerts of their own. Pure."""
    signals: dict[str, Signal] = {}
    unclear: set[tuple[str, str]] = set()
    for run in runs:
        for text in run.results:
            result = _RESULT.validate_json(text)
            if result.check in watched:
                continue
            if result.status is Status.UNKNOWN:
                unclear.add((run.flow, result.check))
            signal = _signal(run, result)
            signals.setdefault(signal.condition.key, signal)
    return Found(tuple(signals.values()), frozenset(unclear))


def _signal(run: NewestRun, result: CheckResult) -> Signal:
    failed = result.status is Status.FAIL
    over = result.status in (Status.PASS, Status.WARN)
    return Signal(
        condition=Condition(CHECKLIST, result.check, result.subject, (("flow", run.flow),)),
        said=Said.BAD if failed else Said.GOOD if over else Said.BETWEEN,
        at=run.finished_at,
        title=result.title,
        reason=result.reason,
        level=result.severity if failed else None,
        since=run.finished_at if failed else None,
        observed=result.observed,
        limit=result.limit,
    )
