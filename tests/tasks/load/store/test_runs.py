"""Load tests in the history, on each kind of database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from tasks.check_result import msg
from tasks.history.engine import writing
from tasks.load.facts import Ended, JudgedRun, LoadRun, LoadVerdict
from tasks.load.store.runs import UnreadableLoadRun, last_capacity, last_run, read_runs, store_run
from tasks.secrets import _resolved, keep_secret
from tests.load_runs import AT, a_run, a_step, not_reached

WEEK = timedelta(days=7)


def kept(
    history: Engine, run: LoadRun, verdict: LoadVerdict = LoadVerdict.PASS, capacity: float | None = None
) -> JudgedRun:
    judged = JudgedRun(run, verdict, capacity)
    assert store_run(history, "shop", judged)
    return judged


def test_a_run_comes_back_as_it_was(history: Engine) -> None:
    problem = msg("Ended by signal {number}", number=15)
    run = a_run(
        a_step(5, planned=50.0, failed=3),
        not_reached(10),
        seeks_limit=True,
        ended=Ended.BROKEN,
        problem=problem,
        probe=None,
        generator=None,
        locust=None,
        database=None,
        environment_seen=(None, "production\u202e\x00"),
        refused=("elsewhere.example:80",),
    )
    for one in (kept(history, run, LoadVerdict.INVALID), kept(history, a_run(at=AT - WEEK), capacity=97.5)):
        assert one in read_runs(history, "shop", AT)


def test_newest_first_up_to_an_instant_of_one_service(history: Engine) -> None:
    runs = [kept(history, a_run(at=AT - n * WEEK)) for n in (2, 0, 1)]
    store_run(history, "bar", JudgedRun(a_run(), LoadVerdict.PASS, None))
    assert read_runs(history, "shop", AT) == (runs[1], runs[2], runs[0])
    assert read_runs(history, "shop", AT - timedelta(seconds=1), most=1) == (runs[2],)
    assert last_run(history, "shop", AT) == runs[1]
    assert last_run(history, "nobody", AT) is None


def test_a_run_is_kept_once(history: Engine) -> None:
    first = kept(history, a_run())
    assert not store_run(history, "shop", JudgedRun(a_run(), LoadVerdict.FAIL, None))
    assert read_runs(history, "shop", AT) == (first,)


def test_of_several_that_store_the_same_run_one_does(history: Engine) -> None:
    judged = JudgedRun(a_run(), LoadVerdict.PASS, None)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: store_run(history, "shop", judged), range(8))) == 1


def test_what_is_invalid_is_kept_and_is_not_the_last_valid_one(history: Engine) -> None:
    failed = kept(history, a_run(at=AT - WEEK), LoadVerdict.FAIL)
    held = kept(history, a_run(at=AT - 2 * WEEK), capacity=80.0)
    invalid = kept(history, a_run(), LoadVerdict.INVALID, 300.0)
    assert last_run(history, "shop", AT) == invalid
    assert last_run(history, "shop", AT, valid=True) == failed
    assert last_capacity(history, "shop", AT) == held


def test_comparable_runs_are_valid_and_alike(history: Engine) -> None:
    run = a_run()
    alike = [kept(history, a_run(at=AT - n * WEEK), v) for n, v in ((1, LoadVerdict.PASS), (2, LoadVerdict.FAIL))]
    kept(history, a_run(at=AT - 3 * WEEK), LoadVerdict.INVALID)
    for n, name in enumerate(("script", "environment", "profile", "data_set"), 4):
        kept(history, replace(a_run(at=AT - n * WEEK), **{name: "other"}))
    kept(history, run)
    assert read_runs(history, "shop", AT, like=run) == tuple(alike)


def test_no_secret_is_stored(history: Engine) -> None:
    keep_secret("hunter2hunter2")
    try:
        kept(history, a_run(problem=msg("{text}", text="password hunter2hunter2 refused")))
    finally:
        _resolved.clear()
    [judged] = read_runs(history, "shop", AT)
    assert judged.run.problem is not None and "hunter2" not in str(judged.run.problem.params)


@pytest.mark.parametrize("damage", ["'{}'", "'not JSON'", "replace(facts, '\"steps\"', '\"stairs\"')"])
def test_a_run_that_cannot_be_read_says_so(history: Engine, damage: str) -> None:
    kept(history, a_run())
    with writing(history) as connection:
        connection.execute(text(f"UPDATE load_runs SET facts = {damage}"))
    with pytest.raises(UnreadableLoadRun, match="load test of 2026-11-22 18:00 UTC: what is stored of it cannot be"):
        read_runs(history, "shop", AT)
