"""Types of the settings in words: text, address, number over 0 to 60, list of names, secret."""

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from deployments.docs_tables.words import DocWords
from tasks.configuration import Called, SecretRef

Link = Callable[[type[BaseModel], bool], str]
"""Where a section is described, as a link; True for several of it."""

_WORDS: dict[Any, tuple[str, str]] = {
    str: ("text", "texts"),
    int: ("integer", "integers"),
    float: ("number", "numbers"),
    date: ("date", "dates"),
    Path: ("path", "paths"),
    SecretRef: ("secret", "secrets"),
}


def in_words(hint: Any, words: DocWords, link: Link, *, many: bool = False) -> str:
    """A type as people know it; `many` for the plural inside a list."""
    bare, marks = unwrapped(hint)
    if named := next((mark for mark in marks if isinstance(mark, Called)), None):
        return words.say(named.many if many else named.one)
    if bare is bool:
        return "`true`, `false`"
    if get_origin(bare) is Literal:
        return ", ".join(f'`"{value}"`' if isinstance(value, str) else f"`{value}`" for value in get_args(bare))
    if isinstance(bare, type) and issubclass(bare, Enum):
        return ", ".join(f"`{value.value}`" for value in bare)
    if get_origin(bare) in (Union, types.UnionType):
        parts = [part for part in get_args(bare) if part is not type(None)]
        separator = ", " if all(_is_written_out(part) for part in parts) else words.say(" or ")
        return separator.join(dict.fromkeys(in_words(part, words, link, many=many) for part in parts))
    if get_origin(bare) is tuple:
        items = in_words(get_args(bare)[0], words, link, many=True)
        return words.say("lists of {items}", items=items) if many else _list(items, marks, words)
    if get_origin(bare) in (dict, Mapping):
        return words.say("table of {items}", items=in_words(get_args(bare)[1], words, link, many=True))
    if bare in _WORDS:
        return words.say(_WORDS[bare][many]) + _bounds(marks, words)
    return link(bare, many)


def unwrapped(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without Annotated, and all that was noted of it."""
    marks: tuple[Any, ...] = ()
    while get_origin(hint) is Annotated:
        hint, *noted = get_args(hint)
        marks = (*marks, *(mark for note in noted for mark in _flat(note)))
    return hint, marks


def models_in(hint: Any) -> Iterator[type[BaseModel]]:
    """The sections that a type names; a secret is none."""
    bare, _ = unwrapped(hint)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        if bare is not SecretRef:
            yield bare
        return
    for part in get_args(bare):
        yield from models_in(part)


def _flat(mark: Any) -> Iterator[Any]:
    match mark:
        case FieldInfo():
            yield from mark.metadata
        case StringConstraints(max_length=int(most)):
            yield MaxLen(most)
        case _:
            yield mark


def _is_written_out(hint: Any) -> bool:
    return hint is bool or get_origin(hint) is Literal


def _list(items: str, marks: Sequence[Any], words: DocWords) -> str:
    match [mark for mark in marks if isinstance(mark, MinLen | MaxLen)]:
        case [MinLen(least), MaxLen(most)]:
            return words.say("list of {least} to {most} {items}", least=least, most=most, items=items)
        case [MinLen(1)]:
            return words.say("non-empty list of {items}", items=items)
    return words.say("list of {items}", items=items)


def _bounds(marks: Sequence[Any], words: DocWords) -> str:
    """What follows a number's or a text's name."""
    match [mark for mark in marks if isinstance(mark, Gt | Ge | Lt | Le | MaxLen)]:
        case [Gt(a), Le(b)]:
            return words.say(", over {a} to {b}", a=f"{a:,}", b=f"{b:,}")
        case [Gt(a), Lt(b)]:
            return words.say(", over {a} to under {b}", a=f"{a:,}", b=f"{b:,}")
        case [Ge(a), Le(b)]:
            return words.say(", {a} to {b}", a=f"{a:,}", b=f"{b:,}")
        case [Ge(a), Lt(b)]:
            return words.say(", {a} to under {b}", a=f"{a:,}", b=f"{b:,}")
        case [Gt(a)]:
            return words.say(", over {a}", a=f"{a:,}")
        case [Ge(a)]:
            return words.say(", {a} or more", a=f"{a:,}")
        case [MaxLen(b)]:
            return words.say(", at most {b} characters", b=b)
        case []:
            return ""
        case others:
            raise ValueError(f"no words for {others}")
