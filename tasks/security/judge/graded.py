"""The tests of an answer's headers, and the letters of their points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tasks.check_result import Message
from tasks.security.limits import Grade

SCALE: Final[Sequence[tuple[int, Grade]]] = (
    (100, "A+"),
    (90, "A"),
    (85, "A-"),
    (80, "B+"),
    (70, "B"),
    (65, "B-"),
    (60, "C+"),
    (50, "C"),
    (45, "C-"),
    (40, "D+"),
    (30, "D"),
    (25, "D-"),
    (0, "F"),
)
"""The fewest points of each grade. Source: mozilla/http-observatory, `httpobs/docs/scoring.md`, Grading Chart."""


@dataclass(frozen=True, slots=True)
class Test:
    """One test: what was found, the points that it gives or takes, and what would mend it (None: nothing to mend)."""

    name: str
    found: str | Message
    points: int
    advice: Message | None = None


@dataclass(frozen=True, slots=True)
class Graded:
    """The points of one answer and their letter."""

    score: int
    grade: Grade
    tests: tuple[Test, ...]


def grade_of(score: int) -> Grade:
    """The letter of a number of points; 0 is the least."""
    return next(grade for least, grade in SCALE if score >= least)


def least_score(grade: Grade) -> int:
    """The fewest points that are still this grade."""
    return next(least for least, letter in SCALE if letter == grade)
