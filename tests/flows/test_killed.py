"""A round that is killed at any point leaves nothing half done, and the next one makes good."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from deployments.run import RunResult, run_now
from flows.daily_checklist import CHECKLIST
from flows.delivery import deliver
from flows.messages import archive_missing
from flows.options import DailyOptions
from flows.rounds import parse_report
from tasks.history.chain import verify_chains
from tasks.history.engine import reading

if TYPE_CHECKING:
    from tests.operated import Operate, Operated, PostOffice

PROGRAM = Path(__file__).with_name("holding.py")
KILLS = 12


class Holding:
    """A program that runs a round in a process of its own each time it is asked to."""

    def __init__(self, file: Path, prefect_api: str, log: Path) -> None:
        environment = {**os.environ, "PREFECT_API_URL": prefect_api}
        with log.open("ab") as errors:
            self.program = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                text=True,
            )

    def begin(self) -> int:
        """Let a process begin; its id."""
        assert self.program.stdin is not None
        self.program.stdin.write("go\n")
        self.program.stdin.flush()
        return int(self.line())

    def line(self) -> str:
        """The next line."""
        assert self.program.stdout is not None
        return self.program.stdout.readline().strip()

    def finish(self) -> float:
        """Let a process hold its round to the end; how long that took, in seconds."""
        self.begin()
        began = time.monotonic()
        assert (self.line(), self.line()) == ("done Passed", "ended")
        return time.monotonic() - began

    def kill_after(self, seconds: float, stored: Callable[[], bool] = lambda: True) -> None:
        """Let a process begin, and kill it, if need be some time after its run was stored."""
        process = psutil.Process(self.begin())
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and not stored():
            time.sleep(0.01)
        time.sleep(seconds)
        with suppress(psutil.NoSuchProcess):
            process.kill()
        while self.line() != "ended":
            pass

    def close(self) -> None:
        """End the program."""
        self.program.kill()
        self.program.communicate()


@pytest.fixture
def shop(operate: "Operate", post: "PostOffice") -> "Operated":
    return operate(mail=f'smtp = "{post.url}"\n')


@pytest.fixture
def holding(shop: "Operated", prefect_api: str, tmp_path: Path) -> Iterator[Holding]:
    holding = Holding(shop.settings.path, prefect_api, tmp_path / "holding.log")
    yield holding
    holding.close()


def hold(shop: "Operated") -> RunResult:
    return run_now(CHECKLIST, shop.settings, DailyOptions(mail=True), lambda _text: None)


def has_more_runs(shop: "Operated", before: int) -> bool:
    return len(shop.runs()) > before


def whole(shop: "Operated") -> bool:
    with reading(shop.history) as connection:
        return [verdict.problems for verdict in verify_chains(connection)] == [()]


def letters_of_runs(shop: "Operated") -> Counter[tuple[str, int]]:
    """How many messages there are of each period's revisions."""
    payloads = [json.loads(row.payload) for row in shop.rows("SELECT payload FROM outbox")]
    return Counter((payload["period"], payload["revision"]) for payload in payloads)


@pytest.mark.usefixtures("prefect")
@pytest.mark.deep  # tests of rounds up kill a run, too
def test_kills_lose_nothing_and_repeat_a_message_at_most_once(
    shop: "Operated", post: "PostOffice", holding: Holding
) -> None:
    duration = max(holding.finish() for _ in range(2))
    chance = random.Random(20261124)
    stored_by_killed = 0
    for kill in range(KILLS):
        before = len(shop.runs())
        if kill % 4 == 3:  # however fast or slow the machine has become
            holding.kill_after(chance.random() * duration / 4, partial(has_more_runs, shop, before))
        else:
            holding.kill_after(duration * (kill + chance.random()) / KILLS if kill else 0.0)
        after = len(shop.runs())
        assert after - before in (0, 1)
        stored_by_killed += after - before
        result = hold(shop)
        assert (result.state, result.exit_status, result.mail["sent"] >= 2) == ("Passed", 0, True)
        assert len(shop.runs()) == after + 1
        assert whole(shop)
        assert letters_of_runs(shop) == Counter({(run.period, run.revision): 2 for run in shop.runs()})
    assert 0 < stored_by_killed < KILLS  # before its run was stored, and after it

    shop.all_due()
    asyncio.run(deliver(shop.settings, shop.history, lambda _text: None))
    assert {state for *_, state in shop.messages()} == {"sent"}
    runs = shop.runs()
    assert len(post.ids) == 2 * len(runs)
    assert set(post.ids.values()) <= {1, 2}
    archive_missing(shop.settings, [parse_report(run) for run in runs])
    for run in runs:
        assert len(list(shop.folder(run).iterdir())) == 5
        assert json.loads((shop.folder(run) / "report.json").read_text())["seal"]["chained"] == run.chained
    assert whole(shop)
