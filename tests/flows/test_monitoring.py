"""The monitoring flow: every minute into the history, and red for what is missing."""

import asyncio
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.monitoring import monitoring
from tasks.monitoring.collect import asks_for_something
from tasks.records.facts import Deploy, DeployOutcome, Origin
from tasks.records.store.records import store_records
from tests.operated import figures

if TYPE_CHECKING:
    from prefect import State

    from tests.operated import Operate, Operated, ServerView, Site

pytestmark = pytest.mark.usefixtures("prefect")
LOG = '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["app.log"]\n'
PROBES = '[health]\nlive = "/live"\nready = "/ready"\ntimeout_s = 15\n'
REPORT = '[health]\nreport = "/health"\ntimeout_s = 13.5\n'


def collect(shop: "Operated") -> "State[Any]":
    """One run by hand."""
    state: Any = asyncio.run(monitoring(shop.name, return_state=True))
    return state  # type: ignore[no-any-return]


def line(at: datetime, status: int = 200) -> str:
    """A line of the service's log."""
    fields = {"timestamp": at.isoformat(), "level": "info", "module": "shopping", "message": "GET /items"}
    return json.dumps({**fields, "url": "/items", "method": "GET", "status": status, "duration": 12.5}) + "\n"


def samples(shop: "Operated", name: str) -> dict[str, tuple[float, ...]]:
    """What is stored of a figure around now."""
    now = datetime.now(UTC)
    around = timedelta(minutes=10)
    return dict(figures(shop.history, shop.name, name, now - around, now + around))


def log_of(shop: "Operated") -> Path:
    """The service's log file."""
    return shop.settings.path.parent / "app.log"


def test_a_minute_is_kept_and_no_run_is_stored(operate: "Operate") -> None:
    shop = operate(more=LOG + "[resources]\ninterval_s = 0.1\n")
    log_of(shop).write_text(line(datetime.now(UTC)) * 3)
    state = collect(shop)
    assert (state.type.value, state.name) == ("COMPLETED", "Collected")
    assert (state.message or "").endswith("figures, 3 log lines")
    assert samples(shop, "probe.live") == {"service": (1.0,)}
    assert samples(shop, "probe.ready") == {"service": (1.0,)}
    assert samples(shop, "probe.live.latency")["service"][0] > 0
    assert 0 < samples(shop, "memory.used")["host"][0] < 100
    assert [tuple(row) for row in shop.rows("SELECT SUM(valid), SUM(bad), SUM(timed) FROM traffic_minutes")] == [
        (3, 0, 3)
    ]
    assert shop.runs() == () and shop.messages() == [] and not shop.settings.output.exists()


def test_a_line_is_counted_once_by_monitoring_and_checklist(operate: "Operate") -> None:
    guide = '[guide.daily]\nresources = { not_applicable = "by hand" }\n'
    shop = operate(more=LOG, guide=guide)
    log_of(shop).write_text(line(datetime.now(UTC)) * 3)
    collect(shop)
    with log_of(shop).open("a") as log:
        log.write(line(datetime.now(UTC), 503))
    shop.run_daily()
    assert collect(shop).message == "4 figures, 0 log lines"
    assert [tuple(row) for row in shop.rows("SELECT SUM(valid), SUM(bad) FROM traffic_minutes")] == [(4, 1)]
    share = next(r for r in shop.report().results if r.check == "logs.error-share")
    assert dict(share.reason.params)["bad"] == 1


def test_a_service_that_is_down_is_a_figure_not_a_gap(operate: "Operate", site: "Site") -> None:
    shop = operate()
    site.fall_ill()
    assert collect(shop).name == "Collected"
    assert samples(shop, "probe.live") == {"service": (1.0,)}
    assert samples(shop, "probe.ready") == {"service": (0.0,)}


