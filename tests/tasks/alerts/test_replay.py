"""A replay of a history and the same minutes lived through come to the same."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from tasks.alerts.facts import Episode
from tasks.alerts.judge.account import RuleAccount
from tasks.alerts.look.samples import minute_of
from tasks.alerts.replay import Replayed, replay
from tasks.history.engine import reading
from tasks.monitoring.collect import MISSING
from tasks.records.facts import Maintenance
from tasks.records.store.records import store_records
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.silences.facts import Silence
from tasks.silences.store.silences import add_silence
from tests.alerting import DOWN, UP, Alerting, Samples
from tests.deep import examples
from tests.operated import Operate

TEAM = """
[resources]
[[slo.objective]]
name = "uptime"
kind = "uptime"
target = 0.999
alerts = false
[[oncall.person]]
name = "yui"
mail = "yui@shop.example"
[[oncall.shift]]
people = ["yui"]
[alerts]
"""
BEGIN = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
Play = Callable[..., Alerting]


@pytest.fixture
def play(operate: Operate, history: Engine) -> Play:
    """A service whose history is one of each kind."""
    return lambda more="": Alerting(operate(more=TEAM + more).settings, history, BEGIN)


def replayed(alerting: Alerting, minutes: int, first: int = 0, **more: Any) -> Replayed:
    assert alerting.settings.alerts is not None
    begin = minute_of(alerting.at(first))
    return replay(alerting.history, alerting.settings, alerting.settings.alerts, begin, begin + minutes, **more)


def lived(episodes: tuple[Episode, ...]) -> list[Episode]:
    """Without what a replay cannot know: numbers of rows and of incidents."""
    return [replace(e, id=0, incident=None) for e in episodes if e.fired_at is not None]


def account(found: Replayed, check: str, sample: str) -> RuleAccount:
    return next(rule for rule in found.rules if (rule.check, rule.sample) == (check, sample))


def some_past(chance: random.Random, minutes: int) -> dict[int, Samples]:
    """States that last for a while, in minutes of which some have no sample."""
    figures = {
        ("probe.ready", "service"): (1.0, 1.0, 0.0, None),
        ("disk.used", "host/disk:/"): (50.0, 50.0, 84.0, 95.0, None),
        ("disk.used", "host/disk:/var"): (50.0, 50.0, 79.0, 95.0, None),
        ("memory.used", "host"): (50.0, 99.0, None),
        (MISSING, "service"): (0.0, 0.0, 1.0),
    }
    found: dict[int, Samples] = {minute: {} for minute in range(minutes)}
    for (name, subject), values in figures.items():
        cuts = sorted(chance.sample(range(1, minutes), minutes // chance.choice((4, 9, 30))))
        for first, end in pairwise((0, *cuts, minutes)):
            value = chance.choice(values)
            for minute in range(first, end):
                if value is not None:
                    found[minute].setdefault(name, {})[subject] = value
    for first in chance.sample(range(minutes), 2):
        for minute in range(first, min(first + chance.choice((1, 4, 12)), minutes)):
            found[minute] = {}
    return found


@pytest.mark.parametrize("seed", [3, pytest.param(2, marks=pytest.mark.deep)])
def test_a_replay_comes_to_what_was_lived_through(play: Play, seed: int) -> None:
    alerting = play('depends_on = { "host/disk:/" = ["service"] }\n')
    window = Maintenance(alerting.at(30), alerting.at(50), None, "new disks", alerting.at(-90), "ken")
    store_records(alerting.history, "shop", [window], "ken", alerting.at(-90))
    silence = Silence(0, "resources.*", "*", alerting.at(70), alerting.at(85), "known", "yui")
    add_silence(alerting.history, "shop", silence, alerting.at(-1))
    for minute, samples in some_past(random.Random(seed), 100).items():
        if samples:
            alerting.plays(minute, samples, sends=False)
    found = replayed(alerting, 100)
    assert lived(found.episodes) == lived(alerting.episodes())
    assert len(found.episodes) > 3
    with reading(alerting.history) as connection:
        messages = "SELECT count(*) FROM alert_notices"
        [told] = connection.execute(text(f"{messages} WHERE told <> 'resolved'")).one()
        [over] = connection.execute(text(f"{messages} WHERE told = 'resolved'")).one()
    assert (sum(sum(r.messages.values()) for r in found.rules), sum(r.ended for r in found.rules)) == (told, over)
    assert replayed(alerting, 100, every_rule=True) == found


def stores(alerting: Alerting, past: dict[int, Samples]) -> None:
    """Many minutes at once."""
    found = [
        (alerting.at(minute), Reading(name, subject, value, ""))
        for minute, samples in past.items()
        for name, of in samples.items()
        for subject, value in of.items()
    ]
    store_readings(alerting.history, "shop", found)


@pytest.fixture
def past(operate: Operate) -> Alerting:
    """A service whose past is stored without being lived through."""
    operated = operate(more=TEAM)
    return Alerting(operated.settings, operated.history, BEGIN)


@hypothesis_settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
def test_minutes_in_which_no_rule_has_anything_to_say_are_skipped_without_a_difference(
    past: Alerting, seed: int
) -> None:
    with past.history.begin() as connection:
        connection.execute(text("DELETE FROM samples"))
    stores(past, some_past(random.Random(seed), 200))
    # What was there before the first minute counts, and each end of a block.
    assert replayed(past, 170, 30) == replayed(past, 170, 30, every_rule=True)


def test_days_are_judged_as_one_stretch(past: Alerting) -> None:
    bad = range(1435, 1450)
    down = {minute: {MISSING: {"service": 0.0}, **(DOWN if minute in bad else UP)} for minute in range(1400, 1500)}
    stores(past, down)
    found = replayed(past, 3000)
    ready = account(found, "health.readiness", "probe.ready")
    assert (ready.fired, ready.open_min, ready.longest_min) == ({1: 0, 2: 0, 3: 1}, 15, 15)
    assert found.gaps == ((past.at(0), past.at(1400)), (past.at(1500), past.at(3000)))
    assert (found.minutes, found.gap_minutes) == (100, 2900)


def test_what_nobody_acknowledges_escalates_and_is_repeated(past: Alerting) -> None:
    ready = {minute: {**DOWN, "disk.used": {"host/disk:/": 50.0}} for minute in range(40)}
    stores(past, ready)
    found = account(replayed(past, 40), "health.readiness", "probe.ready")
    assert (found.messages, found.repeated, found.escalated, found.ended) == ({1: 0, 2: 0, 3: 4}, 3, 0, 0)
    stores(past, {minute: {**UP, "probe.ready.latency": {"service": 40_000.0}} for minute in range(60, 100)})
    slow = account(replayed(past, 40, 60), "health.latency", "probe.ready.latency")
    assert (slow.fired, slow.messages, slow.escalated) == ({1: 0, 2: 1, 3: 0}, {1: 0, 2: 1, 3: 3}, 1)


def test_what_flaps_stops_or_is_silenced_is_told_apart(past: Alerting) -> None:
    flaps = {minute: DOWN if minute % 6 < 3 else UP for minute in range(40)}
    stores(past, flaps)
    ready = account(replayed(past, 40), "health.readiness", "probe.ready")
    assert (ready.flapping, ready.subjects["service"]) == (1, sum(ready.fired.values()))
    add_silence(past.history, "shop", Silence(0, "health.*", "*", past.at(0), past.at(40), "known", "yui"), past.at(-1))
    silenced = account(replayed(past, 40), "health.readiness", "probe.ready")
    assert (sum(silenced.fired.values()), sum(silenced.messages.values())) == (0, 0)
    assert silenced.suppressed > 0 and silenced.suppressed_min == silenced.open_min > 0
    stores(past, {minute: {**UP, "memory.used": {"host": 50.0}} for minute in range(60, 65)})
    stores(past, dict.fromkeys(range(65, 80), UP))
    memory = account(replayed(past, 20, 60), "resources.memory", "memory.used")
    assert (memory.no_data, memory.series, sum(memory.messages.values())) == (1, 1, 1)
