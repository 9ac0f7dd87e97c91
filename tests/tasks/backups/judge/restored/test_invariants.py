"""What must always be true of the data."""

import math
from typing import Any

import pytest

from tasks.backups.facts import Answer, DrillStep, Form, Sequence, StepOutcome, StepResult, Violation
from tasks.backups.judge.restored.invariants import judge_invariants
from tasks.backups.settings import Invariant
from tasks.check_result import CheckResult, Status, msg
from tasks.observation import Unobserved
from tests.tasks.backups.judge.restored.test_expected import (
    NO_MANIFEST,
    NOW,
    UNREACHABLE,
    contents,
    drill,
    manifest,
    observed,
    rows,
    text,
)

PAID = Invariant(name="paid", sql="select 1", min=10, max=20)
FLOOR = Invariant(name="floor", sql="select 1", min=10)
CEILING = Invariant(name="ceiling", sql="select 1", max=20)


def judged(declared: Any = (), answers: Any = (), *, copy: dict[str, Any] | None = None, **more: Any) -> CheckResult:
    seen = drill(contents(**(copy or {})), NO_MANIFEST, UNREACHABLE, answers=tuple(answers), **more)
    return judge_invariants("database:shop", seen, declared, NOW)


def numbers(last: int | None, highest: int | None) -> dict[str, Any]:
    return {"sequences": (Sequence("public.orders_id_seq", "public.orders.id", last, highest),)}


@pytest.mark.parametrize(
    ("last", "highest", "status"),
    [
        (121, 120, Status.PASS),
        (120, 120, Status.PASS),
        (119, 120, Status.FAIL),
        (None, 120, Status.FAIL),
        (None, None, Status.PASS),
        (5, None, Status.PASS),
        (0, 0, Status.PASS),
    ],
)
def test_a_sequence_is_not_behind_its_column(last: int | None, highest: int | None, status: Status) -> None:
    assert judged(copy=numbers(last, highest)).status is status


@pytest.mark.parametrize(
    ("last", "recorded", "status"),
    [
        (776, 777, Status.FAIL),
        (777, 777, Status.PASS),
        (778, 777, Status.PASS),
        (None, 1, Status.FAIL),
        (None, None, Status.PASS),
    ],
)
def test_a_sequence_is_not_behind_that_of_the_snapshot(last: int | None, recorded: int | None, status: Status) -> None:
    copy, before = (contents(sequences=(Sequence("public.free", "", at, None),)) for at in (last, recorded))
    for exact, expected in ((True, status), (False, Status.PASS)):
        seen = drill(copy, manifest(before, exact=exact), UNREACHABLE)
        result = judge_invariants("database:shop", seen, (), NOW)
        assert result.status is expected
    assert (
        judge_invariants("database:shop", drill(copy, manifest(contents()), UNREACHABLE), (), NOW).status is Status.PASS
    )


def test_a_sequence_behind_its_column_is_named() -> None:
    assert text(judged(copy=numbers(80, 120)).reason) == (
        "The sequence public.orders_id_seq would give 81 next, but public.orders.id already goes up to 120: "
        "inserts will fail"
    )
    never = judged(copy=numbers(None, 120))
    assert "was never used, but public.orders.id already goes up to 120" in text(never.reason)
    assert observed(never) == 1


def test_rows_that_break_a_constraint_are_counted() -> None:
    broken = Violation("orders_customer_fkey", "public.orders", 3), Violation("items_sku_key", "public.items", 2)
    result = judged(copy={"violations": broken, **numbers(1, 2)}, form=Form.BASE)
    assert (result.status, observed(result)) == (Status.FAIL, 3)
    assert text(result.reason) == "3 rows of public.orders violate the constraint orders_customer_fkey"
    assert [row[0] for row in rows(result)] == ["orders_customer_fkey", "items_sku_key", "public.orders_id_seq"]
    none = Violation("orders_customer_fkey", "public.orders", 0)
    assert judged(copy={"violations": (none,)}, form=Form.BASE).status is Status.PASS


@pytest.mark.parametrize(
    ("invariant", "value", "status"),
    [
        (PAID, 9.99, Status.FAIL),
        (PAID, 10.0, Status.PASS),
        (PAID, 20.0, Status.PASS),
        (PAID, 20.01, Status.FAIL),
        (FLOOR, 9.99, Status.FAIL),
        (FLOOR, 10.0, Status.PASS),
        (FLOOR, 1e9, Status.PASS),
        (CEILING, 20.0, Status.PASS),
        (CEILING, 20.01, Status.FAIL),
        (CEILING, -1e9, Status.PASS),
        (PAID, math.nan, Status.FAIL),
        (FLOOR, math.nan, Status.FAIL),
    ],
)
def test_a_declared_invariant_is_within_its_bounds(invariant: Invariant, value: float, status: Status) -> None:
    assert judged([invariant], [Answer(invariant.name, value)]).status is status


def test_a_violated_invariant_is_reported_with_its_limits() -> None:
    assert text(judged([PAID], [Answer("paid", 3.5)]).reason) == "paid is 3.5; it must be between 10.0 and 20.0"
    assert text(judged([FLOOR], [Answer("floor", 3.5)]).reason) == "floor is 3.5; it must be at least 10.0"
    assert text(judged([CEILING], [Answer("ceiling", 30.5)]).reason) == "ceiling is 30.5; it must be at most 20.0"


def test_an_invariant_that_was_not_checked_is_unknown() -> None:
    blind = Answer("paid", Unobserved(msg("the statement failed")))
    assert judged([PAID], [blind]).status is Status.UNKNOWN
    assert text(judged([PAID], [blind]).reason) == "the statement failed"
    unasked = judged([PAID], [Answer("other", 15.0)])
    assert unasked.status is Status.UNKNOWN
    assert text(unasked.reason) == "The invariant paid was not checked on the restored database"
    both = judged([PAID, FLOOR], [blind, Answer("floor", 1.0)])
    assert (both.status, observed(both), len(rows(both))) == (Status.FAIL, 1, 2)


def test_the_reason_names_what_was_checked() -> None:
    good = judged([PAID], [Answer("paid", 15.0)], copy=numbers(2, 2))
    assert text(good.reason) == (
        "The restore checked all constraints; sequences checked: 1, declared invariants checked: 1"
    )
    for form in (Form.BASE, Form.BASE_TAR, Form.SQLITE, None):
        assert text(judged(form=form, steps=()).reason).startswith("No orphaned or duplicate rows were found")


@pytest.mark.parametrize("outcome", [StepOutcome.FAILED, StepOutcome.ERROR, StepOutcome.SKIPPED, None])
def test_a_restore_that_did_not_end_well_has_checked_no_constraint(outcome: StepOutcome | None) -> None:
    steps = () if outcome is None else (StepResult(DrillStep.RESTORE, outcome, msg("no")),)
    result = judged(steps=steps)
    assert result.status is Status.UNKNOWN and "did not complete" in text(result.reason)
