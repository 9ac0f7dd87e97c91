"""Texts of the outside, such as an error of a database, as they may stand in a report."""

from tasks.observation import printable
from tasks.personal import mask
from tasks.secrets import masked

_READ_CHARS = 4000


def external_text(text: str, most: int = 200) -> str:
    """A text without secrets and personal data, bounded, with every control character spelt out."""
    return printable(mask(masked(text[:_READ_CHARS])), most)
