"""The chain under two writers, killed writers and tampering."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import Engine, func, select

from tasks.canonical import canonical
from tasks.history.chain import START, ChainVerdict, link, sha256
from tasks.history.engine import reading
from tasks.history.runs import NewRun, RunKey, RunPlace, StoredRun, read_runs, record_run
from tasks.history.tables import check_results, evidence, runs

KEY = RunKey("kondate", "daily-checklist", "2026-11-24", "hand")
ARun = Callable[..., Callable[[RunPlace], NewRun]]
Verify = Callable[..., tuple[ChainVerdict, ...]]
Tamper = Callable[..., None]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def four(history: Engine, a_run: ARun) -> Iterator[list[StoredRun]]:
    """A chain of four runs, in their order."""
    yield [record_run(history, KEY, a_run(KEY)) for _ in range(4)]


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def problems(verdicts: tuple[ChainVerdict, ...]) -> list[str]:
    return [problem for verdict in verdicts for problem in verdict.problems]


def test_each_run_is_chained_to_the_one_before_it(four: list[StoredRun], verify: Verify) -> None:
    previous = START
    for number, run in enumerate(four, start=1):
        assert run.sequence == number
        assert run.digest == sha256(run.report)
        assert run.chained == link(previous, run.digest) == sha256(previous + run.digest)
        previous = run.chained
    assert verify() == (ChainVerdict("kondate", 4, previous, ()),)


def test_an_empty_database_has_no_chain_and_no_problem(verify: Verify) -> None:
    assert verify() == ()


def test_services_have_chains_of_their_own(history: Engine, a_run: ARun, verify: Verify) -> None:
    other = RunKey("aojiru", "daily-checklist", "2026-11-24", "hand")
    for key in (KEY, other, KEY, other, KEY):
        record_run(history, key, a_run(key))
    assert [(verdict.service, verdict.length, verdict.problems) for verdict in verify()] == [
        ("aojiru", 2, ()),
        ("kondate", 3, ()),
    ]
    assert [run.sequence for run in read_runs(history, "kondate", most=9)] == [3, 2, 1]


@pytest.mark.deep
def test_two_processes_lose_and_fork_nothing(history: Engine, start: Start, verify: Verify) -> None:
    writers = [start("record", "kondate", "150") for _ in range(2)]
    printed: list[str] = []
    for writer in writers:
        out, err = writer.communicate(timeout=600)
        assert err == ""
        printed += out.split()
    kept = read_runs(history, "kondate", most=999)
    assert len(set(printed)) == 300
    assert {run.chained for run in kept} == set(printed)
    assert [run.sequence for run in reversed(kept)] == list(range(1, 301))
    assert [run.revision for run in reversed(kept)] == list(range(1, 301))
    assert verify() == (ChainVerdict("kondate", 300, kept[0].chained, ()),)


@pytest.mark.deep
def test_a_chain_is_verified_while_runs_are_added(history: Engine, start: Start, verify: Verify) -> None:
    writer = start("record-for-ever", "kondate")
    line_of(writer)
    lengths: list[int] = []
    deadline = time.monotonic() + 60
    while len(lengths) < 15 or lengths[-1] == lengths[0]:
        assert time.monotonic() < deadline, lengths
        [verdict] = verify()
        assert verdict.problems == ()
        lengths.append(verdict.length)


def test_a_writer_killed_at_any_point_leaves_a_whole_chain(history: Engine, start: Start, verify: Verify) -> None:
    chance = random.Random(11)
    printed: list[str] = []
    writer = start("record-until-killed", "kondate")
    assert writer.stdin is not None
    for _ in range(10):
        writer.stdin.write("go\n")
        writer.stdin.flush()
        pid = int(line_of(writer))
        printed.append(line_of(writer))
        time.sleep(chance.uniform(0, 0.05))
        os.kill(pid, signal.SIGKILL)
        printed += iter(partial(line_of, writer), "-")
    kept = read_runs(history, "kondate", most=9999)
    [verdict] = verify()
    assert verdict == ChainVerdict("kondate", len(kept), kept[0].chained, ())
    assert set(printed) <= {run.chained for run in kept}, "a run that was printed is gone"
    assert len(printed) <= len(kept) <= len(printed) + 10
    with reading(history) as connection:
        for table in (check_results, evidence):  # two results a run, and two proofs
            counts = select(func.count()).select_from(table).group_by(table.c.run_id)
            assert connection.execute(counts).scalars().all() == [2] * len(kept)
        assert connection.execute(select(func.count()).select_from(runs)).scalar_one() == len(kept)


TAMPERED = {
    "report": ("UPDATE runs SET report = replace(report, '52.25', '12.25') WHERE sequence = 2", "report was changed"),
    "unreadable report": ("UPDATE runs SET report = 'gone' WHERE sequence = 2", "report was changed"),
    "report and digest": (None, "does not follow the run before it"),
    "verdict": ("UPDATE runs SET verdict = 'Passed' WHERE sequence = 2", "verdict or time differ"),
    "period": ("UPDATE runs SET period = '2026-11-23' WHERE sequence = 2", "flow, period"),
    "time": ("UPDATE runs SET finished_at = '2026-11-23 00:00:12.000000' WHERE sequence = 2", "verdict or time differ"),
    "status": ("UPDATE check_results SET status = 'PASS' WHERE run_id = 2 AND position = 0", "results or evidence"),
    "severity": ("UPDATE check_results SET severity = 1 WHERE run_id = 2 AND position = 0", "results or evidence"),
    "subject": ("UPDATE check_results SET subject = 'x' WHERE run_id = 2 AND position = 1", "results or evidence"),
    "observed at": (
        "UPDATE check_results SET observed_at = '2026-11-23 00:00:12.000000' WHERE run_id = 2",
        "results or evidence",
    ),
    "result": (
        "UPDATE check_results SET result = replace(result, '52.25', '12.25') WHERE run_id = 2 AND position = 0",
        "results or evidence",
    ),
    "no JSON in a result": ("UPDATE check_results SET result = 'gone' WHERE run_id = 2", "results or evidence"),
    "removed result": ("DELETE FROM check_results WHERE run_id = 2 AND position = 1", "results or evidence"),
    "evidence": ("UPDATE evidence SET content = replace(content, '52.25', '12.25') WHERE run_id = 2", "or evidence"),
    "no JSON in evidence": ("UPDATE evidence SET content = 'gone' WHERE run_id = 2", "results or evidence"),
    "removed evidence": ("DELETE FROM evidence WHERE run_id = 2 AND item = 1", "results or evidence"),
    "added evidence": ("INSERT INTO evidence VALUES (2, 7, 0, '{}')", "results or evidence"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_change_is_found_and_the_run_named(
    history: Engine, four: list[StoredRun], verify: Verify, tamper: Tamper, what: str
) -> None:
    statement, problem = TAMPERED[what]
    if statement is None:
        report = four[1].report.replace("52.25", "12.25")
        tamper(
            "UPDATE runs SET report = :report, digest = :digest WHERE sequence = 2",
            report=report,
            digest=sha256(report),
        )
    else:
        tamper(statement)
    found = problems(verify())
    assert problem in found[0]
    assert all(text.startswith("run 2 (daily-checklist ") for text in found)


@pytest.mark.parametrize("history_url", ["sqlite"], indirect=True)  # PostgreSQL keeps no text in a column of times
def test_what_cannot_be_read_is_a_problem(four: list[StoredRun], verify: Verify, tamper: Tamper) -> None:
    tamper("UPDATE runs SET finished_at = 'gone' WHERE sequence = 3")
    assert any("cannot be read" in problem for problem in problems(verify()))


def test_a_removed_run_is_found(four: list[StoredRun], verify: Verify, tamper: Tamper) -> None:
    tamper(*(f"DELETE FROM {table} WHERE {key} = 2" for table, key in ALL_OF_A_RUN))
    assert problems(verify()) == [
        "runs 2 to 2 are missing",
        "run 3 (daily-checklist 2026-11-24 r3): does not follow the run before it",
    ]


ALL_OF_A_RUN = (("evidence", "run_id"), ("check_results", "run_id"), ("runs", "id"))


def test_a_cut_tail_is_found_by_the_head(four: list[StoredRun], verify: Verify, tamper: Tamper) -> None:
    tamper(*(f"DELETE FROM {table} WHERE {key} > 2" for table, key in ALL_OF_A_RUN))
    assert problems(verify()) == ["the chain's head counts 4 runs, 2 are stored"]


def test_a_cut_tail_with_its_head_rewritten_is_found_by_the_anchor_alone(
    four: list[StoredRun], verify: Verify, tamper: Tamper
) -> None:
    tamper(*(f"DELETE FROM {table} WHERE {key} > 2" for table, key in ALL_OF_A_RUN))
    tamper("UPDATE services SET sequence = 2, chained = :chained", chained=four[1].chained)
    assert problems(verify()) == []
    assert problems(verify(four[1].chained)) == []
    [problem] = problems(verify(four[3].chained))
    assert problem.startswith(f"the hash {four[3].chained} stands in no chain: its run was removed")


def test_a_chain_written_anew_from_a_changed_report_is_found_by_the_anchor_alone(
    four: list[StoredRun], verify: Verify, tamper: Tamper
) -> None:
    previous = four[1].chained
    for run in four[2:]:
        data = json.loads(run.report)
        data["environment"] = "painted over"
        report = canonical(data)
        digest = sha256(report)
        previous = link(previous, digest)
        tamper(
            "UPDATE runs SET report = :report, digest = :digest, chained = :chained WHERE sequence = :sequence",
            **{"report": report, "digest": digest, "chained": previous, "sequence": run.sequence},
        )
    tamper("UPDATE services SET chained = :chained", chained=previous)
    assert problems(verify()) == []
    assert problems(verify(four[1].chained)) == []
    assert len(problems(verify(four[3].chained))) == 1


def test_an_anchor_of_another_database_is_found(four: list[StoredRun], verify: Verify) -> None:
    for run in four:
        assert problems(verify(run.chained)) == []
    [problem] = problems(verify(sha256("elsewhere")))
    assert "or it is of another database" in problem


def test_an_anchor_is_searched_in_every_chain(history: Engine, a_run: ARun, verify: Verify) -> None:
    other = RunKey("aojiru", "daily-checklist", "2026-11-24", "hand")
    anchors = [
        record_run(history, key, a_run(key, at=datetime(2026, 11, 24, tzinfo=UTC))).chained for key in (KEY, other)
    ]
    assert [problems(verify(anchor)) for anchor in anchors] == [[], []]
