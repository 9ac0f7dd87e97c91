"""The daily checklist of a guide in Markdown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.daily_checklist import CHECKLIST
from tasks.errors import UsageError

_HEADING = re.compile(r"(#{1,6})\s+(.+)")
_DAILY = re.compile(r"日次|毎日|\bdaily\b", re.IGNORECASE)
_ITEM = re.compile(r"\s*(?:[-*+]|[0-9]+[.)])\s+\[[ xX]\]\s+(.+)")
_FENCE = re.compile(r"\s*(```|~~~)")
_MARKUP = re.compile(r"[*_`]+|\[([^\]]*)\]\([^)]*\)")
_MOST_LINES = 50
_MOST_CHARS = 200
_LONGEST_LINE = 1000


@dataclass(frozen=True, slots=True)
class Checklist:
    """The lines that are built in, by the guide's words, and those that are not."""

    known: tuple[str, ...]
    other: tuple[str, ...]


def read_checklist(path: Path) -> Checklist:
    """The lines of a guide's daily checklist. Raises UsageError if there is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--guide {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--guide {path}: is not UTF-8 text") from None
    lines = list(dict.fromkeys(_items(text)))[:_MOST_LINES]
    if not lines:
        raise UsageError(f"--guide {path}: there are no lines `- [ ] …` under a heading with 日次 or daily")
    names = {_plain(name) for system in CHECKLIST.systems for name in system.line.names}
    known = tuple(line for line in lines if _plain(line) in names)
    return Checklist(known, tuple(line for line in lines if line not in known))


def _items(text: str) -> Iterator[str]:
    """The checklist lines below the heading, down to the next one of its own level or above."""
    level, fenced = 0, False
    for line in text.splitlines():
        if len(line) > _LONGEST_LINE:
            continue
        if _FENCE.match(line):
            fenced = not fenced
        elif fenced:
            continue
        elif heading := _HEADING.fullmatch(line.strip()):
            deep = len(heading[1])
            if _DAILY.search(heading[2]):
                level = level or deep
            elif deep <= level:
                level = 0
        elif level and (item := _ITEM.fullmatch(line)):
            yield _MARKUP.sub(r"\1", item[1]).strip()[:_MOST_CHARS]


def _plain(text: str) -> str:
    return text.strip(" .。").casefold()
