"""The Jinja2 environment of every page and mail: escaped, strict, and without any logic of ours inside."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports import names
from reports.words import Words


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, words: Words, **facts: object) -> str:
    """A template filled in; `_` is the renderer's own wording, `say` a message, in the reader's language."""
    globals_ = {"_": words.tr, "say": words.say, "language": names.language_name, "locale": words.locale}
    return _environment().get_template(template, globals=globals_).render(**globals_, **facts)


@cache
def asset(name: str) -> Markup:
    """A style sheet or script of the package, as it stands."""
    return Markup(files("reports").joinpath("templates", name).read_text(encoding="utf-8"))
