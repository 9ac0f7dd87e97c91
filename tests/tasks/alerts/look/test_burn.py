"""Burn rates as alerts, from lines of a log: they begin, end, and never end because nothing is known."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

import pytest

from tasks.alerts.facts import Episode, Phase, Said, Signal
from tasks.alerts.look.burn import _signal
from tasks.logs.ingest import read_log
from tasks.settings import load_settings
from tasks.slo.budget.burn import BurnState, BurnVerdict
from tasks.slo.settings import BurnRule, Uptime
from tasks.slo.sli.minutes import Tally
from tasks.slo.windows import at_minute
from tests.alerting import UP, Alerting
from tests.operated import Operate, PostOffice

SERVICE = """
[[logs.source]]
name = "app"
kind = "file"
paths = ["app.log"]
[slo.alerts]
min_valid = 100
min_bad = 5
burn = [{ budget_share = 0.02, long_h = 1, level = "page" }]
%s
[[oncall.person]]
name = "yui"
mail = "yui@shop.example"
[[oncall.shift]]
people = ["yui"]
[alerts]
"""
OBJECTIVE = """
[[slo.objective]]
name = "availability"
kind = "availability"
target = 0.999
"""
OTHER = OBJECTIVE.replace("availability", "latency", 2).replace("target", "within_ms = 200\ntarget")
Play = Callable[..., Alerting]


@pytest.fixture
def play(operate: Operate, post: PostOffice) -> Play:
    def write(bad: Iterable[int], a_minute: int = 4) -> Alerting:
        more = SERVICE % (OBJECTIVE + OTHER)
        operated = operate(mail=f'smtp = "{post.url}"\n', locales='["en"]', more=more)
        alerting, failed = Alerting(operated.settings, operated.history), set(bad)
        lines = [
            json.dumps(
                {
                    "timestamp": (alerting.at(minute) + n * timedelta(seconds=50 / a_minute)).isoformat(),
                    "level": "info",
                    "method": "GET",
                    "url": "/items",
                    "status": 503 if minute in failed else 200,
                    "duration": 20,
                }
            )
            for minute in range(-90, 40)
            for n in range(a_minute)
        ]
        operated.settings.path.with_name("app.log").write_text("\n".join(lines) + "\n")
        return alerting

    return write


def reads(alerting: Alerting, until: float = 40) -> None:
    for source in alerting.settings.logs.source:
        read_log(alerting.history, alerting.settings, source, alerting.at(until), 60)


def burning(alerting: Alerting) -> list[Episode]:
    return [e for e in alerting.episodes() if e.condition.check == "slo.burn-rate"]


def phases(alerting: Alerting) -> list[Phase]:
    return [e.phase for e in burning(alerting)]


def test_a_burst_of_errors_calls_who_is_on_call_and_ends_after_the_short_window(play: Play, post: PostOffice) -> None:
    alerting = play(bad=range(5, 10))
    reads(alerting)
    alerting.plays(4)
    assert (phases(alerting), post.kept) == ([], [])
    alerting.plays(9)
    [episode] = burning(alerting)
    assert (episode.phase, int(episode.level), episode.condition.subject) == (
        Phase.FIRING,
        2,
        "objective:availability",
    )
    [(to, mail)] = post.kept
    assert (to, mail["Subject"]) == ("yui@shop.example", "[Warning] shop: Burn rate – objective:availability")
    alerting.plays(13)
    assert phases(alerting) == [Phase.FIRING], "the last five minutes still burn"
    alerting.plays(16)
    assert phases(alerting) == [Phase.RESOLVED]
    assert str(post.kept[-1][1]["Subject"]).startswith("[Resolved] shop: Burn rate")


def test_too_little_traffic_begins_no_alert(play: Play) -> None:
    alerting = play(bad=range(5, 10), a_minute=1)
    reads(alerting)
    for minute in (8, 9, 10):
        alerting.plays(minute, sends=False)
    assert phases(alerting) == []


def test_too_little_traffic_ends_no_alert(play: Play) -> None:
    alerting = play(bad=range(5, 10))
    reads(alerting)
    alerting.plays(9, sends=False)
    assert phases(alerting) == [Phase.FIRING]
    text = alerting.settings.path.read_text().replace("min_valid = 100", "min_valid = 100000")
    alerting.settings.path.write_text(text)
    alerting.settings = load_settings(alerting.settings.path)
    alerting.plays(16, sends=False)
    assert phases(alerting) == [Phase.FIRING]


def verdict(state: BurnState, rate: float | None) -> BurnVerdict:
    rule, nothing = BurnRule(budget_share=0.02, long_h=1, level="page"), Tally(0, 0, 60, 60)
    return BurnVerdict(rule, 14.4, nothing, nothing, rate, rate, state)


def test_where_errors_ended_the_traffic_a_longer_window_that_is_quiet_ends_no_alert() -> None:
    few = verdict(BurnState.TOO_LITTLE, 500.0)
    quiet = [verdict(BurnState.QUIET, 0.5)]
    unknown, little = verdict(BurnState.TOO_LITTLE, None), verdict(BurnState.TOO_LITTLE, 0.1)
    said = [signal_of([first, *quiet]).said for first in (few, unknown, little)]
    assert said == [Said.BETWEEN, Said.BETWEEN, Said.GOOD]


def test_a_verdict_that_still_holds_is_as_old_as_its_question() -> None:
    burning = signal_of([verdict(BurnState.ALERT, 500.0), verdict(BurnState.QUIET, 0.5)], asked=928)
    assert (burning.at, burning.bad_at) == (at_minute(1000), at_minute(928))


def signal_of(verdicts: Sequence[BurnVerdict], asked: int = 1000) -> Signal:
    uptime = Uptime(name="uptime", kind="uptime", target=0.9995)
    return _signal(uptime, [(asked, found) for found in verdicts], 1000, whole=True)


def test_a_log_that_is_not_read_any_more_ends_nothing(play: Play) -> None:
    alerting = play(bad=range(5, 10))
    reads(alerting, until=10)
    alerting.plays(9, sends=False)
    assert phases(alerting) == [Phase.FIRING]
    with alerting.history.begin() as connection:
        # What was counted after minute ten is not there: nobody has read the log since.
        last = int(alerting.at(10).timestamp()) // 60
        connection.exec_driver_sql(f"DELETE FROM traffic_minutes WHERE minute > {last}")
        connection.exec_driver_sql(f"UPDATE log_sources SET newest_minute = {last}")
    for minute in (16, 25, 39):
        alerting.plays(minute, sends=False)
        assert phases(alerting) == [Phase.FIRING], minute


@pytest.mark.parametrize("change", ["removed", "quiet"])
def test_an_objective_that_is_no_longer_watched_ends_as_such(play: Play, change: str) -> None:
    alerting = play(bad=range(5, 10))
    reads(alerting)
    alerting.plays(9, UP, sends=False)
    text = alerting.settings.path.read_text()
    changed = text.replace(OBJECTIVE, "" if change == "removed" else f"{OBJECTIVE}alerts = false\n")
    assert changed != text
    alerting.settings.path.write_text(changed)
    alerting.settings = load_settings(alerting.settings.path)
    alerting.plays(10, sends=False)
    [episode] = burning(alerting)
    assert (episode.phase, episode.reason.text) == (Phase.RESOLVED, "This is no longer monitored")
