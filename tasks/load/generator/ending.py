"""How the load generator ended, in words."""

import re
import signal
from collections.abc import Sequence
from pathlib import Path

from tasks.check_result import Message, msg
from tasks.outside import external_text

_LOG_PREFIX = re.compile(r"^\[[^\]]*\] \S+: ")
_OF_LOCUST = ("Gave up waiting for workers",)
_WORDS = 200


def ended_by_itself(
    status: int, log: str, scenarios: Sequence[Path], elapsed_s: float, planned_s: float, workers: int
) -> Message:
    """Why a generator is gone before the last step was over; `status` is negative for a signal."""
    error = _last_error(log, scenarios)
    if elapsed_s <= 0 and workers and _OF_LOCUST[0] in log:
        return msg("Not all {n} workers connected in time", n=workers)
    if elapsed_s <= 0:
        return msg("The load generator did not start (exit status {status}): {why}", status=status, why=error or "–")
    seconds, planned = round(elapsed_s), round(planned_s)
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
        text = "The load generator was ended by {signal} after {n} of {of} s"
        return msg(text, signal=name, n=seconds, of=planned)
    if error:
        text = "The load generator ended by itself after {n} of {of} s (exit status {status}): {why}"
        return msg(text, n=seconds, of=planned, status=status, why=error)
    text = "The load generator ended by itself after {n} of {of} s (exit status {status})"
    return msg(text, n=seconds, of=planned, status=status)


def _last_error(log: str, scenarios: Sequence[Path]) -> str:
    """The last line that names an error, with the name of the team's file if the log shows one."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"\w*(\.\w+)*(Error|Exception|Exit)\b", line) or "/ERROR/" in line]
    last = _LOG_PREFIX.sub("", errors[-1]) if errors else (lines[-1] if lines and not _is_table(lines[-1]) else "")
    named = [path.name for path in scenarios if str(path) in log]
    if not named and "No User class" in last:
        named = [path.name for path in scenarios]
    return external_text(f"{', '.join(named)}: {last}" if named and last else last, _WORDS)


def _is_table(line: str) -> bool:
    """Locust ends with its own statistics."""
    return "|" in line or line.startswith("-") or line.startswith("Response time percentiles")
