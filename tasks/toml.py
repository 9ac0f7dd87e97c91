"""Texts from outside as TOML strings and as comments: whatever they hold, they stay on their line."""

from collections.abc import Iterable

from tasks.observation import printable

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_BEYOND = 0xFFFF
_COMMENT_CHARS = 300


def quoted(text: str) -> str:
    """A TOML string that reads back as the same text; half a surrogate pair, which TOML has no word for, as U+FFFD."""
    return f'"{"".join(map(_escaped, text))}"'


def listed(texts: Iterable[str]) -> str:
    """A TOML list of strings on one line."""
    return f"[{', '.join(map(quoted, texts))}]"


def comment(text: str) -> str:
    """A comment line; a text that cannot be printed is spelt out."""
    return f"# {printable(text, _COMMENT_CHARS)}"


def _escaped(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable() or char == "\u3000":
        return char
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"\\u{code:04X}" if code <= _BEYOND else f"\\U{code:08X}"