def test_an_outage_is_kept_before_what_hangs_later(operate: "Operate", site: "Site", tmp_path: Path) -> None:
    site.answers["/live"].status = 503
    asked, gate = tmp_path / "asked", tmp_path / "gate"
    waits = f"touch {asked}; until [ -e {gate} ]; do sleep 0.05; done"
    shop = operate(
        more=f'[[logs.source]]\nname = "app"\nkind = "command"\ncommand = ["sh", "-c", "{waits}", "{{since}}"]\n'
    )
    with ThreadPoolExecutor() as pool:
        minute = pool.submit(copy_context().run, collect, shop)
        while not (asked.exists() or minute.done()):
            time.sleep(0.05)
        kept = samples(shop, "probe.live")
        gate.touch()
        minute.result()
    assert kept == {"service": (0.0,)}


def test_many_instances_that_hang_are_all_probed(operate: "Operate") -> None:
    with socket.create_server(("0.0.0.0", 0), backlog=64) as silent:  # it never accepts
        port = silent.getsockname()[1]
        instances = "".join(
            f'[[instances]]\nname = "i{number}"\nbase_url = "http://127.0.1.{number}:{port}"\n'
            for number in range(1, 13)
        )
        shop = operate(health='[health]\nlive = "/live"\ntimeout_s = 0.5\n', more=instances)
        collect(shop)
    assert samples(shop, "probe.live") == {f"i{number}": (0.0,) for number in range(1, 13)}


def test_what_is_missing_makes_the_run_red_and_keeps_the_rest(operate: "Operate", server_view: "ServerView") -> None:
    shop = operate(more=LOG)
    state = collect(shop)
    assert (state.type.value, state.name) == ("FAILED", "Incomplete")
    assert "4 figures, 0 log lines; not collected: No file matches app.log" in (state.message or "")
    assert "No file matches app.log" in server_view.log(state)
    assert samples(shop, "probe.live") == {"service": (1.0,)}


def test_a_name_that_does_not_resolve_is_not_a_service_that_is_down(operate: "Operate") -> None:
    shop = operate(base_url="http://no-such-host.invalid")
    state = collect(shop)
    assert state.name == "Incomplete"
    assert "The host name does not resolve" in (state.message or "")
    assert samples(shop, "probe.live") == {}


def versions(shop: "Operated") -> list[tuple[str, str, str]]:
    """Every deploy, as they came on record."""
    rows = shop.rows("SELECT environment, version, origin FROM deploys ORDER BY id")
    return [(row.environment, row.version, row.origin) for row in rows]


def test_an_unrecorded_version_is_a_deploy(operate: "Operate", site: "Site") -> None:
    shop = operate()
    for version in ("1.4.2", "1.4.2", "1.4.3"):
        site.version = version
        assert collect(shop).message == "4 figures, 0 log lines"
    first, second = ("production", "1.4.2", "first-seen"), ("production", "1.4.3", "inferred")
    assert versions(shop) == [first, second]
    assert shop.rows("SELECT DISTINCT recorded_by FROM deploys")[0][0] == "monitoring"


def test_a_deploy_that_was_recorded_is_not_found_again(operate: "Operate", site: "Site") -> None:
    shop = operate()
    collect(shop)
    site.version = "1.4.3"
    now = datetime.now(UTC)
    deploy = Deploy("1.4.3", "production", now, now, DeployOutcome.SUCCEEDED, Origin.RECORDED)
    store_records(shop.history, shop.name, [deploy], "ci", now)
    assert collect(shop).name == "Collected"
    assert versions(shop) == [("production", "1.4.2", "first-seen"), ("production", "1.4.3", "recorded")]


def instances(site: "Site", *names: str) -> str:
    """Instances of a service, each below a path of its own."""
    return "".join(f'[[instances]]\nname = "{name}"\nbase_url = "{site.url}/{name}"\n' for name in names)


def tells(site: "Site", instance: str, version: str | None) -> None:
    """What an instance's health report says from now on."""
    answer = replace(site.answers["/health"], body=lambda: {**site.health("healthy"), "version": version})
    site.answers[f"/{instance}/health"] = answer


