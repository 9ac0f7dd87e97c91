"""What is long: `make test` runs a part of it in which every class is found, `make deep` all the rest."""

from collections.abc import Collection, Mapping
from typing import TypeVar

import hypothesis
import pytest
from _pytest.mark import ParameterSet

Row = TypeVar("Row")


def rows(matrix: Mapping[str, Row], of_each_class: Collection[str]) -> list[ParameterSet]:
    """The rows of a matrix by their names; all but one of each class are deep."""
    assert set(of_each_class) <= set(matrix), set(of_each_class) - set(matrix)
    return [
        pytest.param(row, id=name, marks=() if name in of_each_class else pytest.mark.deep)
        for name, row in matrix.items()
    ]


def examples(number: int) -> int:
    """How many examples of a property are tried: a fifth of it by `make test`, more by `make study`."""
    profile = hypothesis.settings.get_current_profile_name()
    return {"deep": number, "study": 5 * number}.get(profile, -(-number // 5))
