"""The daily checklist names a watch that stopped, and a round that was due and did not run."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from deployments.schedules import note_schedules
from flows.daily_checklist import CHECKLIST
from tasks.check_result import CheckResult, Status
from tasks.history.engine import writing
from tasks.history.services import service_id
from tasks.monitoring.store.lease import begin_minute
from tasks.monitoring.store.minutes import note_minute
from tests.cycles import Clock, watched
from tests.operated import GUIDE

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

pytestmark = pytest.mark.usefixtures("prefect")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WATCHED = GUIDE.replace('schedule = { not_applicable = "by hand" }\n', "")
PASS, WARN, FAIL, UNKNOWN, SKIPPED = Status


def monitored(shop: "Operated", since: timedelta, until: timedelta = -2 * MINUTE) -> None:
    """Every minute of a span, as monitoring notes it; up to a little after now, whenever the round looks."""
    first, end = (int((datetime.now(UTC) - ago).timestamp()) // 60 for ago in (since, until))
    with writing(shop.history) as connection:
        key = service_id(connection, shop.name)
        for minute in range(first, end):
            note_minute(connection, key, minute)


def found(shop: "Operated") -> dict[str, CheckResult]:
    """What the newest report says of the watch, by its subject."""
    return {r.subject: r for r in shop.report().results if r.check.startswith("schedule.")}


def test_a_monitored_service_whose_flows_run_passes_and_the_guide_stays_as_it_is(operate: "Operate") -> None:
    shop = operate(guide=WATCHED)
    assert note_schedules({shop.name: shop.settings}, datetime.now(UTC) - 10 * MINUTE) == []
    assert watched(2, Clock(datetime.now(UTC).replace(second=1, microsecond=0) - 2 * MINUTE)).quarter.good
    monitored(shop, timedelta(hours=2))
    assert shop.run_daily().name == "Passed"
    results = found(shop)
    assert (results["service"].check, results["service"].status) == ("schedule.monitoring", PASS)
    assert results["flow:monitoring"].status is PASS
    assert {r.status for s, r in results.items() if s not in ("service", "flow:monitoring")} == {SKIPPED}
    assert [line.id for line in shop.report().lines] == [system.line.id for system in CHECKLIST.systems]


def test_case_17_a_daily_checklist_by_hand_says_that_the_scheduler_stopped(operate: "Operate") -> None:
    shop = operate(guide=WATCHED)
    note_schedules({shop.name: shop.settings}, datetime.now(UTC) - 40 * DAY)
    monitored(shop, timedelta(hours=3), timedelta(hours=1))
    assert shop.run_daily().name == "ChecksFailed"
    results = found(shop)
    watch, weekly = results["service"], results["flow:weekly-checklist"]
    assert watch.status is FAIL and "The monitoring has stopped" in watch.reason.text
    assert watch.observed is not None and watch.observed.value in (61, 62)
    assert weekly.status is FAIL and "Did not run" in weekly.reason.text
    for flow in ("daily-checklist", "monitoring", "outbox", "housekeeping"):
        assert results[f"flow:{flow}"].status is FAIL
    page = (shop.folder(shop.runs()[-1]) / "report.html").read_text()
    assert "flow:weekly-checklist" in page and "schedule.monitoring" in page


def test_a_machine_on_which_nobody_monitors_is_never_green(operate: "Operate") -> None:
    shop = operate(guide=WATCHED)
    assert shop.run_daily().name == "Incomplete"
    statuses = [(r.check, r.status) for r in shop.report().results if r.check.startswith("schedule.")]
    assert statuses == [("schedule.monitoring", UNKNOWN), ("schedule.flows", SKIPPED)]
    begin_minute(shop.history, shop.name, "killed", datetime.now(UTC))
    assert shop.run_daily().name == "Incomplete"
    monitored(shop, timedelta(hours=2))
    assert shop.run_daily().name == "Passed"


def test_where_nothing_is_asked_for_there_is_nothing_to_monitor(operate: "Operate") -> None:
    shop = operate(health="", guide="")
    shop.run_daily()
    assert found(shop)["service"].status is SKIPPED
    assert {r.status for r in shop.report().results if r.check == "schedule.monitoring"} == {SKIPPED}


def test_a_past_day_is_judged_by_its_own_minutes(operate: "Operate") -> None:
    shop = operate(guide=WATCHED)
    monitored(shop, timedelta(hours=2))
    day = datetime.now(shop.settings.zone).date() - 3 * DAY
    shop.run_daily(for_date=day)
    assert found(shop)["service"].status is SKIPPED  # of the flows; of the minutes of that day none is on record
    [watch] = [r for r in shop.report().results if r.check == "schedule.monitoring"]
    assert watch.status is UNKNOWN


def test_a_service_file_may_leave_it_out_with_its_reason_or_give_it_to_an_item(operate: "Operate") -> None:
    shop = operate()
    assert shop.run_daily().name == "Passed" and found(shop) == {}
    [line] = [line for line in shop.report().lines if line.id == "schedule"]
    assert line.reason.params == {"text": "by hand"}
    shop = operate(name="bar", guide=f'{WATCHED}"Who watches?" = ["schedule.*"]\n')
    monitored(shop, timedelta(hours=2))
    assert shop.run_daily().name == "Passed"
    assert [(line.id, line.ticked) for line in shop.report().lines][-1] == ("Who watches?", True)
