"""Climbing the ladder step by step: what each came to, and how long it took."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from tasks.backups.errors import BadBackup
from tasks.backups.facts import DrillStep, Outcome, StepResult
from tasks.backups.reasons import ENDED, NOT_TAKEN
from tasks.check_result import Message, msg
from tasks.observation import ObservationError, shown
from tasks.postgres.installation import PostgresUnavailable
from tasks.visible import step

T = TypeVar("T")


class StepSkipped(Exception):
    """A step that does not apply, and is neither good nor bad; carries why."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.text)
        self.reason = reason


class DrillSteps:
    """The steps taken so far. A step that is bad or could not be taken ends the climb, except that of the manifest."""

    def __init__(self, database: str = "") -> None:
        self._database = database
        self._steps: dict[DrillStep, StepResult] = {}

    @property
    def ended(self) -> bool:
        """True when no further step can be taken."""
        bad = (Outcome.FAILED, Outcome.ERROR)
        return any(step.outcome in bad for rung, step in self._steps.items() if rung is not DrillStep.MANIFEST)

    @property
    def steps(self) -> tuple[StepResult, ...]:
        """Every step of the ladder in its order, those that were not reached too."""
        failed = any(
            step.outcome is Outcome.FAILED for step in self._steps.values() if step.step is not DrillStep.MANIFEST
        )
        why = ENDED if failed else NOT_TAKEN
        return tuple(self._steps.get(rung, StepResult(rung, Outcome.NOT_REACHED, why)) for rung in DrillStep)

    def take(self, rung: DrillStep, work: Callable[[], tuple[T, Message]]) -> T | None:
        """What a step gives with words on it, None if it is bad, cannot be taken or does not apply, or an earlier one
        ended the climb.
        """
        if self.ended and rung is not DrillStep.MANIFEST:
            return None
        value, taken = step(
            f"restore-drill {self._database}: {rung.value}", lambda: _taken(rung, work), lambda done: _shown(done[1])
        )
        self._steps[rung] = taken
        return value

    def spoil(self, rung: DrillStep, outcome: Outcome, reason: Message) -> None:
        """Take back what a step came to, for a fault that showed itself later."""
        self._steps[rung] = replace(self._steps[rung], outcome=outcome, reason=reason)


def _shown(taken: StepResult) -> tuple[bool, str, str]:
    return (
        taken.outcome in (Outcome.PASSED, Outcome.SKIPPED),
        taken.outcome.name.capitalize(),
        taken.reason.text.format(**taken.reason.params),
    )


def _taken(rung: DrillStep, work: Callable[[], tuple[T, Message]]) -> tuple[T | None, StepResult]:
    began = time.monotonic()
    value: T | None = None
    try:
        value, words = work()
        outcome = Outcome.PASSED
    except BadBackup as bad:
        outcome, words = Outcome.FAILED, bad.reason
    except StepSkipped as left_out:
        outcome, words = Outcome.SKIPPED, left_out.reason
    except ObservationError as error:
        outcome, words = Outcome.ERROR, error.reason
    except PostgresUnavailable as error:
        outcome, words = Outcome.ERROR, _no_server(error)
    except OSError as error:
        outcome, words = (
            Outcome.ERROR,
            msg("It cannot be read: {why}", why=error.strerror or shown(str(error), 200)),
        )
    return value, StepResult(rung, outcome, words, round(time.monotonic() - began, 3))


def _no_server(error: PostgresUnavailable) -> Message:
    lines = str(error).strip().splitlines()
    return msg("The drill's PostgreSQL did not start: {why}", why=lines[-1][:300] if lines else "")
