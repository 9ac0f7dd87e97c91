"""The forms in which people record deploys, outages and maintenance windows."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flows.records import (
    DeployOptions,
    MaintenanceOptions,
    OutageOptions,
    record_deploy,
    record_maintenance,
    record_outage,
)
from tasks.records.facts import Deploy, DeployOutcome, Maintenance, Origin, Outage
from tasks.records.store.records import read_deploys, read_maintenance, read_outages

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

pytestmark = pytest.mark.usefixtures("prefect")
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
SPAN = (NOW - 48 * HOUR, NOW + 48 * HOUR)


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    """A service with one module."""
    return operate(guide='[[routes]]\npattern = "/items"\nmodule = "shopping"\n')


def send(flow: Any, shop: "Operated", options: Any) -> tuple[str, str]:
    """How a form's run ended, and its message."""
    state: Any = asyncio.run(flow(shop.name, options, return_state=True))
    return state.name, str(state.message)


def test_a_deploy_that_just_went_well_needs_a_version_and_a_name(shop: "Operated") -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    name, message = send(record_deploy, shop, DeployOptions(version="1.4.3", by="kim"))
    assert (name, message.startswith("recorded: deploy of 1.4.3 to production, succeeded, from ")) == ("Recorded", True)
    [deploy] = read_deploys(shop.history, shop.name, *SPAN)
    assert (deploy.version, deploy.environment, deploy.outcome) == ("1.4.3", "production", DeployOutcome.SUCCEEDED)
    assert deploy.origin is Origin.RECORDED and deploy.commit_at is None
    assert before <= deploy.started_at <= datetime.now(UTC) and deploy.ended_at == deploy.started_at
    assert shop.rows("SELECT recorded_by FROM deploys")[0][0] == "kim"


def test_every_field_of_a_deploy_is_kept(shop: "Operated") -> None:
    options = DeployOptions(
        version="1.4.3",
        by="kim",
        outcome=DeployOutcome.ROLLED_BACK,
        started_at=NOW - 2 * HOUR,
        ended_at=NOW - HOUR,
        commit_at=NOW - 5 * HOUR,
        environment="staging",
    )
    assert send(record_deploy, shop, options)[0] == "Recorded"
    deploy = Deploy(
        "1.4.3", "staging", NOW - 2 * HOUR, NOW - HOUR, DeployOutcome.ROLLED_BACK, Origin.RECORDED, NOW - 5 * HOUR
    )
    assert read_deploys(shop.history, shop.name, *SPAN) == (deploy,)
    assert send(record_deploy, shop, options)[1].startswith("already recorded: ")


def test_an_ongoing_outage_is_recorded_and_ended_later(shop: "Operated") -> None:
    local = (NOW - HOUR).astimezone(shop.settings.zone)
    begun = OutageOptions(started_at=local.replace(tzinfo=None), cause="no disk", by="kim", module="shopping")
    message = f"outage of shopping, ongoing, from {local:%Y-%m-%d %H:%M:%S} {shop.settings.zone.key}"
    assert send(record_outage, shop, begun) == ("Recorded", f"recorded: {message}")
    assert read_outages(shop.history, shop.name, *SPAN) == (Outage(NOW - HOUR, None, "shopping", "no disk"),)
    over = begun.model_copy(update={"ended_at": local.replace(tzinfo=None) + HOUR / 2, "cause": "the disk was full"})
    assert send(record_outage, shop, over)[1].startswith("corrected: outage of shopping, from ")
    over_now = Outage(NOW - HOUR, NOW - HOUR / 2, "shopping", "the disk was full")
    assert read_outages(shop.history, shop.name, *SPAN) == (over_now,)


def test_a_time_as_the_ui_sends_it_carries_its_offset(shop: "Operated") -> None:
    sent = {"started_at": (NOW - HOUR).strftime("%Y-%m-%dT%H:%M:%S.000Z"), "cause": "no disk", "by": "kim"}
    assert send(record_outage, shop, sent)[0] == "Recorded"
    assert read_outages(shop.history, shop.name, *SPAN) == (Outage(NOW - HOUR, None, None, "no disk"),)


def test_a_window_is_registered_before_it_starts_or_needs_a_late_reason(shop: "Operated") -> None:
    ahead = MaintenanceOptions(starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR, reason="new disks", by="kim")
    assert send(record_maintenance, shop, ahead)[0] == "Recorded"
    late = ahead.model_copy(update={"starts_at": NOW - HOUR, "module": "shopping"})
    name, message = send(record_maintenance, shop, late)
    assert name == "Failed" and "the window has already started" in message and "give a late reason" in message
    late = late.model_copy(update={"late_reason": "an emergency"})
    assert send(record_maintenance, shop, late)[0] == "Recorded"
    declared = shop.rows("SELECT recorded_at FROM maintenance_windows ORDER BY starts_at")
    assert len(declared) == 2
    second, first = read_maintenance(shop.history, shop.name, *SPAN)
    assert (first.starts_at, first.ends_at, first.module, first.reason, first.declared_by, first.late_reason) == (
        NOW + HOUR,
        NOW + 2 * HOUR,
        None,
        "new disks",
        "kim",
        "",
    )
    assert (second.module, second.late, second.late_reason) == ("shopping", True, "an emergency")
    assert isinstance(first, Maintenance) and not first.late


@pytest.mark.parametrize(
    ("flow", "options", "error"),
    [
        (
            record_deploy,
            DeployOptions(version="1", by="kim", started_at=NOW + HOUR),
            "record a deploy once it has started",
        ),
        (record_deploy, DeployOptions(version="1", by=" "), "the name of the recorder is missing"),
        (
            record_outage,
            OutageOptions(started_at=NOW, cause="no disk", by="kim", module="shoping"),
            "no module 'shoping' in the service file; known modules: shopping",
        ),
        (record_outage, OutageOptions(started_at=NOW.replace(year=1990), cause="x", by="kim"), "the year 1990"),
        (
            record_maintenance,
            MaintenanceOptions(starts_at=NOW + HOUR, ends_at=NOW, reason="new disks", by="kim"),
            "a maintenance window must end after it starts",
        ),
    ],
)
def test_an_impossible_record_fails_with_the_reason(shop: "Operated", flow: Any, options: Any, error: str) -> None:
    name, message = send(flow, shop, options)
    assert name == "Failed" and error in message
    tables = ("deploys", "outages", "maintenance_windows")
    assert [shop.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in tables] == [0, 0, 0]
