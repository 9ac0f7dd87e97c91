"""Pages of incidents: written after a change, and renewed by monitoring while an incident goes on."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.incident import acknowledge_incident
from flows.incident_forms import Acknowledgement
from flows.incident_pages import write_page, write_pages, write_stale_pages
from flows.monitoring import monitoring
from reports.incident_archive import page_of
from tasks.alerts.facts import Condition, Phase, Policy, Said, Signal
from tasks.alerts.judge.minute import Rulebook
from tasks.alerts.store.minute import Reach, keep_minute
from tasks.alerts.store.read import read_of_incident
from tasks.check_result import Limit, Severity, msg
from tasks.incidents.events import Mend, Merge, Note, Resolve
from tasks.incidents.evidence import read_curves
from tasks.incidents.facts import Affected
from tasks.incidents.store.change import NewIncident, change_incident, open_by_hand
from tasks.incidents.store.read import read_incident
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    """A service whose readiness is probed."""
    return operate()


def opened(shop: "Operated", title: str = "no database", ago: float = 30) -> int:
    new = NewIncident(title, Severity.EMERGENCY, "kim", down=True)
    return open_by_hand(shop.history, shop.name, new, NOW - ago * MINUTE).id


def page(shop: "Operated", number: int) -> Path:
    return page_of(shop.name, number, shop.settings.output)


def renewed(shop: "Operated", now: datetime = NOW) -> list[str]:
    return asyncio.run(write_stale_pages(shop.settings, shop.history, now))


def aged(shop: "Operated", number: int, minutes: float) -> None:
    """Let the page have been written so long before now."""
    at = (NOW - minutes * MINUTE).timestamp()
    os.utime(page(shop, number), (at, at))


def test_a_page_shows_the_figures_around_the_incident_with_their_limits(shop: "Operated") -> None:
    number = opened(shop)
    at = [NOW - n * MINUTE for n in range(80)]
    figures = [(t, Reading("disk.used", "host/disk:/var", 97.0, "%")) for t in at]
    figures += [(t, Reading("disk.used", "host/disk:/", 20.0, "%")) for t in at]
    figures += [(t, Reading("probe.live", "api-1", 1.0, "")) for t in at]
    store_readings(shop.history, shop.name, figures)
    asyncio.run(write_page(shop.settings, shop.history, number, NOW))
    assert "probe.live" in page(shop, number).read_text()


def test_a_figure_that_two_alerts_are_about_is_shown_once(shop: "Operated") -> None:
    number = opened(shop)
    store_readings(
        shop.history, shop.name, [(NOW - n * MINUTE, Reading("probe.ready", "api-1", 0.0, "")) for n in range(9)]
    )
    record = read_incident(shop.history, shop.name, number)
    both = (Affected("probe.ready", "*"), Affected("probe.ready", "api-1"))
    assert len(read_curves(shop.history, shop.settings, record, both, NOW)) == 1


def test_the_archives_index_leads_to_the_incidents(shop: "Operated") -> None:
    number = opened(shop)
    assert asyncio.run(write_pages(shop.settings, shop.history, [number], NOW)) == ""
    assert f'href="{shop.name}/incidents/index.html"' in (shop.settings.output / "index.html").read_text()
    assert f'href="{number}/index.html"' in (shop.settings.output / shop.name / "incidents/index.html").read_text()


def test_monitoring_writes_what_is_missing_and_what_is_older_than_its_incident(shop: "Operated") -> None:
    number = opened(shop)
    assert renewed(shop) == []
    aged(shop, number, 5)
    first = page(shop, number).stat().st_mtime
    renewed(shop)
    assert page(shop, number).stat().st_mtime == first  # five minutes old, and nothing has changed
    change_incident(shop.history, shop.name, number, Note("seen"), "kim", NOW - 2 * MINUTE)
    renewed(shop)
    assert "seen" in page(shop, number).read_text()


def test_a_single_cycle_by_hand_writes_them_too(shop: "Operated", prefect: object) -> None:
    number = opened(shop)
    once: Any = monitoring
    asyncio.run(once(shop.name, return_state=True))
    assert page(shop, number).is_file()


def test_the_page_is_renewed_every_ten_minutes_while_the_incident_goes_on(shop: "Operated") -> None:
    number = opened(shop, ago=300)
    renewed(shop)
    aged(shop, number, 11)
    renewed(shop)
    assert page(shop, number).stat().st_mtime > (NOW - MINUTE).timestamp()
    change_incident(shop.history, shop.name, number, Mend("failed over"), "kim", NOW - 200 * MINUTE)
    change_incident(shop.history, shop.name, number, Resolve("works"), "kim", NOW - 200 * MINUTE)
    aged(shop, number, 100)
    written = page(shop, number).stat().st_mtime
    renewed(shop)
    assert page(shop, number).stat().st_mtime == written


def test_an_incident_that_takes_another_over_has_a_new_page(shop: "Operated") -> None:
    whole, part = opened(shop), opened(shop, "no orders")
    renewed(shop)
    for number in (whole, part):
        aged(shop, number, 3)
    change_incident(shop.history, shop.name, part, Merge(whole), "kim", NOW)
    renewed(shop)
    assert "no orders" in page(shop, whole).read_text()


def test_an_archive_that_refuses_is_said_and_the_change_stays(shop: "Operated") -> None:
    number = opened(shop)
    shop.settings.output.parent.mkdir(parents=True, exist_ok=True)
    shop.settings.output.write_text("a file where the archive should be")
    assert asyncio.run(write_pages(shop.settings, shop.history, [number], NOW)).startswith("; its page was not written")
    [problem] = renewed(shop)
    assert problem.startswith(f"incident {number}: ")


def test_what_its_alerts_are_about_is_shown_and_acknowledged_with_the_incident(
    operate: "Operate", prefect: object
) -> None:
    shop = operate(more="[resources]\n[alerts]\n")
    subject, at = "host/disk:/var[1]", [NOW - n * MINUTE for n in range(10)]
    store_readings(shop.history, shop.name, [(t, Reading("disk.used", subject, 97.0, "%")) for t in at])
    store_readings(shop.history, shop.name, [(t, Reading("probe.live", "api-1", 1.0, "")) for t in at])
    signal = Signal(
        condition=Condition("monitoring", "resources.disk", subject, (("sample", "disk.used"), ("worse", "over"))),
        said=Said.BAD,
        at=NOW - MINUTE,
        title=msg("Disk usage"),
        reason=msg("Disk usage"),
        level=Severity.EMERGENCY,
        since=NOW - 5 * MINUTE,
        limit=Limit("≤", 95.0, "%", msg("the alert rule")),
    )
    policy = Policy(15 * MINUTE, 10 * MINUTE, 30 * MINUTE)
    reach = Reach(lambda _: (), Severity.EMERGENCY)
    [number] = keep_minute(
        shop.history, shop.name, [signal], NOW, Rulebook(lambda _: policy, lambda _: ""), reach
    ).incidents
    asyncio.run(write_page(shop.settings, shop.history, number, NOW))
    html = page(shop, number).read_text()
    assert "disk:/var[1]" in html and "probe.live" not in html
    assert "limit 95 %" in html
    form: Any = acknowledge_incident
    asyncio.run(form(shop.name, Acknowledgement(incident=number, by="lee"), return_state=True))
    [episode] = read_of_incident(shop.history, shop.name, number)
    assert (episode.phase, episode.acknowledged_by) == (Phase.ACKNOWLEDGED, "lee")
