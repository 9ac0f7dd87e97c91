"""The database of the tested environment while the load ran."""

from collections.abc import Iterator
from datetime import datetime

from tasks.bounds import Bound, Part, judge_worst
from tasks.check_result import CheckResult, Evidence, Status, Table, msg
from tasks.database.limits import DatabaseLimits
from tasks.load.checks import DATABASE
from tasks.load.facts import DatabaseWindow, LoadRun
from tasks.load.judge.tables import parts_table, rounded
from tasks.observation import printable
from tasks.personal import mask

_SUBJECT = "database"
_MOST_QUERY = 160
_MOST_STATEMENTS = 10


def judge_database(run: LoadRun, *, configured: bool, limits: DatabaseLimits, now: datetime) -> CheckResult:
    """The highest share of used connections at any step; UNKNOWN where a step has none."""
    if not configured:
        why = msg("[load] database is not set")
        return DATABASE.judged(Status.SKIPPED, _SUBJECT, why, at=now)
    window = run.database
    # Its database being full under load is what a test is to find: it warns, the service's answers decide.
    bound = Bound("%", msg("[database.limits] warn_connections_percent"), warn=limits.warn_connections_percent)
    if window is None:
        why = msg("The database could not be read during the test")
        return DATABASE.judged(Status.UNKNOWN, _SUBJECT, why, at=now, limit=bound.limit())
    evidence = tuple(_evidence(run, window))
    parts = [
        Part(round(share, 1), bound, msg("Highest share of used connections, with {users} users", users=step.users))
        for step, share in zip(run.steps, window.connections_percent, strict=False)
        if share is not None
    ]
    parts.sort(key=lambda part: -part.value)
    missing = sum(step.measured_s > 0 for step in run.steps) - len(parts)
    beyond = [part for part in parts if bound.status(part.value) is not Status.PASS]
    if (missing > 0 and not beyond) or not parts:
        why = msg(
            "Connections of {missing} of {all} steps could not be read", missing=max(missing, 0), all=len(run.steps)
        )
        return DATABASE.judged(Status.UNKNOWN, _SUBJECT, why, at=now, limit=bound.limit(), evidence=evidence)
    return judge_worst(DATABASE, parts, _SUBJECT, now, evidence)


def _evidence(run: LoadRun, window: DatabaseWindow) -> Iterator[Evidence]:
    shares = zip(run.steps, window.connections_percent, strict=False)
    rows = tuple((step.users, rounded(share), rounded(step.whole.succeeded.p95_ms)) for step, share in shares)
    columns = (msg("Users"), msg("Used connections (%)"), msg("p95 (ms)"))
    yield Table(msg("Connections beside the response time of each step"), columns, rows)
    yield parts_table(msg("Modules at the same steps"), run.steps)
    if window.no_statements is not None:
        yield Table(msg("Slowest queries of the test"), (msg("Reason"),), ((window.no_statements,),))
    elif window.statements:
        yield Table(
            msg("Slowest queries of the test"),
            (msg("Query"), msg("Calls"), msg("Mean (ms)"), msg("Total (s)")),
            tuple(
                (printable(mask(s.query), _MOST_QUERY), s.calls, round(s.mean_ms, 2), round(s.total_ms / 1000, 2))
                for s in window.statements[:_MOST_STATEMENTS]
            ),
        )
