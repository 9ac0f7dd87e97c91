"""Connections and slow queries while the load ran."""

from dataclasses import replace

import pytest

from tasks.check_result import CheckResult, Quantity, Status, Table, msg
from tasks.database.limits import DatabaseLimits
from tasks.load.facts import DatabaseWindow
from tasks.load.judge.database import judge_database
from tests.load_runs import AT, a_run, a_step, not_reached


def judged(*shares: float | None, configured: bool = True, unreached: bool = False) -> CheckResult:
    steps = [a_step(5 * (n + 1)) for n in range(len(shares))] + ([not_reached(90)] if unreached else [])
    window = a_run().database
    assert window is not None
    run = a_run(*steps, seeks_limit=True, database=replace(window, connections_percent=shares))
    return judge_database(run, configured=configured, limits=DatabaseLimits(), now=AT)


@pytest.mark.parametrize(("share", "status"), [(79.9, Status.PASS), (80.0, Status.PASS), (80.1, Status.WARN)])
def test_the_highest_step_is_judged(share: float, status: Status) -> None:
    result = judged(20.0, share)
    assert (result.status, result.observed) == (status, Quantity(share, "%"))


def test_what_could_not_be_read_is_unknown_unless_enough_was_seen() -> None:
    assert judged(20.0, None).status is Status.UNKNOWN
    assert judged(None, 90.0).status is Status.WARN
    assert judged(None).status is Status.UNKNOWN
    assert judged(20.0, unreached=True).status is Status.PASS
    assert (
        judge_database(a_run(database=None), configured=True, limits=DatabaseLimits(), now=AT).status is Status.UNKNOWN
    )
    assert judged(20.0, configured=False).status is Status.SKIPPED


def test_slow_queries_and_modules_stand_beside_it() -> None:
    titles = [piece.title.text for piece in judged(20.0).evidence]
    assert titles[1:] == ["Modules at the same steps", "Slowest queries of the test"]
    unknown = a_run(database=DatabaseWindow((20.0,), (), msg("pg_stat_statements is not installed"), None))
    table = judge_database(unknown, configured=True, limits=DatabaseLimits(), now=AT).evidence[-1]
    assert isinstance(table, Table) and table.rows == ((msg("pg_stat_statements is not installed"),),)
