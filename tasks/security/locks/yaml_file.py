"""YAML of a lock file, read without trusting it."""

import re
from typing import Any

import yaml

from tasks.check_result import msg
from tasks.outside import external_text
from tasks.security.locks.content import Unusable, malformed

_PERHAPS_ALIAS = re.compile(r"(?:^|[\s\[{,:-])\*[^\s*]", re.MULTILINE)
_MOST_DEPTH = 50


def parse_yaml(text: str, path: str) -> list[Any]:
    """The documents of a file; raises Unusable, also for one that is nested deeply or refers to itself.

    No lock file has aliases, and merging them can make a small file as large as memory.
    """
    try:
        if _suspicious(text):
            _look(text, path)
        return list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    except Unusable:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise malformed(path, mark.line + 1 if mark else None, "YAML") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise malformed(path, None, "YAML") from None


def _suspicious(text: str) -> bool:
    brackets = text.count("[") + text.count("{") > 0 and ("[" * 3 in text or "{" * 3 in text or "[{" in text)
    return brackets or _PERHAPS_ALIAS.search(text) is not None or "- - -" in text or "? ?" in text


def _look(text: str, path: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise Unusable(
                msg("{file}, line {line}: YAML with aliases is not read", file=external_text(path), line=_line(event))
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_DEPTH:
            raise Unusable(msg("{file} is nested too deeply", file=external_text(path)))


def _line(event: yaml.Event) -> int | None:
    return None if event.start_mark is None else event.start_mark.line + 1
