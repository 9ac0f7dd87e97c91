"""The form in which people waive a finding: it writes the waivers file of the machine that it runs on."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flows.finding_waiver import WaiverOptions, waive_finding
from tasks.check_result import msg
from tasks.security.facts.scans import Completeness, Coverage, Kind, Scan, Target
from tasks.security.findings.reasons import WaiverReason
from tasks.security.findings.waiver_file import read_waivers
from tasks.security.store.scans import store_scans
from tests.known_findings import known_finding

if TYPE_CHECKING:
    from tests.operated import Operate

LATER = (datetime.now(UTC) + timedelta(days=30)).date()


@pytest.mark.usefixtures("prefect")
def test_the_form_writes_the_waivers_file(operate: "Operate") -> None:
    shop, now = operate(more="[security]\n"), datetime.now(UTC)
    found = (known_finding(1).finding,)
    target = Target("bandit", "shop", Kind.CODE)
    scan = Scan(target, "1", now, 1.0, Completeness.COMPLETE, msg("All"), Coverage(1, 1), "0" * 64, found)
    store_scans(shop.history, shop.name, [scan], now)

    def sent(**more: Any) -> Any:
        values = {"finding": "00000001", "reason": WaiverReason.FALSE_POSITIVE, "owner": "kim", "expires": LATER}
        return asyncio.run(waive_finding(shop.name, WaiverOptions(**values | more), return_state=True))

    state = sent(note="checked by hand")
    assert (state.type.value, state.name) == ("COMPLETED", "Recorded")
    assert state.message == f"waiver 1: finding 00000001 (1 open finding): false_positive, kim, until {LATER}"
    [waiver] = read_waivers(shop.settings.path.parent / "waivers.toml")
    assert (waiver.finding, waiver.owner, waiver.note) == ("00000001" * 8, "kim", "checked by hand")

    state = sent(finding="ffffffff")
    assert state.is_failed() and "no finding has the fingerprint ffffffff" in str(state.message)
    state = sent(expires=datetime(2020, 1, 31, tzinfo=UTC).date())
    assert state.is_failed() and "expires: 2020-01-31 is past" in str(state.message)
    assert len(read_waivers(shop.settings.waivers)) == 1
