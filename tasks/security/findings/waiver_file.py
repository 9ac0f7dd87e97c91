"""The waivers file: read as a whole, or rejected as a whole."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.security.findings.waivers import Waiver

_TABLE = "waiver"
_MOST_BYTES = 1_000_000
_MOST_PROBLEMS = 10
_MOST_CHARS = 1000
_ADVICE = {
    "missing": "is required",
    "extra_forbidden": f"unknown key; known are {', '.join(Waiver.model_fields)}",
    "date_type": "must be a date without quotes, such as 2027-03-31",
}


class WaiversRejected(ObservationError):
    """A waivers file that cannot be used waives nothing; `problems` name the number of the waiver and the key."""

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        self.path = path
        self.problems = problems
        shown = external_text("; ".join(problems[:_MOST_PROBLEMS]), _MOST_CHARS)
        text = msg(
            "The waivers file {file} is rejected as a whole, and nothing is waived: {problems}",
            file=external_text(path.name),
            problems=shown,
        )
        super().__init__(text)


def read_waivers(path: Path) -> tuple[Waiver, ...]:
    """The waivers of a file; a file that is not there has none. Raises WaiversRejected, an ObservationError."""
    return parse_waivers(read_text(path), path)


def waiver_problems(path: Path) -> list[str]:
    """One sentence for each mistake in a waivers file."""
    try:
        read_waivers(path)
    except WaiversRejected as error:
        return [external_text(f"security.waivers: {path.name}: {problem}", _MOST_CHARS) for problem in error.problems]
    return []


def read_text(path: Path) -> str:
    """The text of a waivers file, empty if it is not there. Raises WaiversRejected."""
    try:
        if path.exists() and not path.is_file():
            raise WaiversRejected(path, ("is not a file",))  # a pipe would be waited for
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise WaiversRejected(path, (f"cannot be read: {error.strerror}",)) from None
    if len(content) > _MOST_BYTES:
        raise WaiversRejected(path, (f"is larger than {_MOST_BYTES} bytes",))
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise WaiversRejected(path, ("is not UTF-8 text",)) from None


def parse_waivers(text: str, path: Path) -> tuple[Waiver, ...]:
    """The waivers of a file's text, in its order. Raises WaiversRejected with every problem."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WaiversRejected(path, (f"is not TOML: {error}",)) from None
    wrong = [f"{key}: unknown key; a waiver stands under [[{_TABLE}]]" for key in data if key != _TABLE]
    entries = data.get(_TABLE, [])
    if not isinstance(entries, list):
        entries, wrong = [], [*wrong, f"{_TABLE}: must be written as [[{_TABLE}]]"]
    waivers: list[Waiver] = []
    for number, entry in enumerate(entries, 1):
        try:
            waivers.append(Waiver.model_validate(entry))
        except ValidationError as error:
            wrong.extend(f"{_TABLE} {number}: {problem}" for problem in problems(error))
    if wrong:
        raise WaiversRejected(path, tuple(wrong))
    return tuple(waivers)


def problems(error: ValidationError) -> list[str]:
    """One sentence for each value of a waiver that is wrong, with its key."""
    return [_problem(one) for one in error.errors(include_input=False, include_url=False)]


def _problem(error: Any) -> str:
    text = _ADVICE.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    key = ".".join(map(str, error["loc"]))
    return f"{key}: {text}" if key else text
