"""When the counts of a part hold although something else stood before it than was assumed."""

from dataclasses import replace

import pytest

from tasks.logs.count.memory import Basis, Memory, joined
from tasks.logs.lines.clock import BACK_MIN
from tasks.logs.lines.places import MOST_MODULES, MOST_ROUTES

ASSUMED = Memory(1000, 1000, frozenset({"/a"}), {"shop": "shop"})
BASIS = Basis(on_minute=False, oldest=2000, unlearnt=frozenset({"/wp-admin"}), other_modules=False)
AFTER = Memory(2100, 2100, frozenset({"/a", "/b"}), {"shop": "shop", "menus": "menus"})
MANY = frozenset(f"/route{number}" for number in range(MOST_ROUTES - 2))
MODULES = {f"module{number}": "" for number in range(MOST_MODULES - 2)}


@pytest.mark.parametrize(
    ("actual", "basis", "holds"),
    [
        ({}, {}, True),
        ({}, {"on_minute": True, "oldest": None, "unlearnt": None, "other_modules": True}, True),
        ({"minute": 999}, {}, True),
        ({"minute": 999}, {"on_minute": True}, False),
        ({"newest": 2000 + BACK_MIN}, {}, True),
        ({"newest": 2001 + BACK_MIN}, {}, False),
        ({"newest": 2001 + BACK_MIN}, {"oldest": None}, True),
        ({"newest": 999}, {}, False),
        ({"routes": {"/a", "/c"}}, {}, True),
        ({"routes": {"/a", "/wp-admin"}}, {}, False),
        ({"routes": {"/a", "/c"}}, {"unlearnt": None}, False),
        ({"routes": {"/c"}}, {}, False),
        ({"routes": {"/a"} | MANY}, {}, True),
        ({"routes": {"/a", "/c"} | MANY}, {}, False),
        ({"modules": {"shop": "shop", "users": "users"}}, {}, True),
        ({"modules": {"shop": "shop", "users": "users"}}, {"other_modules": True}, False),
        ({"modules": {"users": "users"}}, {}, False),
        ({"modules": {"shop": "shop"} | MODULES}, {}, True),
        ({"modules": {"shop": "shop", "users": "users"} | MODULES}, {}, False),
    ],
)
def test_counts_hold_unless_they_rest_on_what_was_assumed_wrongly(
    actual: dict[str, object], basis: dict[str, object], holds: bool
) -> None:
    if "routes" in actual:
        actual = actual | {"routes": frozenset(actual["routes"])}  # type: ignore[call-overload]
    before = replace(ASSUMED, **actual)  # type: ignore[arg-type]
    assert replace(BASIS, **basis).holds(ASSUMED, before, AFTER) is holds  # type: ignore[arg-type]


def test_what_is_remembered_after_a_part_is_what_both_remember() -> None:
    before = Memory(3000, 3000, frozenset({"/c"}), {"users": "users"})
    assert joined(before, AFTER, BASIS) == Memory(
        2100, 3000, frozenset({"/a", "/b", "/c"}), {"users": "users", "shop": "shop", "menus": "menus"}
    )
    assert joined(before, AFTER, replace(BASIS, oldest=None)).minute == 3000
