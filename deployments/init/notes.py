"""What `rounds init` says of what it found, in the language of the terminal and of the file."""

from reports.words import Words
from tasks.check_result import Message

Note = tuple[Message, ...]
"""A line in parts that follow from each other; none of them is no line."""


def said(note: Note, words: Words) -> str:
    """The line in one language."""
    return ": ".join(map(words.say, note))
