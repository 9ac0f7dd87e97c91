"""Why a load test says nothing of the service: everything that makes its figures meaningless."""

from collections.abc import Iterator, Sequence

from tasks.check_result import Message, msg
from tasks.load.analysis.gates import scopes_of, steps_of
from tasks.load.analysis.held import achieved_percent, sent_percent
from tasks.load.facts import Ended, LoadRun
from tasks.load.limits import LoadLimits
from tasks.load.settings import Gate, Load
from tasks.observation import printable
from tasks.personal import mask

_MOST_NAMES = 20


def invalid_reasons(run: LoadRun, load: Load) -> tuple[Message, ...]:
    """Every reason for which a load test is invalid; none for a valid one."""
    limits = load.limits
    return (
        *_ended(run),
        *answer_reasons(run),
        *environment_reasons(run, asked=load.identity is not None),
        *generator_reasons(run, limits),
        *achieved_reasons(run, limits),
        *(reason for gate in load.gate for reason in _names_nothing(gate, run)),
    )


def _ended(run: LoadRun) -> Iterator[Message]:
    if run.ended is Ended.FINISHED and run.problem is not None:
        yield run.problem
    elif run.ended not in (Ended.FINISHED, Ended.LIMIT):
        aborted = run.ended is Ended.ABORTED
        yield run.problem or (msg("The test was ended early") if aborted else msg("The load generator did not finish"))


def answer_reasons(run: LoadRun) -> Iterator[Message]:
    """Reasons of the answers: none without an error, or from hosts that load must not go to."""
    if run.whole.requests and not run.whole.per_second:
        kind = max(run.failures, key=lambda kind: kind.count, default=None)
        why = "–" if kind is None else f"{shown(kind.route)} {shown(kind.cause)}"
        yield msg("The users of the Locust files failed before they sent a request: {why}", why=why)
    elif run.whole.requests and not run.whole.succeeded.count:
        yield msg("The service answered none of {number} requests without an error", number=run.whole.requests)
    if run.refused:
        hosts = ", ".join(shown(host) for host in run.refused[:_MOST_NAMES])
        yield msg("Requests to hosts that are not in [load] hosts were refused: {hosts}", hosts=hosts)


def environment_reasons(run: LoadRun, *, asked: bool) -> Iterator[Message]:
    """Reasons of the environment that answered: another one than was meant, or not known though it was asked for."""
    seen = {name for name in run.environment_seen if name is not None}
    if asked and None in run.environment_seen:
        yield msg("The service did not say which environment it is, before and after the test")
    for name in sorted(seen - {run.environment}):
        yield msg("The service says that it is {seen}, not {meant}", seen=shown(name), meant=run.environment)


def generator_reasons(run: LoadRun, limits: LoadLimits) -> Iterator[Message]:
    """Reasons of the load generator: too busy to measure correctly, or that is not known."""
    if run.generator is None:
        yield msg("How busy the load generator was is not known")
        return
    cpu, lag = run.generator.cpu_percent, run.generator.lag_ms
    if cpu is None:
        yield msg("The load generator's CPU time could not be measured")
    elif cpu > limits.max_generator_percent:
        yield msg("The load generator needed {percent} % of a CPU: it measured its own delay", percent=round(cpu, 1))
    if lag is None:
        yield msg("The delay of the load generator's timers could not be measured")
    elif lag > limits.max_lag_ms:
        yield msg("The load generator's timers were {ms} ms late (p99)", ms=round(lag, 1))


def achieved_reasons(run: LoadRun, limits: LoadLimits) -> Iterator[Message]:
    """Reasons of the load: not reached, or of too few requests."""
    if run.whole.requests < limits.min_requests:
        yield msg("Only {number} requests ({needed} needed)", number=run.whole.requests, needed=limits.min_requests)
    # What seeks the limit may fail to reach any step but the first.
    for step in run.steps[:1] if run.seeks_limit else run.steps:
        share = achieved_percent(step)
        if not step.measured_s:
            yield msg("The step of {users} users was not reached", users=step.users)
        elif share is not None and share < limits.min_achieved_percent:
            yield msg("{users} users: only {percent} % of the planned load", users=step.users, percent=round(share, 1))
    if not run.steps:
        yield msg("No step was measured")
    yield from _probe_reasons(run, limits)


def _probe_reasons(run: LoadRun, limits: LoadLimits) -> Iterator[Message]:
    share = None if run.probe is None else sent_percent(run.probe)
    if run.probe is None or share is None or not run.probe.latency.count:
        yield msg("The open-loop probe measured nothing")
    elif share < limits.min_achieved_percent:
        yield msg("The open-loop probe sent only {percent} % of its requests in time", percent=round(share, 1))


def _names_nothing(gate: Gate, run: LoadRun) -> Iterator[Message]:
    if run.whole.requests and steps_of(gate, run) and not scopes_of(gate, run):
        name = gate.route if gate.route is not None else gate.module
        there = [f"{r.module}:{r.route}" if gate.route is not None else r.module for r in run.routes]
        names = _listed(list(dict.fromkeys(there)))
        yield msg("No request is named {name}, which a gate asks for; there were: {names}", name=name, names=names)


def _listed(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _MOST_NAMES else ""
    return ", ".join(shown(name) for name in names[:_MOST_NAMES]) + more or "–"


def shown(name: str) -> str:
    """A name from outside as it may stand in a report."""
    return printable(mask(name), 100)
