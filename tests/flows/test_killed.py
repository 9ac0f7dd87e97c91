"""A round that is killed at any point leaves nothing half done, and the next one makes good."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.run import RunResult, run_now
from flows.daily_checklist import CHECKLIST
from flows.delivery import deliver
from flows.messages import archive_missing
from flows.options import DailyOptions
from flows.rounds import parse_report
from tasks.history.chain import verify_chains
from tasks.history.engine import reading
from tests.holding import Holding

if TYPE_CHECKING:
    from tests.operated import Operate, Operated, PostOffice

PROGRAM = Path(__file__).with_name("holding.py")
KILLS = 8


@pytest.fixture
def shop(operate: "Operate", post: "PostOffice") -> "Operated":
    return operate(mail=f'smtp = "{post.url}"\n')


@pytest.fixture
def holding(shop: "Operated", prefect_api: str, tmp_path: Path) -> Iterator[Holding]:
    holding = Holding(PROGRAM, shop.settings.path, prefect_api, tmp_path / "holding.log")
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
