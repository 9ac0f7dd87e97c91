"""The reference of the command line, read from the Typer app and from the flows' forms."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from deployments.cli.app import app
from deployments.docs_tables.markdown import table
from deployments.docs_tables.types import in_words
from deployments.docs_tables.words import DocWords
from flows.catalogue import CHECKLISTS
from flows.checklist import Checklist

_PROGRAM = "rounds"


def commands(words: DocWords) -> str:
    """A heading, the usage, the help and the options of each command; those of `run` also by flow."""
    return "\n\n".join(
        part for name, command in _commands(_PROGRAM, get_command(app)) for part in _command(name, command, words)
    )


def _commands(name: str, command: Any) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    if isinstance(command, TyperGroup):
        if command.invoke_without_command:
            yield name, command
        for word, inner in command.commands.items():
            yield from _commands(f"{name} {word}", inner)
    else:
        yield name, command


def _command(name: str, command: TyperCommand | TyperGroup, words: DocWords) -> Iterator[str]:
    yield f"### `{name}`"
    arguments = [_argument(parameter) for parameter in command.params if isinstance(parameter, TyperArgument)]
    yield f"```\n{' '.join([name, *arguments, '[OPTIONS]'])}\n```"
    yield " ".join((command.help or "").split())
    if rows := [_parameter(p, words) for p in command.params if isinstance(p, TyperArgument | TyperOption)]:
        yield _table(words.say("Argument or option"), rows, words)
    if name == f"{_PROGRAM} run":
        for checklist in CHECKLISTS.values():
            yield from _flow(checklist, words)


def _flow(checklist: Checklist, words: DocWords) -> Iterator[str]:
    """The options that one flow takes beside those of every flow."""
    form = checklist.form
    fields = {"for": form.model_fields[form.PERIOD]} if form.PERIOD else {}
    yield f"#### `{_PROGRAM} run {checklist.name}`"
    yield f"{words.reports.say(checklist.title)}."
    rows = [_form_field(name, field, words) for name, field in {**fields, **form.own()}.items()]
    yield _table(words.say("Option"), rows, words)


def _table(first: str, rows: list[list[str]], words: DocWords) -> str:
    return table([first, words.say("Value"), words.say("Default"), words.say("Meaning")], rows).rstrip()


def _argument(parameter: TyperArgument) -> str:
    name = str(parameter.metavar or parameter.name).upper()
    several = "..." if parameter.nargs == -1 else ""
    return f"{name}{several}" if parameter.required else f"[{name}{several}]"


def _parameter(parameter: TyperArgument | TyperOption, words: DocWords) -> list[str]:
    named = _argument(parameter).strip("[]") if isinstance(parameter, TyperArgument) else ", ".join(parameter.opts)
    hint = parameter.type_descriptor.annotation
    return [
        f"`{named}`",
        "" if hint is bool else _value(hint, words),
        words.say("**required**") if parameter.required else _default(parameter.default),
        _flows(words) if parameter.name == "flow" else parameter.help or "",
    ]


def _flows(words: DocWords) -> str:
    """What the command itself fills in only when its help is asked for."""
    return words.say("One of {flows}.", flows=", ".join(f"`{name}`" for name in CHECKLISTS))


def _value(hint: Any, words: DocWords) -> str:
    if get_origin(hint) is list:
        return words.say("{value}, repeatable", value=_value(get_args(hint)[0], words))
    return in_words(hint, words, lambda model, many: model.__name__)


def _default(value: Any) -> str:
    """A default that is the same everywhere; what is looked up when a command starts is named by its help."""
    return f"`{value}`" if isinstance(value, str | int | float | Path) and value not in ("", False) else ""


def _form_field(name: str, field: FieldInfo, words: DocWords) -> list[str]:
    def half(text: str | None) -> str:
        japanese, _, english = (text or "").partition(" / ")
        return japanese if words.locale == "ja" else english

    meaning = words.say("{title} ({description})", title=half(field.title), description=half(field.description))
    return [f"`--{name}`", _value(field.annotation, words), _default(field.default), meaning]
