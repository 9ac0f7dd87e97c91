"""Follows a load test by the signs of life of its generator, and says when it has to end."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.check_result import Message, msg
from tasks.load.facts import Ended, Live
from tasks.load.limits import LoadLimits
from tasks.load.settings import Profile

_SILENT_S = 15.0
_START_S = 60.0
_LATE_S = 4.0
_MIN_REQUESTS = 5
Second = tuple[int, int, int, float | None]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a test has to end."""

    ended: Ended
    problem: Message


@dataclass(slots=True)
class Watch:
    """What is known of a running test; instants are s since 1970."""

    profile: Profile
    limits: LoadLimits
    workers: int
    started: float
    wait_s: float
    seconds: deque[Second] = field(default_factory=lambda: deque(maxlen=3600))
    lines: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, None] = field(default_factory=dict)
    complete: bool = False
    locust: dict[str, Any] | None = None
    failed: int = 0
    _last: float = 0.0
    _began: float | None = None
    _ended: float | None = None
    _answered: float = 0.0
    _now: dict[str, Any] | None = None
    _stop: Stop | None = None

    def take(self, lines: Iterable[Mapping[str, Any]], now: float) -> None:
        """New lines of the generator."""
        for line in lines:
            self._last = now
            match line["kind"]:
                case "step" | "spawned" | "end":
                    self._phase(dict(line))
                case "now":
                    self._beat(dict(line))
                case "locust":
                    self.locust, self.complete = dict(line), bool(line["complete"])
                case "ready" if line["empty"]:
                    problem = msg("The Locust file {file} has no User class", file=str(line["empty"][0]))
                    self._stop = Stop(Ended.BROKEN, problem)

    def _phase(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        if line["kind"] == "step" and self._began is None:
            self._began = self._answered = line["at"]
        if line["kind"] == "end":
            self._ended = line["at"]

    def _beat(self, line: dict[str, Any]) -> None:
        self._now = line
        self.refused.update(dict.fromkeys(line["refused"]))
        for second, count, failed, p95 in line["seconds"]:
            self.seconds.append((second, count, failed, p95))
            self.failed += failed
            self._answered = max(self._answered, second)
        if not line["waiting"]:
            self._answered = max(self._answered, line["at"])

    @property
    def elapsed_s(self) -> float:
        """Since the first step, up to the last sign of life; 0 before it."""
        if self._began is None:
            return 0.0
        return max((self._ended or (self._now or {}).get("at", self._began)) - self._began, 0.0)

    def ran_s(self, now: float) -> float | None:
        """Since the first step; None before it."""
        return None if self._began is None else now - self._began

    def live(self) -> Live:
        """How the test does."""
        now = self._now or {}
        _, count, _, p95 = self.seconds[-1] if self.seconds else (0, 0, 0, None)
        step, users = now.get("step", -1) + 1, now.get("users", 0)
        planned, steps = self.profile.duration_s, len(self.profile.steps)
        return Live(self.elapsed_s, planned, step, steps, users, float(count), self.failed, p95)

    def stop(self, now: float) -> Stop | None:
        """Why the test has to end now, if it has to."""
        return self._stop or self._silent(now) or self._late(now) or self._lost() or self._hopeless()

    def _silent(self, now: float) -> Stop | None:
        if self._last == 0.0:
            late = now - self.started > _START_S
            return Stop(Ended.BROKEN, msg("The load generator did not start in {n} s", n=_START_S)) if late else None
        if now - self._last <= _SILENT_S:
            return None
        return Stop(Ended.BROKEN, msg("The load generator gave no sign of life for {n} s", n=_SILENT_S))

    def _late(self, now: float) -> Stop | None:
        if self._began is None:
            most = _START_S + self.wait_s
            late = now - self.started > most
            return Stop(Ended.BROKEN, msg("The load had not begun after {n} s", n=most)) if late else None
        most = self.profile.duration_s + _START_S
        late = self._ended is None and now - self._began > most
        return Stop(Ended.BROKEN, msg("The load test was not over after {n} s", n=most)) if late else None

    def _lost(self) -> Stop | None:
        running = self._began is not None and self._ended is None and self._now is not None
        if not running or not self._now or self._now["step"] < 0 or self._now["workers"] >= self.workers:
            return None
        left = msg("Only {n} of {of} workers are left", n=self._now["workers"], of=self.workers)
        return Stop(Ended.BROKEN, left)

    def _hopeless(self) -> Stop | None:
        if self._began is None or self._ended is not None:
            return None
        if fast := next((row for row in self.seconds if row[1] > self.limits.max_per_second), None):
            text = "{n} requests in one second are more than the limit of {most}"
            return Stop(Ended.ABORTED, msg(text, n=fast[1], most=self.limits.max_per_second))
        span = self.limits.abort_after_s
        # Beyond the first step of what seeks the limit, this is the limit.
        ended = Ended.LIMIT if self.profile.seeks_limit and (self._now or {}).get("step", 0) > 0 else Ended.ABORTED
        if self._now is not None and self._now["at"] - self._answered > span + _LATE_S:
            return Stop(ended, msg("No request was answered for {n} s", n=span))
        last = self.seconds[-1][0] if self.seconds else 0
        recent = [row for row in self.seconds if row[0] > last - span]
        if last - self._began < span or sum(row[1] for row in recent) < _MIN_REQUESTS:
            return None
        share = 100 * sum(row[2] for row in recent) / sum(row[1] for row in recent)
        if share < self.limits.abort_error_percent:
            return None
        text = "{share} % of the requests of {n} s failed"
        return Stop(ended, msg(text, share=round(share, 1), n=span))
