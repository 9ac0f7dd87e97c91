"""The steps of a drill as they are taken: what each came to, and how long it took."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Depth, DrillStep, StepOutcome, StepResult
from tasks.backups.reasons import ENDED, NOT_TAKEN
from tasks.check_result import Message, msg
from tasks.observation import ObservationError, printable
from tasks.postgres.installation import PostgresUnavailable
from tasks.visible import StepState, step

T = TypeVar("T")
_GOOD = (StepOutcome.PASSED, StepOutcome.SKIPPED)


class StepSkipped(Exception):
    """A step that does not apply, and neither passes nor fails; carries why."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a piece of work gave nothing, and what that makes of its step."""

    outcome: StepOutcome
    reason: Message


@dataclass(frozen=True, slots=True)
class Given(Generic[T]):
    """What a step gives, also one that failed; `seconds` are its own where others were spent in it."""

    value: T
    reason: Message
    outcome: StepOutcome = StepOutcome.PASSED
    seconds: float | None = None


def tried(work: Callable[[], T]) -> T | Trouble:
    """What a piece of work gives: the one place where errors become outcomes. A bug is raised as it is."""
    try:
        return work()
    except BadBackup as bad:
        return Trouble(StepOutcome.FAILED, bad.reason)
    except StepSkipped as skipped:
        return Trouble(StepOutcome.SKIPPED, skipped.reason)
    except ObservationError as error:
        return Trouble(StepOutcome.ERROR, error.reason)
    except PostgresUnavailable as error:
        return Trouble(StepOutcome.ERROR, _no_server(error))
    except OSError as error:
        why = error.strerror or printable(str(error), 200)
        return Trouble(StepOutcome.ERROR, msg("A file operation failed: {why}", why=why))


def checked(value: T, check: Callable[[], Message]) -> Given[T]:
    """A value that is known whatever a check of it comes to."""
    words = tried(check)
    return Given(value, words.reason, words.outcome) if isinstance(words, Trouble) else Given(value, words)


def title_of(database: str, depth: Depth) -> str:
    """What Prefect calls the verification of a database's backups; the names of its steps follow it."""
    return f"{'restore-drill' if depth == 'full' else 'backup-files'} {database}"


class DrillSteps:
    """The steps taken so far. One that failed or could not be run ends the drill, except that of the manifest."""

    def __init__(self, title: str, ladder: Sequence[DrillStep] = tuple(DrillStep)) -> None:
        self._title, self._ladder, self._began = title, ladder, time.monotonic()
        self._taken: dict[DrillStep, StepResult] = {}

    @property
    def ended(self) -> bool:
        """True when no further step can be taken."""
        return not self._outcomes.isdisjoint((StepOutcome.FAILED, StepOutcome.ERROR))

    @property
    def results(self) -> tuple[StepResult, ...]:
        """Every step of the ladder in its order, those that were not reached too."""
        why = ENDED if StepOutcome.FAILED in self._outcomes else NOT_TAKEN
        return tuple(self._taken.get(name, StepResult(name, StepOutcome.NOT_REACHED, why)) for name in self._ladder)

    @property
    def seconds(self) -> float:
        """Since the first step could be taken."""
        return round(time.monotonic() - self._began, 3)

    def run(self, name: DrillStep, work: Callable[[], Given[T]]) -> T | None:
        """What a step gives, shown as a task run; None if it gave nothing, or an earlier one ended the drill."""
        if self.ended and name is not DrillStep.MANIFEST:
            return None
        title = f"{self._title}: {name.value}"
        value, self._taken[name] = step(title, lambda: _taken(name, work), lambda taken: _state(taken[1]))
        return value

    @property
    def _outcomes(self) -> set[StepOutcome]:
        return {result.outcome for name, result in self._taken.items() if name is not DrillStep.MANIFEST}


def _state(taken: StepResult) -> StepState:
    return StepState(taken.outcome.name.capitalize(), taken.reason, taken.outcome in _GOOD)


def _taken(name: DrillStep, work: Callable[[], Given[T]]) -> tuple[T | None, StepResult]:
    began = time.monotonic()
    given = tried(work)
    took_s = round(time.monotonic() - began, 3)
    if isinstance(given, Trouble):
        return None, StepResult(name, given.outcome, given.reason, took_s)
    seconds = took_s if given.seconds is None else round(given.seconds, 3)
    return given.value, StepResult(name, given.outcome, given.reason, seconds)


def _no_server(error: PostgresUnavailable) -> Message:
    lines = str(error).strip().splitlines()
    return msg("The restore drill's PostgreSQL did not start: {why}", why=lines[-1][:300] if lines else "")
