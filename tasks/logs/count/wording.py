"""Whether two messages are one text with different words in it, and what they have in common."""

import re
from dataclasses import dataclass

VARIES = "<*>"
_WORD = re.compile(r"[!-~]+|[^\x00-\x20\x7f]")
"""A run of ASCII characters, or one of any other script: Japanese has no spaces."""
_TOGETHER = re.compile(r"<\*>(?:[ ]?<\*>)+")


@dataclass(frozen=True, slots=True)
class Wording:
    """A message and its words, each with where it begins and ends."""

    text: str
    words: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, text: str) -> "Wording":
        """The words of a message."""
        return cls(text, tuple((found[0], found.start(), found.end()) for found in _WORD.finditer(text)))

    @property
    def varies(self) -> bool:
        """True when some of it stands for anything."""
        return VARIES in self.text


def shared(one: Wording, other: Wording) -> str | None:
    """The first message with `<*>` for what is different in the second; None when they have less than half in common.

    Messages of as many words are compared word by word, others by their beginning and end.
    """
    mine, theirs = [word[0] for word in one.words], [word[0] for word in other.words]
    most = max(len(mine), len(theirs))
    if len(mine) == len(theirs):
        places = [place for place, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b]
    else:
        first = _same(mine, theirs)
        last = min(_same(mine[::-1], theirs[::-1]), min(len(mine), len(theirs)) - first)
        places = list(range(first, len(mine) - last))
    different = set(places)
    same = sum(VARIES not in word for place, word in enumerate(mine) if place not in different)
    if not same or same * 2 < most:
        return None
    text = one.text
    for place in reversed(places):
        _, start, end = one.words[place]
        text = f"{text[:start]}{VARIES}{text[end:]}"
    return _TOGETHER.sub(VARIES, text)


def _same(one: list[str], other: list[str]) -> int:
    """How many words both begin with."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
