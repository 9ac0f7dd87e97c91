"""The demo's advisory server, as a process of its own."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from deployments.demo.advisories import Feed, affects, demo_advisories, serving
from deployments.demo.faults import Fault
from deployments.demo.source import LOCK, bring_source
from tasks.deadline import Deadline
from tasks.processes import Child, free_port
from tests.advisory_feeds import advisory


@contextmanager
def running(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "deployments.demo.advisories", "--port", str(port)]
    with Child([*command, "--faults", str(folder / "faults.json")], log=folder / "log") as child:
        deadline = Deadline.after(20)
        url = f"http://127.0.0.1:{port}"
        while not deadline.passed and child.running:
            try:
                httpx.get(url)
                break
            except httpx.ConnectError:
                continue
        yield url


def test_the_server_answers_as_osv_does_and_is_stale_when_that_is_planted(tmp_path: Path) -> None:
    pinned = {"package": {"ecosystem": "PyPI", "name": "kondate-labels"}, "version": "1.4.0"}
    clean = {**pinned, "version": "1.4.2"}
    with running(tmp_path) as url:
        [found] = httpx.post(f"{url}/v1/query", json=pinned).json()["vulns"]
        assert (found["id"], found["database_specific"]["demo"]) == ("DEMO-2026-0001", True)
        assert httpx.post(f"{url}/v1/query", json=clean).json() == {}
        batch = httpx.post(f"{url}/v1/querybatch", json={"queries": [pinned, clean]}).json()
        assert [list(result) for result in batch["results"]] == [["vulns"], []]
        assert httpx.get(f"{url}/v1/vulns/DEMO-2026-0001").json()["summary"] == found["summary"]
        assert httpx.get(f"{url}/v1/vulns/NONE").status_code == 404
        assert age_h(httpx.get(f"{url}/modified_id.csv").text) < 2
        (tmp_path / "faults.json").write_text(json.dumps({"faults": ["stale-feed"]}))
        assert age_h(httpx.get(f"{url}/modified_id.csv").text) > 24 * 365


def test_the_server_indexes_every_package_of_the_lock_files(tmp_path: Path) -> None:
    with serving(Feed([])) as url:
        for faults in (set[Fault](), {Fault.VULNERABLE_DEPENDENCY}):
            tree = bring_source(tmp_path / "tree", faults)
            for pin in (tree / LOCK).read_text().splitlines()[1:]:
                name, _, version = pin.partition("==")
                assert version in httpx.get(f"{url}/simple/{name}/").json()["versions"]
        entry = httpx.get(f"{url}/npm/kondate-menu/2.0.3").json()
        gone = [
            httpx.get(f"{url}/{path}").status_code for path in ("simple/flask/", "npm/kondate-menu/9.9.9", "npm/x/1")
        ]
    assert (entry, gone) == ({"name": "kondate-menu", "version": "2.0.3"}, [404, 404, 404])


def age_h(text: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(text.partition(",")[0])).total_seconds() / 3600


def test_every_advisory_says_that_it_is_made_up() -> None:
    for one in demo_advisories():
        assert one["id"].startswith("DEMO-") and one["database_specific"]["demo"] is True
        assert "written for the demo" in one["summary"]


@pytest.mark.parametrize(("version", "hit"), [("0.9", False), ("1.0", True), ("1.9", True), ("2.0", False)])
def test_ranges_are_matched(version: str, hit: bool) -> None:
    one = advisory("a", "Left.Pad", introduced="1.0", fixed="2.0")
    assert affects(one, {"ecosystem": "PyPI", "name": "left-pad"}, version) is hit
    assert not affects(one, {"ecosystem": "npm", "name": "left-pad"}, version)
