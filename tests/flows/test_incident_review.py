"""The incident review in the monthly checklist: an incident that closes or is stored after the report."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flows.monthly_checklist import monthly_checklist
from flows.options import MonthlyOptions
from reports.report import Report
from reports.sentences import since
from reports.words import Words
from tasks.check_result import Severity, Status
from tasks.incidents.events import Mend, Resolve
from tasks.incidents.store.change import NewIncident, change_incident, open_by_hand
from tasks.periods import month_before

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

pytestmark = pytest.mark.usefixtures("prefect")
HOUR = timedelta(hours=1)


def reported(shop: "Operated") -> Report:
    """The report of the last month as it stands now."""
    run: Any = monthly_checklist
    asyncio.run(run(shop.name, MonthlyOptions(), return_state=True))
    return shop.report()


def test_case_12_still_open_at_months_end_and_case_13_stored_late_make_revision_2_that_says_what_changed(
    operate: "Operate",
) -> None:
    shop, now = operate(), datetime.now(UTC)
    end = month_before(now.astimezone(shop.settings.zone).date(), shop.settings.zone).end
    new = NewIncident("no database", Severity.EMERGENCY, "alerts", down=True)
    open_at = open_by_hand(shop.history, shop.name, new, end - 2 * HOUR).id

    def resolution(report: Report) -> tuple[Status, Any]:
        [result] = [r for r in report.results if r.check == "incidents.resolution-time"]
        return result.status, result.reason.params["ongoing"]

    first = reported(shop)
    assert (first.revision, resolution(first)) == (1, (Status.FAIL, 1))
    note = "Recorded after the last report of this month: incidents {numbers}"
    assert note not in [found.text for found in first.notes]

    change_incident(shop.history, shop.name, open_at, Mend("failed over", end + HOUR), "kim", datetime.now(UTC))
    change_incident(shop.history, shop.name, open_at, Resolve("works", end + HOUR), "kim", datetime.now(UTC))
    late = NewIncident("no orders", Severity.WARNING, "kim", detected_at=end - 5 * HOUR)
    second_incident = open_by_hand(shop.history, shop.name, late, datetime.now(UTC)).id

    second = reported(shop)
    assert (second.revision, resolution(second)) == (2, (Status.FAIL, 1))  # the one stored late goes on
    assert second.previous is not None and second.previous.revision == 1
    [changed] = [found for found in second.notes if found.text == note]
    assert changed.params["numbers"] == f"{second_incident}, {open_at}"
    counts = {kpi.id: (kpi.previous, kpi.value) for kpi in second.kpis}
    assert counts["incidents.count"] == (1.0, 2.0)
    assert counts["incidents.resolution"] == (None, 180.0)
    assert since(second, Words("en", "UTC")).startswith(f"Since {first.period} (revision 1, ")
