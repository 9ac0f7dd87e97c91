"""What the newest round of each checklist found: told once, by the level of its check."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from tasks.alerts.facts import Condition, Said, Signal
from tasks.alerts.judge.group import CHECKLIST
from tasks.check_result import CheckResult, Status
from tasks.history.engine import History
from tasks.history.runs import NewestRun, read_newest_runs, read_sequence

_RESULT: Final = TypeAdapter(CheckResult)


@dataclass(slots=True)
class ChecklistLook:
    """Reads the newest rounds when there is a new one; remembers what they found."""

    sequence: int = -1
    signals: tuple[Signal, ...] = ()

    def read(self, history: History, service: str, watched: Collection[str]) -> tuple[Signal, ...]:
        """What they found, without checks in `watched`. Raises HistoryError."""
        if (sequence := read_sequence(history, service)) != self.sequence:
            self.signals = checklist_signals(read_newest_runs(history, service), watched)
            self.sequence = sequence
        return self.signals


def checklist_signals(runs: Iterable[NewestRun], watched: Collection[str]) -> tuple[Signal, ...]:
    """One for each result that passed or failed; checks in `watched` have alerts of their own. Pure."""
    found: dict[str, Signal] = {}
    for run in runs:
        for result in _readable(run):
            if result.check not in watched and (signal := _signal(run, result)) is not None:
                found.setdefault(signal.condition.key, signal)
    return tuple(found.values())


def _readable(run: NewestRun) -> Iterator[CheckResult]:
    for text in run.results:
        try:
            yield _RESULT.validate_json(text)
        except ValidationError:  # `rounds db verify` names it
            continue


def _signal(run: NewestRun, result: CheckResult) -> Signal | None:
    if result.status in (Status.UNKNOWN, Status.SKIPPED):
        return None  # neither bad nor over
    failed = result.status is Status.FAIL
    return Signal(
        condition=Condition(CHECKLIST, result.check, result.subject, (("flow", run.flow),)),
        said=Said.BAD if failed else Said.GOOD,
        at=run.finished_at,
        title=result.title,
        reason=result.reason,
        level=result.severity if failed else None,
        since=run.finished_at if failed else None,
        observed=result.observed,
        limit=result.limit,
    )
