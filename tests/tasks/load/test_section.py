"""What the section makes of a measured test: comparable runs, the production peak, figures, notes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from tasks.check_result import Status
from tasks.history.engine import writing
from tasks.history.runs import RunKey
from tasks.load.facts import Ended, JudgedRun, LoadVerdict
from tasks.load.section import LOAD_TEST, headlines, judge_and_store, notes
from tasks.load.store.runs import read_runs, store_run
from tasks.logs.count.batch import Batch, MinuteTraffic
from tasks.logs.store.counts import open_source, store_batch
from tasks.round import Round
from tasks.settings import Settings
from tests.load_runs import AT, a_load, a_run, a_step

WEEK = timedelta(days=7)
STEPS = (a_step(5), a_step(10))
LOGS = {"source": [{"name": "app", "kind": "file", "paths": ["app.log"]}]}


def a_round(history: Engine, **changes: object) -> Round:
    settings = Settings.model_validate(
        {"service": {"name": "shop", "base_url": "http://127.0.0.1:1"}, "load": a_load().model_dump()} | changes
    )
    key = RunKey("shop", "load-test", "2026-11-22", "hand")
    return Round(key, settings, history, AT, AT + timedelta(hours=3), None, False, lambda: AT)


def past(history: Engine, weeks: int = 6, *, synthetic: bool = True) -> None:
    for week in range(1, weeks + 1):
        earlier = a_run(*STEPS, at=AT - week * WEEK, synthetic=synthetic)
        store_run(history, "shop", JudgedRun(earlier, LoadVerdict.PASS, 100.0))


def produce(history: Engine, days: int) -> None:
    """One minute a day with 1200 requests."""
    state = open_source(history, "shop", "app", synthetic=False)
    last = int(AT.timestamp()) // 60 - 1
    traffic = {
        ("shopping", "/lists", last - day * 24 * 60): MinuteTraffic(valid=1200, bad=0, timed=1200, within=[1200])
        for day in range(days)
    }
    store_batch(history, state, Batch(traffic=traffic), (200.0,), AT)


def test_a_test_is_judged_by_earlier_ones_and_the_production_peak(history: Engine) -> None:
    past(history)
    produce(history, 10)
    run = a_round(history, logs=LOGS)
    judgement, known = judge_and_store(run, a_load(), a_run(*STEPS))
    statuses = {result.check: result.status for result in judgement.results}
    assert statuses["load.regression"] is Status.PASS and statuses["load.capacity"] is Status.PASS
    assert {kpi.id: kpi.value for kpi in headlines(judgement, known)} == {
        f"load.{of}.baseline": value
        for of, value in (("held", 100.0), ("p95", 80.0), ("headroom", 5.0), ("errors", 0.0))
    }
    assert [note.params for note in notes(known, production=True)] == [{"number": 6, "all": 6}, {}]
    assert read_runs(history, "shop", AT)[0] == judgement.judged


@pytest.mark.parametrize(("days", "status"), [(0, Status.UNKNOWN), (6, Status.UNKNOWN), (7, Status.PASS)])
def test_too_little_traffic_in_the_logs_is_no_peak(history: Engine, days: int, status: Status) -> None:
    produce(history, days)
    judgement, _ = judge_and_store(a_round(history, logs=LOGS), a_load(), a_run(*STEPS))
    assert next(r.status for r in judgement.results if r.check == "load.capacity") is status


def test_without_a_log_there_is_no_headroom_to_judge(history: Engine) -> None:
    judgement, known = judge_and_store(a_round(history), a_load(), a_run(*STEPS))
    assert next(r.status for r in judgement.results if r.check == "load.capacity") is Status.SKIPPED
    assert notes(known, production=False) == ()


def test_an_invalid_test_is_stored_and_has_no_figures(history: Engine) -> None:
    judgement, known = judge_and_store(a_round(history), a_load(), replace(a_run(*STEPS), ended=Ended.ABORTED))
    assert {kpi.value for kpi in headlines(judgement, known)} == {None}
    assert read_runs(history, "shop", AT)[0].verdict is LoadVerdict.INVALID


def test_an_earlier_test_that_cannot_be_read_costs_no_report(history: Engine) -> None:
    past(history)
    with writing(history) as connection:
        connection.execute(text("UPDATE load_runs SET facts = '{}'"))
    judgement, _ = judge_and_store(a_round(history), a_load(), a_run(*STEPS))
    [result] = [r for r in judgement.results if r.check == "load.regression"]
    assert result.status is Status.UNKNOWN and "cannot be read" in str(result.reason.params["text"])
    assert judgement.judged.verdict is LoadVerdict.PASS


def test_without_load_it_is_absent(history: Engine) -> None:
    settings = a_round(history).settings
    assert LOAD_TEST.absent(settings) is None
    assert LOAD_TEST.absent(settings.model_copy(update={"load": None})) is not None
