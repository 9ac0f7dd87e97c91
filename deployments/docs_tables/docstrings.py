"""What is written under the fields of the settings: the one place of a key's description.

Pydantic can read it too (`use_attribute_docstrings`), but that costs every start of `rounds` 65 ms.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from pydantic import BaseModel

Model = type[BaseModel]
SOURCE = "Source: "


class About(NamedTuple):
    """The description of a key: its meaning, and where its default comes from (the last sentence, `Source: …`)."""

    meaning: str
    source: str


def about(model: Model, field: str) -> About:
    """What a field's docstring says, its own or that of the field that it overrides; raises ValueError if none is."""
    text = next((text for owner in _owners(model, field) if (text := _docstrings(owner).get(field))), None)
    if text is None:
        raise ValueError(f"{model.__module__}.{model.__qualname__}.{field} has no docstring: the reference needs one")
    meaning, _, source = text.partition(SOURCE)
    return About(meaning.strip(), source.strip().removesuffix("."))


def about_class(model: Model) -> str:
    """What a class says of itself, on one line."""
    return " ".join((inspect.getdoc(model) or "").split())


def owner_of(model: Model, field: str) -> Model:
    """The class that declared a field first."""
    return list(_owners(model, field))[-1]


def _owners(model: Model, field: str) -> Iterator[Model]:
    for owner in model.__mro__:
        if issubclass(owner, BaseModel) and field in inspect.get_annotations(owner):
            yield owner


@cache
def _docstrings(owner: Model) -> dict[str, str]:
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for line, below in zip(definition.body, definition.body[1:], strict=False):
        match line, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found
