"""`rounds alerts replay`: what pages most first, what is unknown by name, and nothing written."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from tasks.monitoring.collect import MISSING
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings

if TYPE_CHECKING:
    from tests.operated import Operate, Operated


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    return operate(more="[resources]\n[alerts]\n")


def replay(shop: "Operated", *more: str) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["alerts", "replay", "--service", str(shop.settings.path), *more]
    )
    return result.exit_code, result.stdout or result.stderr


def happened(shop: "Operated") -> None:
    """In the last day but its first hours: not ready for an hour, and a disk that is nearly full now and then."""
    now, found = datetime.now(UTC), []
    for ago in range(1, 20 * 60):
        at = now - timedelta(minutes=ago)
        found += [
            (at, Reading(MISSING, "service", 0.0, "")),
            (at, Reading("probe.ready", "service", float(not 600 < ago <= 660), "")),
            (at, Reading("disk.used", "host/disk:/[red]", 85.0 if ago % 400 < 10 else 50.0, "%")),
        ]
    store_readings(shop.history, "shop", found)


def test_without_samples_nothing_is_known(shop: "Operated") -> None:
    unknown = "what rules would have fired is unknown. Does monitoring run?\n"
    status, shown = replay(shop)
    assert status == 3 and shown.endswith(f"\nNo samples in the last 7 days: {unknown}")
    status, shown = replay(shop, "--days", "1", "--json")
    assert status == 3 and shown.endswith(f"\nNo samples in the last 1 day: {unknown}") and "replay of 1 day " in shown
    happened(shop)
    status, shown = replay(shop, "--days", "1", "--check", "resources.m*")
    assert status == 3 and shown.endswith(f"\nNo samples for resources.m* in the last 1 day: {unknown}")


def test_a_pattern_that_no_rule_matches_is_no_all_clear(shop: "Operated") -> None:
    happened(shop)
    status, shown = replay(shop, "--check", "resource.disk")
    assert status == 2 and "no rule is of a check that matches 'resource.disk'; checks with rules: " in shown
    assert ", resources.disk, " in shown


def test_without_alerts_there_is_nothing_to_replay(operate: "Operate") -> None:
    assert replay(operate())[0] == 2


def test_what_pages_most_stands_first_and_what_is_unknown_is_named(shop: "Operated") -> None:
    happened(shop)
    before = shop.rows("SELECT count(*) AS n FROM samples")[0].n
    status, shown = replay(shop, "--days", "1")
    print(shown)
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert status == 0
    assert lines[1].startswith("health.readiness probe.ready service 0/0/1 0/0/6 0 1 h 1 h repeated 5 times")
    assert lines[2].startswith("resources.disk disk.used host/disk:/[red] 3/0/0 3/0/0 0")
    assert "Would not have fired: schedule.monitoring (monitoring.missing)" in lines
    [unknown] = [line for line in lines if line.startswith("Unknown, no samples: ")]
    assert "resources.memory (memory.used)" in unknown
    assert lines[-1].startswith("1 day: 9 messages, 6 of level 3, 5 of them because nobody acknowledges in a replay")
    assert lines[-1].endswith("; 4.0 h without samples")
    assert shop.rows("SELECT count(*) AS n FROM samples")[0].n == before
    assert [shop.rows(f"SELECT * FROM {table}") for table in ("alert_episodes", "outbox", "incidents")] == [[], [], []]


def test_as_json_and_for_some_checks(shop: "Operated") -> None:
    happened(shop)
    status, shown = replay(shop, "--days", "1", "--check", "resources.d*", "--json")
    found = json.loads(shown)
    assert status == 0
    assert [(rule["check"], rule["messages"]) for rule in found["rules"] if rule["subjects"]] == [
        ("resources.disk", {"1": 3, "2": 0, "3": 0})
    ]
    assert len(found["episodes"]) == 3 and {e["condition"]["check"] for e in found["episodes"]} == {"resources.disk"}
