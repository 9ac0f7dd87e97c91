"""When two log lines are the same error: what identifies it, without what varies from line to line."""

import hashlib
import re
from dataclasses import dataclass
from typing import TypeVar

from tasks.logs.settings import DEFAULT_SKIPPED

VERSION = 1
_Known = TypeVar("_Known")
_Found = TypeVar("_Found")

MOST_MESSAGE = 500
MOST_STACK = 20_000
_MOST_FRAME = 300
_MOST_NAME = 200
_MOST_KNOWN = 1000
_MOST_KNOWN_STACK = 4000
_PLACEHOLDER = "<*>"

# All classes are ASCII, nothing looks ahead or behind, and each repetition is bounded by the cut to 500 characters.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[A-Za-z0-9._~:/?#\[\]@!$&*+,;=%-]*[A-Za-z0-9_~/#@$&*+=%-]")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_QUOTED = re.compile(r"""([=:][ \t]?)(?:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')""")
_TOKEN = r"[A-Za-z_]*+[0-9][0-9A-Za-z_]*+"
_TOKENS = re.compile(
    # The word before an HTTP status: 404 and 500 are different errors. One letter each way, as (?i) is slower.
    r"((?:HTTP(?:/[0-9](?:\.[0-9])?)?(?: [Ee]rror| [Ss]tatus| [Rr]esponse)?"
    r"|[Ss]tatus(?:[ _]?[Cc]ode)?|[Rr]esponded(?: with)?)[\"']?[ :=]{1,3})?"
    rf"([-+]?{_TOKEN}(?:[.,:/-]{_TOKEN})*+)"
    # A word without a digit is eaten whole, with its hyphen, so that nothing is scanned twice.
    r"|[A-Za-z_]++[-+]?"
)
_STATUS = re.compile(r"[1-5][0-9][0-9]")
_LIST = re.compile(r"<\*>(?:[ \t,;]*+<\*>)+")
_SPACE = re.compile(r"[\x00-\x20\x7f]+")
_LINE_NUMBER = re.compile(r"(?::(?:line )?[0-9]+){1,2}(\)?)$")
_PYTHON = re.compile(r'[ \t|]*File "([^"]*)", line [0-9]+(?:, in (.*))?$')


@dataclass(frozen=True, slots=True)
class ErrorKey:
    """The parts that name an error; `message` and `frame` are without what varies."""

    module: str
    name: str
    message: str
    frame: str

    @property
    def fingerprint(self) -> str:
        """The first 32 hex digits of SHA-256 over the version and the parts."""
        parts = (self.module, self.name, self.message, self.frame)
        text = "|".join((str(VERSION), *(part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def error_key(
    module: str, name: str, message: str, stack: str, *, skipped_frames: tuple[str, ...] = DEFAULT_SKIPPED
) -> ErrorKey:
    """What names the error of a log line."""
    return _key(module, name, normalised(message), top_frame(stack, skipped_frames))


class ErrorKeys:
    """What names the errors of many lines, which mostly are a few errors again and again."""

    def __init__(self, skipped_frames: tuple[str, ...]) -> None:
        self._skipped_frames = skipped_frames
        self._frames: dict[str, str] = {}
        self._keys: dict[tuple[str, str, str, str], tuple[str, ErrorKey]] = {}

    def find(self, module: str, name: str, message: str, stack: str) -> tuple[str, ErrorKey]:
        """A line's fingerprint and what it is made of."""
        parts = (module, name, normalised(message), self._top_frame(stack))
        found = self._keys.get(parts)
        if found is None:
            key = _key(*parts)
            found = (key.fingerprint, key)
            if len(name) <= _MOST_NAME:
                _remember(self._keys, parts, found)
        return found

    def _top_frame(self, stack: str) -> str:
        message, _, calls = stack.partition("\n")
        if len(stack) > _MOST_KNOWN_STACK or "at " in message or 'File "' in message:
            return top_frame(stack, self._skipped_frames)
        frame = self._frames.get(calls)
        if frame is None:
            frame = top_frame(calls, self._skipped_frames)
            _remember(self._frames, calls, frame)
        return frame


def _remember(known: dict[_Known, _Found], what: _Known, found: _Found) -> None:
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[what] = found


def _key(module: str, name: str, message: str, frame: str) -> ErrorKey:
    return ErrorKey(_storable(module[:_MOST_NAME]), _storable(name[:_MOST_NAME]), _storable(message), _storable(frame))


def normalised(message: str) -> str:
    """The first line of a message, 500 characters of it, with `<*>` for each thing that varies."""
    lines = message.lstrip()[: MOST_MESSAGE + 1].splitlines()
    text = lines[0][:MOST_MESSAGE] if lines else ""
    # Most messages have none of these, and testing is cheaper than searching.
    if "://" in text:
        text = _URL.sub(_PLACEHOLDER, text)
    if "@" in text:
        text = _EMAIL.sub(_PLACEHOLDER, text)
    if "-" in text:
        text = _UUID.sub(_PLACEHOLDER, text)
    if '"' in text or "'" in text:
        text = _QUOTED.sub(r"\1<*>", text)
    text = _TOKENS.sub(_without_digits, text)
    text = _LIST.sub(_PLACEHOLDER, text)
    return _SPACE.sub(" ", text).strip()


def top_frame(stack: str, skipped: tuple[str, ...] = DEFAULT_SKIPPED) -> str:
    """The innermost frame of a stack in the service's own code, without line and column; empty when there is none.

    JavaScript and Java name it first, Python last. When every frame is a library's, it is the innermost of all.
    """
    if len(stack) > MOST_STACK:  # Python's innermost frame is at the end.
        stack = f"{stack[: MOST_STACK // 2]}\n{stack[-MOST_STACK // 2 :]}"
    lines = stack.splitlines()
    if 'File "' in stack and (frames := [found for line in reversed(lines) if (found := _PYTHON.match(line))]):
        own = next((frame for frame in frames if not _is_skipped(frame[0], skipped)), frames[0])
        return f"{own[2] or '<module>'} ({own[1]})"[:_MOST_FRAME]
    calls = [stripped for line in lines if (stripped := line.strip()).startswith("at ")]
    if not calls:
        return ""
    own_call = next((call for call in calls if not _is_skipped(call, skipped)), calls[0])
    return _without_line_number(own_call)


def _is_skipped(line: str, skipped: tuple[str, ...]) -> bool:
    return any(part in line for part in skipped)


def _without_line_number(frame: str) -> str:
    return _LINE_NUMBER.sub(r"\1", frame.removeprefix("at ").removeprefix("async "))[:_MOST_FRAME]


def _without_digits(found: re.Match[str]) -> str:
    word, token = found.groups()
    if token is None:
        return found[0]
    if word is None:
        return _PLACEHOLDER
    return found[0] if _STATUS.fullmatch(token) else word + _PLACEHOLDER


def _storable(text: str) -> str:
    """Without NUL and lone surrogates, which neither UTF-8 nor PostgreSQL holds."""
    return text.encode("utf-8", "replace").decode().replace("\x00", " ")
