"""Rounds that are not on record: which they are, and how the next report names them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.states import Crashed

from deployments.schedules import deployments_of
from flows.catalogue import CHECKLISTS
from flows.missed import missed_rounds
from reports.words import Words
from tasks.periods import Period, parse_period
from tasks.records.facts import Maintenance
from tasks.records.store.records import store_records
from tasks.schedule.planned import is_planned_on, starts_on

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

TOKYO = ZoneInfo("Asia/Tokyo")


def missed(flow: str, now: str, recorded: Mapping[str, datetime | None]) -> list[str]:
    """The periods that a flow's schedule has missed before a round."""
    checklist = CHECKLISTS[flow]
    return [m.period for m in missed_rounds(checklist.schedule, checklist.form(), period(now), recorded, TOKYO)]


def over(*keys: str) -> dict[str, datetime]:
    """Rounds of these periods, run well after the end of each."""
    return {key: period(key).end + timedelta(days=1) for key in keys}


def period(key: str, zone: ZoneInfo = TOKYO) -> Period:
    return parse_period(key, zone)


@pytest.mark.parametrize(
    ("flow", "now", "recorded", "expected"),
    [
        ("daily-checklist", "2026-11-24", set(), []),
        ("daily-checklist", "2026-11-24", {"2026-11-23"}, []),
        ("daily-checklist", "2026-11-24", {"2026-11-20", "2026-11-24"}, ["2026-11-21", "2026-11-22", "2026-11-23"]),
        ("daily-checklist", "2026-11-24", {"2026-11-20", "2026-11-22"}, ["2026-11-23"]),
        ("daily-checklist", "2026-11-22", {"2026-11-20", "2026-11-24"}, ["2026-11-21"]),
        ("daily-checklist", "2026-11-20", {"2026-11-24"}, []),
        ("weekly-checklist", "2026-W48", {"2026-W47"}, []),
        ("weekly-checklist", "2027-W01", {"2026-W51"}, ["2026-W52", "2026-W53"]),
        ("monthly-checklist", "2027-02", {"2026-11"}, ["2026-12", "2027-01"]),
        ("monthly-checklist", "2026-12", {"2026-11"}, []),
        # A load test is for the Sunday on which it is planned; one by hand on another day misses none.
        ("load-test", "2026-11-24", {"2026-11-22"}, []),
        ("load-test", "2026-11-24", {"2026-11-08"}, ["2026-11-15", "2026-11-22"]),
        # An SLO report for a month is by hand: the schedule's are weeks.
        ("slo-report", "2026-11", {"2026-09", "2026-W40"}, []),
        ("slo-report", "2026-W48", {"2026-10", "2026-W46"}, ["2026-W47"]),
    ],
)
def test_a_period_is_missed_between_the_last_one_on_record_and_this_one(
    flow: str, now: str, recorded: set[str], expected: list[str]
) -> None:
    assert missed(flow, now, over(*recorded)) == expected


def test_a_run_that_ended_before_its_round_was_planned_is_not_that_round() -> None:
    tuesday = datetime(2026, 11, 24, 3, tzinfo=UTC)
    recorded = {**over("2026-W47"), "2026-W48": tuesday}
    assert missed("weekly-checklist", "2026-W49", recorded) == ["2026-W48"]
    assert missed("weekly-checklist", "2026-W49", {"2026-W48": tuesday}) == []
    assert missed("weekly-checklist", "2026-W49", {**recorded, "2026-W48": None}) == [], "its schedule began it"
    monday = datetime(2026, 11, 30, 0, 10, tzinfo=UTC)
    assert missed("weekly-checklist", "2026-W49", {**recorded, "2026-W48": monday}) == []
    ran = datetime(2026, 11, 23, 0, 10, tzinfo=UTC)  # on the day itself, as it is planned
    assert missed("daily-checklist", "2026-11-24", {"2026-11-23": ran}) == []


def test_a_round_is_planned_by_the_clock_of_its_zone() -> None:
    zone, checklist = ZoneInfo("Europe/Berlin"), CHECKLISTS["daily-checklist"]
    found = missed_rounds(checklist.schedule, checklist.form(), period("2026-03-30", zone), over("2026-03-27"), zone)
    assert [(m.period, m.planned_at) for m in found] == [
        ("2026-03-28", datetime(2026, 3, 28, 8, tzinfo=UTC)),
        ("2026-03-29", datetime(2026, 3, 29, 7, tzinfo=UTC)),
    ]


@pytest.mark.parametrize("checklist", CHECKLISTS.values(), ids=CHECKLISTS)
def test_every_schedule_is_of_a_form_that_is_read(checklist: Any) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(31)]
    assert [
        starts_on(checklist.schedule.cron, day, TOKYO) for day in days if is_planned_on(checklist.schedule.cron, day)
    ]


def notes(shop: "Operated", locale: str) -> str:
    """What the newest report says beside its results."""
    words = Words(locale, shop.settings.service.timezone)
    return "\n".join(words.say(note) for note in shop.report().notes)


@pytest.mark.usefixtures("prefect")
def test_the_next_report_names_them_with_what_is_known_of_them(operate: "Operate", prefect: SyncPrefectClient) -> None:
    shop = operate()
    today = datetime.now(shop.settings.zone).date()
    ago = [today - timedelta(days=n) for n in range(6)]
    schedule = CHECKLISTS["daily-checklist"].schedule
    at = {n: starts_on(schedule.cron, day, shop.settings.zone) for n, day in enumerate(ago)}
    [deployment] = [d for d in deployments_of({shop.name: shop.settings}) if d.flow_name == "daily-checklist"]
    place: Any = deployment.apply()  # type: ignore[func-returns-value]
    window = {"start_time": (at[4] - timedelta(hours=1)).isoformat(), "end_time": at[3].isoformat()}
    body = {**window, "min_runs": 1, "max_runs": 1}
    prefect.request("POST", "/deployments/{id}/schedule", path_params={"id": str(place)}, json=body)
    [run] = prefect.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[place])))
    prefect.set_flow_run_state(run.id, Crashed(), force=True)
    pause = Maintenance(at[2], at[1], None, "move", at[3], "ops")
    late = Maintenance(at[3], at[2], None, "move", at[1], "ops", "told late")
    store_records(shop.history, shop.name, [pause, late], "ops", datetime.now(UTC))

    shop.run_daily(for_date=today - timedelta(days=61))
    assert "missed" not in notes(shop, "en")
    shop.run_daily()
    missed = f"{ago[5]}, {ago[4]} (Crashed), {ago[3]}, {ago[1]}"
    assert f"Rounds missed since the last one on record (59): …, {today - timedelta(days=11)}, " in notes(shop, "en")
    assert missed in notes(shop, "en")
    assert f"Rounds not run during planned maintenance (1): {ago[2]}" in notes(shop, "en")
    assert missed in notes(shop, "ja") and "missed" not in notes(shop, "ja")
