"""The reference of the service file: every section and key, with type, default, meaning and source."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from deployments.docs_tables.docstrings import Model, about_class
from deployments.docs_tables.markdown import table
from deployments.docs_tables.sections import Key, Section, grouped, section_of, sections, wider
from deployments.docs_tables.types import in_words
from deployments.docs_tables.words import DocWords
from tasks.toml import quoted


def keys(words: DocWords) -> str:
    """A heading and a table for each section, in the order of the file."""
    index = " · ".join(f"[{place.head}]({section.anchor})" for section in sections() for place in section.places)
    return "\n\n".join([index, *(part for section in sections() for part in _section(section, words))])


def toml(value: Any) -> str:
    """A value as a service file would have it."""
    match value:
        case bool():
            return str(value).lower()
        case str() | Path():
            return quoted(str(value))
        case tuple():
            return f"[{', '.join(map(toml, value))}]"
        case BaseModel():
            return f"{{ {', '.join(f'{name} = {toml(item)}' for name, item in value)} }}"
    return str(value)


def _section(section: Section, words: DocWords) -> Iterator[str]:
    yield f"### {section.head}"
    if len(section.places) == 1:
        yield words.say(section.places[0].about.meaning)
    for kinds, group in grouped(section).items():
        if kinds != section.kinds:
            named = ", ".join(_kind(kind) for kind in kinds)
            yield words.say("With `kind` = {kinds}:", kinds=named)
        if len(kinds) == 1 and kinds != section.kinds:
            yield words.say(about_class(kinds[0]))
        yield _table(group, words).rstrip()


def _kind(model: Model) -> str:
    return f"`{toml(next(iter(model.model_fields['kind'].annotation.__args__)))}`"  # type: ignore[union-attr]


def _table(group: Iterable[Key], words: DocWords) -> str:
    heads = [words.say("Key"), words.say("Type"), words.say("Default"), words.say("Meaning"), words.say("Source")]
    return table(heads, [_row(key, words) for key in group])


def _row(key: Key, words: DocWords) -> list[str]:
    def link(model: Model, many: bool) -> str:
        section = section_of(model)
        if wider(model) is not None:
            return words.say("[table as {section}]({anchor})", section=section.head, anchor=section.anchor)
        return f"[{words.say('tables' if many else 'table')}]({section.anchor})"

    meaning, source = key.about
    default = words.say("**required**") if key.required else _default(key.default, words)
    return [
        f"`{key.name}`",
        in_words(key.hint, words, link),
        default,
        words.say(meaning),
        words.say(source) if source else "",
    ]


def _default(value: Any, words: DocWords) -> str:
    if value is None:
        return words.say("none")
    return "" if isinstance(value, BaseModel) else f"`{toml(value)}`"
