"""Runs: revisions, one scheduled run a period, all or nothing, and rows that nobody changes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, func, select, text

from reports.report import from_text, to_data
from tasks.canonical import canonical
from tasks.check_result import CheckResult
from tasks.history.engine import HistoryError, metadata, reading, writing
from tasks.history.outbox import OutboxMessage
from tasks.history.runs import (
    AlreadyRecorded,
    NewRun,
    RunKey,
    RunPlace,
    is_scheduled_run_recorded,
    read_run,
    read_runs,
    record_run,
)
from tasks.history.tables import check_results, evidence, runs

AT = datetime(2026, 11, 24, 0, 0, 12, tzinfo=UTC)
SCHEDULED = RunKey("kondate", "daily-checklist", "2026-11-24", "schedule")
BY_HAND = RunKey("kondate", "daily-checklist", "2026-11-24", "hand")
OTHER_DAY = RunKey("kondate", "daily-checklist", "2026-11-25", "schedule")
OTHER_DAY_BY_HAND = RunKey("kondate", "daily-checklist", "2026-11-25", "hand")
Compose = Callable[[RunPlace], NewRun]
ARun = Callable[..., Compose]


def rows_in(history: Engine) -> dict[str, int]:
    """How many rows each table holds."""
    with reading(history) as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            if connection.dialect.has_table(connection, table.name)
        }


def test_revisions_are_counted_for_each_period_and_flow(history: Engine, a_run: ARun) -> None:
    weekly = RunKey("kondate", "weekly-checklist", "2026-11-24", "hand")
    stored = [record_run(history, key, a_run(key)) for key in (SCHEDULED, BY_HAND, BY_HAND, OTHER_DAY, weekly)]
    assert [(run.flow, run.period, run.revision, run.sequence) for run in stored] == [
        ("daily-checklist", "2026-11-24", 1, 1),
        ("daily-checklist", "2026-11-24", 2, 2),
        ("daily-checklist", "2026-11-24", 3, 3),
        ("daily-checklist", "2026-11-25", 1, 4),
        ("weekly-checklist", "2026-11-24", 1, 5),
    ]
    assert read_runs(history, "kondate", most=2) == (stored[4], stored[3])
    assert read_run(history, "kondate", "daily-checklist", "2026-11-24", 2) == stored[1]
    assert read_run(history, "kondate", "daily-checklist", "2026-11-24", 4) is None
    assert read_run(history, "another", "daily-checklist", "2026-11-24", 1) is None


def test_a_run_knows_the_runs_it_is_compared_with(history: Engine, a_run: ARun) -> None:
    places: list[RunPlace] = []

    def recorded(key: RunKey) -> None:
        def compose(place: RunPlace) -> NewRun:
            places.append(place)
            return a_run(key)(place)

        record_run(history, key, compose)

    earlier = RunKey("kondate", "daily-checklist", "2026-11-23", "hand")
    for key in (SCHEDULED, OTHER_DAY, BY_HAND, earlier, OTHER_DAY_BY_HAND):
        recorded(key)
    _, _, _, second, first = read_runs(history, "kondate", most=9)
    assert places == [
        RunPlace(1, None, None),
        RunPlace(1, None, first),
        RunPlace(2, first, first),  # not the day after it
        RunPlace(1, None, None),  # a day caught up with is no later day's past
        RunPlace(2, second, second),
    ]


def test_a_second_scheduled_run_is_refused_and_a_hand_run_beside_it_is_not(history: Engine, a_run: ARun) -> None:
    record_run(history, BY_HAND, a_run(BY_HAND))
    assert not is_scheduled_run_recorded(history, SCHEDULED)
    record_run(history, SCHEDULED, a_run(SCHEDULED))
    assert is_scheduled_run_recorded(history, SCHEDULED)
    assert not is_scheduled_run_recorded(history, OTHER_DAY)
    with pytest.raises(AlreadyRecorded, match="daily-checklist 2026-11-24"):
        record_run(history, SCHEDULED, a_run(SCHEDULED))
    assert record_run(history, BY_HAND, a_run(BY_HAND)).revision == 3


def test_the_database_itself_refuses_a_second_scheduled_run(history: Engine, a_run: ARun) -> None:
    record_run(history, SCHEDULED, a_run(SCHEDULED))
    again = (
        "INSERT INTO runs (service_id, flow, period, revision, trigger, verdict, finished_at, sequence, report, digest,"
        " chained) SELECT service_id, flow, period, 2, trigger, verdict, finished_at, 2, report, digest, chained"
        " FROM runs"
    )
    with pytest.raises(HistoryError, match=r"(?i)unique"), writing(history) as connection:
        connection.execute(text(again))


def test_a_run_that_cannot_be_composed_leaves_nothing(history: Engine, a_run: ARun) -> None:
    def broken(place: RunPlace) -> NewRun:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record_run(history, SCHEDULED, broken)
    assert set(rows_in(history).values()) == {0}
    assert record_run(history, SCHEDULED, a_run(SCHEDULED)).sequence == 1


def test_a_run_that_fails_while_it_is_stored_leaves_nothing(
    history: Engine, a_run: ARun, a_message: Callable[..., OutboxMessage]
) -> None:
    record_run(history, SCHEDULED, a_run(SCHEDULED))
    before = rows_in(history)

    def without_severity(place: RunPlace) -> NewRun:
        new = a_run(OTHER_DAY, messages=[a_message("one")])(place)
        return NewRun(new.verdict, AT, new.report, [*new.results, {**new.results[0], "severity": None}], new.messages)

    with pytest.raises(HistoryError):
        record_run(history, OTHER_DAY, without_severity)
    assert rows_in(history) == before


def test_rows_equal_the_report(
    history: Engine, a_run: ARun, two_results: Callable[..., tuple[CheckResult, ...]]
) -> None:
    stored = record_run(history, SCHEDULED, a_run(SCHEDULED))
    report = from_text(stored.report)
    assert report.results == two_results()
    results = json.loads(stored.report)["results"]
    with reading(history) as connection:
        run = connection.execute(select(runs)).one()
        slow, silent = connection.execute(select(check_results).order_by(check_results.c.position)).all()
        proofs = connection.execute(select(evidence).order_by(evidence.c.position, evidence.c.item)).all()
    assert (run.flow, run.period, run.revision) == ("daily-checklist", "2026-11-24", 1)
    assert (run.trigger, run.verdict, run.finished_at) == ("schedule", "ChecksFailed", AT)
    assert run.report == canonical(to_data(report))
    assert slow[:6] == (run.id, 0, "health.latency", "module:注文", "FAIL", 2)
    assert silent[:6] == (run.id, 1, "health.readiness", "host:/var", "UNKNOWN", 3)
    assert slow.observed_at == silent.observed_at == AT
    assert [proof[:3] for proof in proofs] == [(run.id, 0, 0), (run.id, 0, 1)]
    contents = [json.loads(proof.content) for proof in proofs]
    assert {**json.loads(slow.result), "evidence": contents} == results[0]
    assert {**json.loads(silent.result), "evidence": []} == results[1]
    assert contents[1]["text"] == "Traceback\n\x00 小麦粉 'x' \\ \"y\""


def test_a_subject_from_outside_may_hold_anything(
    history: Engine, a_run: ARun, two_results: Callable[..., tuple[CheckResult, ...]]
) -> None:
    subject = "module:\x00'; DROP TABLE runs; --\U0001f363\u202e\n" + "長" * 5000
    stored = record_run(history, SCHEDULED, a_run(SCHEDULED, two_results(subject=subject)))
    assert from_text(stored.report).results[0].subject == subject
    with reading(history) as connection:
        kept = connection.execute(select(check_results.c.subject).where(check_results.c.position == 0)).scalar_one()
    assert kept == subject.replace("\x00", "\ufffd")


def test_a_run_without_results_is_stored(history: Engine, a_run: ARun) -> None:
    record_run(history, SCHEDULED, a_run(SCHEDULED, ()))
    counts = rows_in(history)
    assert (counts["runs"], counts["check_results"], counts["evidence"]) == (1, 0, 0)


@pytest.mark.parametrize("table", ["runs", "check_results", "evidence"])
def test_what_was_found_is_append_only(history: Engine, a_run: ARun, table: str) -> None:
    record_run(history, SCHEDULED, a_run(SCHEDULED))
    column = "flow" if table == "runs" else "position"
    statements = [f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"]
    if history.dialect.name == "postgresql":
        statements.append(f"TRUNCATE {table} CASCADE")
    before = rows_in(history)
    for statement in statements:
        with pytest.raises(HistoryError, match="is append-only"), writing(history) as connection:
            connection.execute(text(statement))
    assert rows_in(history) == before
