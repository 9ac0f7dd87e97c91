"""What bandit writes, checked before anything is read out of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from tasks.check_result import Message, msg
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.processes import Finished
from tasks.security.facts.scans import LeftOut

_FOUND, _CLEAN = 1, 0
_CRASHED = re.compile(rb"Bandit internal error running: \S+ on file (.+) at line \d+: ")
_TOTAL = "_totals"
Count = Annotated[int, Field(ge=0)]


class Result(BaseModel):
    """One issue; `filename` is the path in the tree once it is read."""

    filename: str
    test_id: str
    issue_text: str
    issue_severity: str
    issue_confidence: str
    line_number: Count
    line_range: list[int]
    col_offset: int
    end_col_offset: int


class Error(BaseModel):
    """A file that bandit could not scan."""

    filename: str
    reason: str


class Metrics(BaseModel):
    """The figures of a file: lines of code, and findings suppressed by `# nosec` without and with a test's id."""

    loc: Count
    nosec: Count
    skipped_tests: Count


class Output(BaseModel):
    """bandit's JSON, as far as it is read."""

    results: list[Result]
    errors: list[Error]
    metrics: dict[str, Metrics]


@dataclass(frozen=True)
class Report:
    """What bandit said of files, by their paths in the tree."""

    results: tuple[Result, ...] = ()
    metrics: Mapping[str, Metrics] = field(default_factory=dict)
    errors: Mapping[str, Message] = field(default_factory=dict)

    def with_report(self, other: "Report") -> "Report":
        """Both reports in one."""
        return Report(self.results + other.results, {**self.metrics, **other.metrics}, {**self.errors, **other.errors})

    def without(self, canary: str) -> tuple[frozenset[str], "Report"]:
        """The tests that found something in a file, and the report of the others."""
        tests = frozenset(result.test_id for result in self.results if result.filename == canary)
        results = tuple(result for result in self.results if result.filename != canary)
        metrics = {path: metrics for path, metrics in self.metrics.items() if path != canary}
        return tests, Report(results, metrics, self.errors)

    def missed(self, asked: Sequence[str]) -> list[LeftOut]:
        """The files that it was asked for and has not scanned; raises ObservationError for one it was not asked for."""
        if not {*self.metrics, *self.errors, *(result.filename for result in self.results)} <= set(asked):
            raise ObservationError(msg("bandit reports on files that it was not asked for"))
        unsaid = msg("bandit does not report on it")
        return [
            LeftOut(path, self.errors.get(path, unsaid))
            for path in asked
            if path in self.errors or path not in self.metrics
        ]

    @property
    def lines(self) -> int:
        """Lines of code in what was scanned."""
        return sum(metrics.loc for path, metrics in self.metrics.items() if path not in self.errors)

    @property
    def suppressed(self) -> int:
        """Findings that marks in the code take out."""
        return sum(metrics.nosec + metrics.skipped_tests for metrics in self.metrics.values())


def read_report(finished: Finished, root: Path) -> Report:
    """The report of one run; raises ObservationError when it is not whole."""
    if finished.returncode not in (_FOUND, _CLEAN):
        raise ObservationError(msg("bandit ended with exit status {status}", status=finished.returncode))
    if not finished.stdout.strip():
        raise ObservationError(msg("bandit wrote nothing: exit status {status}", status=finished.returncode))
    try:
        output = Output.model_validate_json(finished.stdout)
    except ValidationError as error:  # its text may hold code
        where = external_text(".".join(map(str, error.errors(include_input=False)[0]["loc"])) or "JSON")
        raise ObservationError(msg("bandit's output is damaged, at {where}", where=where)) from None
    if bool(output.results) != (finished.returncode == _FOUND):
        raise ObservationError(
            msg("bandit's output and its exit status {status} contradict each other", status=finished.returncode)
        )
    errors = {_inside(error.filename, root): _reason(error.reason) for error in output.errors}
    for name in _CRASHED.findall(finished.stderr):
        errors.setdefault(_inside(name.decode(errors="replace"), root), msg("A test of bandit failed on it"))
    return Report(
        tuple(result.model_copy(update={"filename": _inside(result.filename, root)}) for result in output.results),
        {_inside(name, root): metrics for name, metrics in output.metrics.items() if name != _TOTAL},
        errors,
    )


def _inside(name: str, root: Path) -> str:
    return name.removeprefix(f"{root}/")


def _reason(reason: str) -> Message:
    if reason.startswith("syntax error"):
        return msg("A syntax error, or not UTF-8: bandit cannot parse it")
    if reason.startswith("exception"):
        return msg("bandit failed on it: not UTF-8, nested too deeply, or too large for its memory")
    return msg("bandit could not read it: {why}", why=external_text(reason))