def test_a_version_counts_once_every_instance_runs_it(operate: "Operate", site: "Site") -> None:
    shop = operate(health=REPORT, more=instances(site, "a", "b"))
    for first, second in (("1", "1"), ("1", "2"), (None, "2"), ("2", "2")):
        tells(site, "a", first)
        tells(site, "b", second)
        found = f"version {first}" if first == second else "no common version"
        state = collect(shop)
        assert (state.name, state.message) == ("Collected", f"0 figures, 0 log lines, {found}")
        assert len(versions(shop)) == (2 if first == "2" else 1)
    assert versions(shop) == [("production", "1", "first-seen"), ("production", "2", "inferred")]


@pytest.mark.parametrize("report", ["no report", "no JSON", "no version", "nobody is asked"])
def test_a_report_that_cannot_be_read_is_named_and_keeps_the_rest(
    operate: "Operate", site: "Site", report: str
) -> None:
    shop = operate(health=PROBES if report == "nobody is asked" else PROBES + 'report = "/health"\n')
    site.answers["/health"].body = {"no JSON": "a page", "no version": {"status": "healthy"}}.get(report, {})
    if report == "no report":
        del site.answers["/health"]
    state = collect(shop)
    unread = report in ("no report", "no JSON")
    assert state.name == ("Incomplete" if unread else "Collected")
    assert (state.message or "").startswith("4 figures, 0 log lines" + "; not collected: " * unread)
    assert versions(shop) == []
    assert [path for path, _ in site.asked if path == "/health"] == ([] if report == "nobody is asked" else ["/health"])


@pytest.mark.deep
def test_a_report_that_hangs_keeps_the_minute_and_spares_the_other_instances(operate: "Operate", site: "Site") -> None:
    names = [f"i{number}" for number in range(1, 7)]
    shop = operate(health=REPORT, more=instances(site, *names))
    for name in names:
        tells(site, name, "1.4.2")
        site.answers[f"/{name}/health"].delay_s = 12  # within timeout_s, but too long for a minute
    state = collect(shop)
    assert state.name == "Incomplete" and "0 figures, 0 log lines; not collected: " in (state.message or "")
    assert (versions(shop), len(site.asked)) == ([], 4)


ASKED = {
    "live": "[health]\nlive = '/live'\n",
    "report": "[health]\nreport = '/health'\n",
    "a log": LOG,
    "machine": "[resources]\n",
    "container": "[resources]\nhost = false\ncontainer = true\n",
    "database": "[database]\nurl = 'postgresql://ops@db.invalid/shop'\n",
    "expression": "[metrics]\nprometheus_url = 'http://127.0.0.1:1'\n[[kpi]]\nname = 'orders'\nfloor = 1\n"
    "promql = 'orders'\n",
}
NOTHING = {
    "service alone": "",
    "test requests": "[health]\nrequests = ['/items']\n",
    "no machine": "[resources]\nhost = false\ncontainer = false\n",
    "a Prometheus for others": "[metrics]\nprometheus_url = 'http://127.0.0.1:1'\n",
}


@pytest.mark.parametrize("asked", [*ASKED, *NOTHING])
def test_a_service_is_monitored_where_it_has_something_to_collect(operate: "Operate", asked: str) -> None:
    shop = operate(health="", more={**ASKED, **NOTHING}[asked])
    assert asks_for_something(shop.settings) == (asked in ASKED)


@pytest.mark.parametrize("asked", ["service alone", "no limit on this machine"])
def test_a_run_that_collects_nothing_is_red_and_says_why(operate: "Operate", asked: str) -> None:
    shop = operate(health="", more="" if asked == "service alone" else "[resources]\nhost = false\n")
    state = collect(shop)
    limited = asked != "service alone" and "0 figures" not in (state.message or "")  # of a machine with a limit
    assert (state.type.value, state.name) == (("COMPLETED", "Collected") if limited else ("FAILED", "Incomplete"))
    says = "names nothing to collect" if asked == "service alone" else "Nothing that the service file asks for"
    assert limited or says in (state.message or "")


def test_a_history_that_cannot_note_a_version_makes_the_run_red(operate: "Operate") -> None:
    shop = operate()
    shop.rows("ALTER TABLE deploys RENAME TO gone")
    state = collect(shop)
    assert state.is_failed() and "history database" in (state.message or "")
    assert samples(shop, "probe.live") == {"service": (1.0,)}
