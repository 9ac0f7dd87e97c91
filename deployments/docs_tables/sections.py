"""The sections of a service file in its order, read from the settings' models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Union, get_origin, get_type_hints

from deployments.docs_tables.docstrings import About, Model, about, owner_of
from deployments.docs_tables.markdown import anchor
from deployments.docs_tables.types import models_in, unwrapped
from tasks.settings import Settings

Kinds = tuple[Model, ...]
"""The models of a section: one, or one for each value of its key `kind`."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a section, with its type as it is annotated."""

    name: str
    hint: Any
    default: Any
    required: bool
    about: About


@dataclass(frozen=True, slots=True)
class Place:
    """Where a section stands in the file; `many` for one that may stand there several times."""

    path: tuple[str, ...]
    many: bool
    about: About

    @property
    def head(self) -> str:
        """The line that begins it, such as `[[logs.source]]`."""
        name = ".".join(self.path)
        return f"`[[{name}]]`" if self.many else f"`[{name}]`"


@dataclass(frozen=True, slots=True)
class Section:
    """A section, and every place where it may stand."""

    places: tuple[Place, ...]
    kinds: Kinds

    @property
    def head(self) -> str:
        """Its heading."""
        return ", ".join(place.head for place in self.places)

    @property
    def anchor(self) -> str:
        """Where links to it lead."""
        return f"#{anchor(self.head)}"


@cache
def sections() -> tuple[Section, ...]:
    """Every section once."""
    found: dict[Kinds, dict[tuple[str, ...], Place]] = {}
    for place, kinds in _places(Settings, ()):
        found.setdefault(kinds, {})[place.path] = place
    return tuple(Section(tuple(places.values()), kinds) for kinds, places in found.items())


def section_of(model: Model) -> Section:
    """The section that has a model's keys."""
    return next(section for section in sections() if (wider(model) or model) in section.kinds)


def wider(model: Model) -> Model | None:
    """The model that adds keys to those of this one: its section describes both."""
    return next((sub for sub in model.__subclasses__() if sub.model_fields.keys() > model.model_fields.keys()), None)


def grouped(section: Section) -> dict[Kinds, list[Key]]:
    """The keys of a section by the kinds that have them, each key once, the keys of all kinds first."""
    having: dict[tuple[Model, str], list[tuple[Model, Key]]] = {}
    for kind in section.kinds:
        for key in keys_of(kind):
            having.setdefault((owner_of(kind, key.name), key.name), []).append((kind, key))
    found: dict[Kinds, list[Key]] = {}
    for same in sorted(having.values(), key=len, reverse=True):
        found.setdefault(tuple(kind for kind, _ in same), []).append(_merged([key for _, key in same]))
    return found


def keys_of(model: Model) -> Iterator[Key]:
    """The keys of a model, in its order but for the name, which is first."""
    hints = get_type_hints(model, include_extras=True)
    for name in sorted(model.model_fields, key=lambda name: name != "name"):  # a subclass adds its own last
        field = model.model_fields[name]
        required = field.is_required()
        default = None if required else field.get_default(call_default_factory=True, validated_data={})
        yield Key(name, hints[name], default, required, about(model, name))


def _merged(keys: list[Key]) -> Key:
    """One key that several kinds have; that of the kinds' names takes all of them."""
    first = keys[0]
    return Key(first.name, Union[tuple(key.hint for key in keys)], first.default, first.required, first.about)  # noqa: UP007


def _places(model: Model, path: tuple[str, ...]) -> Iterator[tuple[Place, Kinds]]:
    for key in keys_of(model):
        models = tuple(models_in(key.hint))
        if not models:
            continue
        place = _place(key, path)
        for kinds in [models] if all("kind" in kind.model_fields for kind in models) else [(kind,) for kind in models]:
            if wider(kinds[0]) is None:
                yield place, kinds
                for kind in kinds:
                    yield from _places(kind, place.path)


def _place(key: Key, path: tuple[str, ...]) -> Place:
    outer = get_origin(unwrapped(key.hint)[0])
    if outer in (dict, Mapping):  # a table whose keys are the team's own words
        return Place((*path, key.name, "ITEM"), False, key.about)
    return Place((*path, key.name), outer is tuple, key.about)
