"""The language of the terminal: one rule for every command that prints words of a report."""

import re
from collections.abc import Mapping, Sequence

from reports.words import LOCALES

_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""In the order in which POSIX reads them; an empty one is not set."""


def terminal_language(given: str | None, locales: Sequence[str], variables: Mapping[str, str]) -> str:
    """`--lang`, else the language of the terminal's locale, else the first one of the service file.

    A locale in a language that reports are not written in is English, `C` and `POSIX` among them.
    """
    if given is not None:
        return given
    name = next((variables[key] for key in _VARIABLES if variables.get(key)), None)
    if name is None:
        return locales[0]
    language = re.split(r"[_.@]", name)[0].lower()
    return language if language in LOCALES else "en"
