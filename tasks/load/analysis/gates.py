"""What a gate asks of a load test: which requests, at which steps, and the figure that it limits."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.load.facts import LoadRun, RouteStats, StepStats
from tasks.load.settings import Gate

UNITS = {"latency": "ms", "error-share": "%", "throughput": "requests/s"}


@dataclass(frozen=True, slots=True)
class Scope:
    """Requests of a route, of a module (`route` empty), or all (both empty)."""

    module: str = ""
    route: str = ""

    @property
    def name(self) -> str:
        """As a request is named: `shopping:/lists`, `shopping`; empty for all requests."""
        return f"{self.module}:{self.route}" if self.module and self.route else self.module or self.route

    def part(self, step: StepStats) -> RouteStats | None:
        """What a step measured of these requests; None where it had none."""
        if self == Scope():
            return step.whole
        among = step.routes if self.route else step.modules
        return next((part for part in among if (part.module, part.route) == (self.module, self.route)), None)


@dataclass(frozen=True, slots=True)
class Measured:
    """A gate's figure at one step: `kept` None where there were too few requests, or none, to say."""

    users: int
    requests: int
    value: float | None
    kept: bool | None


def scopes_of(gate: Gate, run: LoadRun) -> tuple[Scope, ...]:
    """The requests that a gate names, of those that the run had; none where it had none of that name."""
    if gate.route is not None:
        return tuple(Scope(r.module, r.route) for r in run.routes if _is_named(gate, r.module, r.route))
    if gate.module is not None:
        return tuple(Scope(module.module) for module in run.modules if module.module == gate.module)
    return (Scope(),)


def steps_of(gate: Gate, run: LoadRun) -> tuple[StepStats, ...]:
    """The steps at which a gate is judged."""
    if gate.users is not None:
        return tuple(step for step in run.steps if step.users == gate.users)
    return run.steps[:1] if run.seeks_limit else run.steps


def subject(gate: Gate, scope: Scope) -> str:
    """A gate's name in reports, in the words of the configuration: `latency p95 shopping @80`."""
    at = None if gate.users is None else f"@{gate.users}"
    return " ".join(word for word in (gate.metric, gate.statistic, scope.name, at) if word)


def measured(gate: Gate, scope: Scope, step: StepStats, min_requests: int) -> Measured:
    """A gate's figure at a step."""
    part = scope.part(step)
    if part is None or not step.measured_s:
        return Measured(step.users, 0, None, None)
    requests = part.succeeded.count if gate.metric == "latency" else part.requests
    value = _value(gate, part, step.measured_s)
    enough = gate.metric == "throughput" or requests >= min_requests
    return Measured(step.users, requests, value, keeps(gate, value) if value is not None and enough else None)


def keeps(gate: Gate, value: float) -> bool:
    """True within a gate's limit, and at it."""
    return value <= gate.max if gate.max is not None else value >= (gate.min or 0.0)


def bound(gate: Gate) -> float:
    """A gate's limit."""
    return gate.max if gate.max is not None else gate.min or 0.0


def worst(gate: Gate, found: Sequence[Measured]) -> Measured:
    """The step that decides: one where the gate was not kept, else one that is not known, else the closest one."""
    rank = {False: 0, None: 1, True: 2}
    sign = -1.0 if gate.max is not None else 1.0
    return min(found, key=lambda one: (rank[one.kept], sign * (one.value or 0.0)))


def _is_named(gate: Gate, module: str, route: str) -> bool:
    return gate.module in (None, module) and gate.route in (route, f"{module}:{route}")


def _value(gate: Gate, part: RouteStats, seconds: float) -> float | None:
    if gate.metric == "throughput":
        return part.succeeded.count / seconds
    if gate.metric == "error-share":
        return 100 * part.failed / part.requests if part.requests else None
    value: float | None = getattr(part.succeeded, f"{gate.statistic}_ms")
    return value
