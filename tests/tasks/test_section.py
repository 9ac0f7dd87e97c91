"""The figure of a check that stands at the top of a report."""

from datetime import UTC, datetime

import pytest

from tasks.check_result import Check, CheckResult, Limit, Quantity, Severity, Status, msg
from tasks.section import first_figure, highest_figure

NOW = datetime(2026, 11, 24, tzinfo=UTC)
AGE = Check("backups.age", msg("Age"), msg("Is it young enough?"), Severity.WARNING)
OTHER = Check("backups.other", msg("Other"), msg("Is it?"), Severity.WARNING)
PASS, WARN, FAIL, UNKNOWN, SKIPPED = Status


def found(status: Status, value: float | str | None, check: Check = AGE) -> CheckResult:
    observed = None if value is None else Quantity(value, "h")
    limit = Limit("≤", 24, "h", msg("the guide"))
    return check.judged(status, "shop", msg("as it is"), at=NOW, observed=observed, limit=limit)


RESULTS = (found(UNKNOWN, None), found(PASS, 3.5), found(FAIL, 30), found(PASS, 99, OTHER), found(WARN, 25.0))


def test_first_and_highest_are_of_the_check_and_as_it_was_measured() -> None:
    assert (first_figure(RESULTS, AGE), highest_figure(RESULTS, AGE), highest_figure(RESULTS, OTHER)) == (3.5, 30, 99)
    assert isinstance(highest_figure(RESULTS, AGE), int)  # reports show it as it is


@pytest.mark.parametrize("results", [(), (found(UNKNOWN, None),), (found(UNKNOWN, 7.0),), (found(SKIPPED, 7.0),)])
def test_what_was_not_measured_has_no_figure(results: tuple[CheckResult, ...]) -> None:
    assert first_figure(results, AGE) is highest_figure(results, AGE) is None
    assert highest_figure(results, AGE, complete=True) is None


def test_a_text_is_not_a_figure() -> None:
    assert first_figure((found(PASS, "yes"), found(PASS, 2)), AGE) == 2


def test_of_what_is_not_known_whole_none_is_the_highest() -> None:
    assert highest_figure(RESULTS, AGE, complete=True) is None
    assert highest_figure(RESULTS[1:], AGE, complete=True) == 30
    assert highest_figure((*RESULTS[1:], found(SKIPPED, None)), AGE, complete=True) == 30
