"""Texts as chats may get them: of a bounded length, and nothing in them that a chat would obey. Pure."""

import re
from typing import Final

from tasks.observation import printable, spelt_out

MOST_TITLE: Final = 200
MOST_TEXT: Final = 3000
# `<!channel>`, `<@U1>`, `<https://…|shown>` and tags; mentions, in whatever chat; a link that shows another address.
_COMMAND = re.compile(r"<(?=[!@#/a-z])", re.IGNORECASE)
_MENTION = re.compile(r"@(?=(?:everyone|here|channel|all)\b)|(?<![\w/])@(?=\w)", re.IGNORECASE)
_LINK = "]("


def harmless_title(text: str) -> str:
    """A title on one line."""
    return _harmless(printable(text, MOST_TITLE))


def harmless_text(text: str) -> str:
    """A text, line by line."""
    if len(text) > MOST_TEXT:
        text = text[: MOST_TEXT - 1] + "…"
    return "\n".join(_harmless(spelt_out(line)) for line in text.splitlines())


def _harmless(line: str) -> str:
    """The line with signs that look alike in place of those that chats obey."""
    return _MENTION.sub("＠", _COMMAND.sub("‹", line)).replace(_LINK, "] (")
