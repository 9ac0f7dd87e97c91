"""Monitoring and outbox that are killed or race: no alert is lost or begun twice, no message doubled without a kill."""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from tests.fixtures.chat import Chat
from tests.holding import Holding
from tests.operated import Answer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from tests.operated import Operate, Operated, PostOffice, Site

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.deep]
PROGRAM = Path(__file__).with_name("holding_cycles.py")
RANDOM: Final = "at random"
PLACES: Final = ("before the commit", "after the commit", "before it is marked", "after it is marked", RANDOM)
KILLS: Final = (5, pytest.param(20, marks=pytest.mark.study))
ROUNDS: Final = (5, pytest.param(50, marks=pytest.mark.study))
MINUTE: Final = timedelta(minutes=1)
APART: Final = timedelta(minutes=30)
"""From one outage to the next: long enough for a new episode."""
HEALTH = '[health]\nlive = "/live"\nready = "/ready"\n'
ALERTS = """
[alerts]
levels = { warning = ["mail", "chat"], emergency = ["mail", "chat"] }
[[alerts.channel]]
name = "chat"
url = "%s"
per_minute = 600
[[alerts.rule]]
check = "health.readiness"
sample = "probe.ready"
subject = "service"
worse = "under"
emergency = 0
bad_minutes = 1
of_minutes = 1
good_minutes = 1
"""
ACTION = """action = "restart"
[[alerts.action]]
name = "restart"
dry_run = false
command = ['%s', '-c', '''%s''']
"""


@dataclass
class Kills:
    """Kills cycles and outbox flows of a service whose minutes a test plays."""

    shop: "Operated"
    holding: Holding
    minute: datetime
    chance: random.Random
    killed: list[str] = field(default_factory=list)
    slowest: float = 1.0

    def holds(self, at: datetime | None, place: str | None = None) -> bool:
        """A cycle, or the outbox flow, to its end; False if it was killed at a place, which it need not come to."""
        what = json.dumps({"at": None if at is None else at.isoformat(), "die": None if place == RANDOM else place})
        if place == RANDOM:
            said = self.holding.kill_after(self.chance.random() * self.slowest, what=what)
        else:
            self.holding.begin(what)
            said = self.holding.lines()
        if said:
            [done] = said
            self.slowest = float(done.removeprefix("done "))
            return True
        assert place is not None, "a process ended that nobody killed"
        self.killed.append(f"{'outbox' if at is None else 'cycle'} {place}")
        self.leases_end()
        return False

    def cycles(self, place: str) -> None:
        """Minutes until one was killed and the next one, at the same minute or later, came to its end."""
        while self.holds(self.minute, place):
            self.minute += MINUTE
        if place == "after the commit":  # what is committed waits to be sent
            self.holds(None, self.chance.choice([RANDOM, "before it is marked", "after it is marked"]))
        self.minute += self.chance.choice([timedelta(0), MINUTE])
        assert self.holds(self.minute)
        self.minute += MINUTE

    def leases_end(self) -> None:
        """Let the time pass in which nobody takes what a killed process had taken."""
        self.shop.rows("UPDATE outbox SET leased_until = due_at WHERE lease IS NOT NULL")


@pytest.fixture
def hold(prefect_api: str, tmp_path: Path) -> Iterator[Callable[["Operated"], Holding]]:
    with ExitStack() as stack:

        def start(shop: "Operated") -> Holding:
            holding = Holding(PROGRAM, shop.settings.path, prefect_api, tmp_path / "holding.log")
            stack.callback(holding.close)
            return holding

        yield start


@pytest.fixture
def shop(operate: "Operate", post: "PostOffice", chat: Chat, history_url: str, history: "Engine") -> "Operated":
    mail, alerts = f'smtp = "{post.url}"\n', ALERTS % chat.url("hook")
    return operate(mail=mail, health=HEALTH, history_url=history_url, more=alerts)


def begin() -> datetime:
    return datetime.now(UTC).replace(second=2, microsecond=0) - timedelta(hours=20)


