"""The load test on a real Prefect server: real Locust processes against a small service on this machine."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.load_test import load_test
from flows.options import LoadOptions
from tasks.check_result import Status
from tasks.load.facts import LoadVerdict
from tasks.load.store.runs import read_runs
from tasks.round import RoundRefused, utc_now
from tests.operated import Answer

if TYPE_CHECKING:
    from tests.operated import Operate, Operated, ServerView, Site

pytestmark = pytest.mark.usefixtures("prefect")

SHOPPER = """
from locust import FastHttpUser, constant_throughput, task


class Shopper(FastHttpUser):
    wait_time = constant_throughput(20)

    @task
    def items(self):
        self.client.get("/items", name="shopping:/items")
"""
LOAD = """
[load]
base_url = "{url}"
hosts = ["127.0.0.1"]
scenarios = ["shopper.py"]
identity = {{ path = "/whoami" }}
probe = {{ path = "/items", per_second = 40 }}
{gate}
[load.limits]
max_generator_percent = 100
max_lag_ms = 10000
min_requests = 10
min_achieved_percent = 1
[[load.profile]]
name = "short"
ramp_up_s = 0.5
steps = [{{ users = 3, seconds = 3 }}]
"""
# A busy machine's hiccup is no finding of a test.
KEPT = 'gate = [{ metric = "latency", statistic = "p50", max = 30000 }, { metric = "error-share", max = 50 }]'
BROKEN = 'gate = [{ metric = "latency", statistic = "p50", max = 0.001 }]'
UNNAMED = 'gate = [{ metric = "error-share", max = 1, route = "/payments" }]'


def run_load(shop: "Operated", **options: Any) -> Any:
    return asyncio.run(load_test(shop.name, LoadOptions(**options), return_state=True))  # type: ignore[arg-type]


def shop_with(operate: "Operate", site: "Site", gate: str) -> "Operated":
    site.answers["/whoami"] = Answer(body={"environment": "staging"})
    shop = operate(base_url="http://127.0.0.1:1", more=LOAD.format(url=site.url, gate=gate))
    (Path(shop.settings.path.parent) / "shopper.py").write_text(SHOPPER)
    return shop


@pytest.mark.parametrize(
    ("gate", "name", "verdict"),
    [
        (KEPT, "Passed", LoadVerdict.PASS),
        pytest.param(BROKEN, "ChecksFailed", LoadVerdict.FAIL, marks=pytest.mark.deep),
        pytest.param(UNNAMED, "Incomplete", LoadVerdict.INVALID, marks=pytest.mark.deep),
    ],
)
def test_a_load_test_is_judged_stored_and_reported(
    operate: "Operate", site: "Site", server_view: "ServerView", gate: str, name: str, verdict: LoadVerdict
) -> None:
    shop = shop_with(operate, site, gate)
    state = run_load(shop, profile="short")
    assert state.name == name, state.message
    [judged] = read_runs(shop.history, shop.name, utc_now())
    assert judged.verdict is verdict and judged.run.environment_seen == ("staging", "staging")
    results = {r.check: r for r in shop.report().results}
    assert results["load.target"].status is Status.PASS
    assert (results["load.open-loop"].status is Status.PASS) is (verdict is LoadVerdict.PASS)
    assert results["load.database"].status is Status.SKIPPED
    assert "progress" in server_view.artifacts(state)


def test_a_profile_that_there_is_not_is_refused_at_once(operate: "Operate", site: "Site") -> None:
    shop = shop_with(operate, site, KEPT)
    error = run_load(shop, profile="stairs").data.result
    assert isinstance(error, RoundRefused)
    assert str(error) == ("there is no load profile 'stairs'; there are: smoke, baseline, steps, soak, spike, short")
    assert shop.runs() == () and not any(path == "/items" for path, _ in site.asked)