def arrived(shop: "Operated", outages: int, post: "PostOffice", chat: Chat) -> Counter[str]:
    """How often each message arrived, once each outage is one episode of which everybody was told twice."""
    episodes = shop.rows("SELECT id, phase, step FROM alert_episodes WHERE check_id = 'health.readiness' ORDER BY id")
    assert [(e.phase, e.step) for e in episodes] == outages * [("resolved", 2)]
    told = shop.rows("SELECT episode_id, step, told FROM alert_notices WHERE level = 3 ORDER BY episode_id, step")
    expected = [(e.id, step, what) for e in episodes for step, what in ((1, "firing"), (2, "resolved"))]
    assert [(n.episode_id, n.step, n.told) for n in told] == expected
    assert len(shop.rows("SELECT id FROM incidents")) == 1, "it is opened again within a day"
    [notices] = shop.rows("SELECT count(*) AS number FROM alert_notices")
    messages = shop.messages()
    assert {state for *_, state in messages} == {"sent"}
    each = dict.fromkeys(("oncall@shop.example", "lead@shop.example", "chat"), notices.number)
    assert Counter(recipient for _, recipient, _ in messages) == each
    in_chat = Counter(chat.texts("hook"))
    assert (len(post.ids), len(in_chat)) == (2 * notices.number, notices.number)
    return post.ids + in_chat


@pytest.mark.parametrize("number", KILLS)
def test_kills_lose_no_alert_begin_none_twice_and_double_one_message_a_route_at_most(
    shop: "Operated", hold: Callable[["Operated"], Holding], site: "Site", post: "PostOffice", chat: Chat, number: int
) -> None:
    kills = Kills(shop, hold(shop), begin(), random.Random(20261127))
    assert kills.holds(kills.minute)
    outages = 0
    while len(kills.killed) < number:
        for answer, place in ((Answer(503), PLACES[outages % len(PLACES)]), (Answer(), kills.chance.choice(PLACES))):
            site.answers["/ready"] = answer
            kills.cycles(place)
        kills.minute += APART
        outages += 1
    assert kills.holds(None)
    found = arrived(shop, outages, post, chat)
    doubled = [times for times in found.values() if times > 1]
    for place, times in sorted(Counter(kills.killed).items()):
        print(f"{times:>3} kills: {place}")
    print(f"{outages} outages, {len(found)} messages, {found.total()} arrived, {len(doubled)} of them doubled")
    assert set(doubled) <= {2}
    routes = 2  # mail and the channel
    assert len(doubled) <= routes * sum(not place.endswith("the commit") for place in kills.killed)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_case_6_two_that_monitor_at_once_begin_one_episode_and_send_each_message_once(
    shop: "Operated", hold: Callable[["Operated"], Holding], site: "Site", post: "PostOffice", chat: Chat, rounds: int
) -> None:
    minute, two = begin(), (hold(shop), hold(shop))
    for number in range(rounds):
        site.answers["/ready"] = Answer(503 if number % 2 else 200)
        minute += APART if number % 2 else MINUTE
        for holding in two:
            holding.begin(json.dumps({"at": minute.isoformat(), "die": None}))
        for holding in two:
            [done] = holding.lines()
            assert done.startswith("done ")
    site.answers["/ready"] = Answer()
    two[0].begin(json.dumps({"at": (minute + MINUTE).isoformat(), "die": None}))
    two[0].lines()
    assert set(arrived(shop, rounds // 2, post, chat).values()) == {1}


def test_an_action_ends_with_the_killed_process_that_took_it_and_is_not_repeated(
    operate: "Operate",
    hold: Callable[["Operated"], Holding],
    site: "Site",
    post: "PostOffice",
    chat: Chat,
    tmp_path: Path,
) -> None:
    ran = tmp_path / "ran"
    script = f"import os, time; open('{ran}', 'a').write(str(os.getpid()) + '\\n'); time.sleep(60)"
    more = ALERTS % chat.url("hook") + ACTION % (sys.executable, script)
    shop = operate(mail=f'smtp = "{post.url}"\n', health=HEALTH, more=more)
    site.answers["/ready"] = Answer(503)
    kills = Kills(shop, hold(shop), begin(), random.Random(1))

    def started() -> bool:
        return ran.exists() and ran.read_text().endswith("\n")

    kills.holding.kill_after(0.0, started, json.dumps({"at": kills.minute.isoformat(), "die": None}))
    action = int(ran.read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(action) and psutil.Process(action).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for number in range(1, 5):
        assert kills.holds(kills.minute + number * MINUTE)
    assert [(row.state, row.effect) for row in shop.rows("SELECT * FROM alert_actions")] == [("lost", "none")]
    assert ran.read_text() == f"{action}\n"
