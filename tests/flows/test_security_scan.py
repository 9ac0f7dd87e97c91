"""The security scan and the weekly review on a real Prefect server: real scanners, a real advisory server."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments.demo.advisories import Feed, FeedFault, demo_advisories, serving
from flows.options import SecurityOptions, WeeklyOptions
from flows.security_scan import security_scan
from flows.weekly_checklist import weekly_checklist
from tasks.check_result import CheckResult, Status
from tasks.security.facts.scans import Change
from tasks.security.store.findings import read_events, read_findings

if TYPE_CHECKING:
    from tests.operated import Operate, Operated, ServerView, Site

pytestmark = pytest.mark.usefixtures("prefect")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
KEY = "AKIA" + "SHOPTESTKEY00001"
SHELL = 'import subprocess\n\n\ndef export(name):\n    return subprocess.call(f"render {name}", shell=True)\n'
ADVISORIES = '[security.advisories]\nurl = "{url}"\nindex_url = "{url}/simple"\nnpm_index_url = "{url}/npm"\n'
BACKUPS_LEFT_OUT = (
    '[guide.weekly]\nperformance = { not_applicable = "by hand" }\nbackups = { not_applicable = "by hand" }\n'
)


class Shop:
    """An operated service with a source tree, and the advisory server that is asked about it."""

    def __init__(self, operated: "Operated", tree: Path, feed: Feed) -> None:
        self.operated, self.tree, self.feed = operated, tree, feed

    def write(self, name: str, content: str) -> Path:
        file = self.tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        return file

    def scan(self, **options: Any) -> Any:
        return asyncio.run(security_scan(self.operated.name, SecurityOptions(**options), return_state=True))  # type: ignore[arg-type]

    def review(self, **options: Any) -> Any:
        return asyncio.run(weekly_checklist(self.operated.name, WeeklyOptions(**options), return_state=True))  # type: ignore[arg-type]

    def results(self) -> dict[str, CheckResult]:
        """The newest report's results by check and subject."""
        return {f"{r.check} {r.subject}": r for r in self.operated.report().results}

    def status(self, name: str) -> Status:
        return self.results()[name].status

    def changes(self) -> Counter[Change]:
        now = datetime.now(UTC)
        return Counter(e.change for e in read_events(self.operated.history, self.operated.name, LONG_AGO, now))

    def states(self) -> dict[str, bool]:
        found = read_findings(self.operated.history, self.operated.name)
        return {f"{one.finding.rule} {one.finding.path}": one.is_open for one in found}


@pytest.fixture
def shop(operate: "Operate", site: "Site", tmp_path: Path) -> Iterator[Shop]:
    with ExitStack() as stack:
        feed = Feed(demo_advisories())
        url = stack.enter_context(serving(feed))
        tree = tmp_path / "app"
        tree.mkdir()
        more = f'[source]\npath = "../app"\n{ADVISORIES.format(url=url)}{BACKUPS_LEFT_OUT}'
        shop = Shop(operate(more=more), tree, feed)
        shop.write("shop/prices.py", "def total(prices):\n    return sum(prices)\n")
        shop.write("requirements.txt", "kondate-labels==1.4.2\n")
        yield shop


@pytest.mark.deep
def test_a_clean_tree_passes_and_is_not_scanned_again(shop: Shop, server_view: "ServerView") -> None:
    state = shop.scan(part="code")
    assert state.name == "Passed", state.message
    assert shop.scan(part="dependencies").name == "Passed"
    asked = len(shop.feed.asked)
    again = shop.scan(part="dependencies")
    assert again.name == "Passed" and len(shop.feed.asked) == asked
    assert "Unchanged" in shop.results()["security.scan pip-audit requirements.txt"].reason.text


def test_what_is_planted_is_found_fixed_and_reopened(shop: Shop) -> None:
    clean = (shop.tree / "shop/prices.py").read_text()
    shop.write("shop/export.py", SHELL)
    key = shop.write("deploy.env", f"AWS_ACCESS_KEY_ID={KEY}\n")
    shop.write("requirements.txt", "kondate-labels==1.4.0\n")
    assert shop.scan().name == "ChecksFailed"
    for check in ("code", "dependencies", "secrets"):
        assert shop.status(f"security.{check} source") is Status.FAIL
    assert KEY not in shop.operated.runs()[-1].report

    (shop.tree / "shop/export.py").unlink()
    key.unlink()
    shop.scan(part="code")
    assert shop.status("security.code source") is Status.PASS and shop.status("security.secrets source") is Status.PASS
    shop.write("shop/export.py", SHELL)
    shop.write("shop/prices.py", clean)
    shop.scan(part="code")
    assert shop.changes()[Change.REOPENED] >= 1
    assert shop.changes()[Change.FIXED] >= 2


@pytest.mark.deep  # tests of the scanner have every fault
@pytest.mark.parametrize("fault", [FeedFault.EMPTY, FeedFault.STALE])
def test_a_feed_that_proves_nothing_is_no_green(shop: Shop, fault: FeedFault) -> None:
    shop.feed.fault = lambda: fault
    assert shop.scan(part="dependencies").name == "Incomplete"
    for name in ("scan pip-audit requirements.txt", "dependencies source"):
        assert shop.status(f"security.{name}") is Status.UNKNOWN


@pytest.mark.deep
def test_an_incomplete_scan_closes_nothing(shop: Shop) -> None:
    shop.write("shop/export.py", SHELL)
    shop.scan(part="code")
    before = shop.states()
    shop.write("shop/export.py", "def broken(:\n")
    assert shop.scan(part="code").name == "ChecksFailed"  # the finding is still open
    assert shop.states() == before
    assert shop.status("security.scan bandit app") is Status.UNKNOWN


@pytest.mark.deep
def test_what_only_an_incomplete_scan_found_is_closed_when_the_tree_is_as_before(shop: Shop) -> None:
    shop.scan()
    shop.write("shop/export.py", SHELL)
    broken = shop.write("shop/broken.py", "def broken(:\n")
    shop.scan()
    assert any(shop.states().values())
    broken.unlink()
    (broken.parent / "export.py").unlink()
    shop.scan()
    assert not any(shop.states().values())


@pytest.mark.deep
def test_a_waiver_pauses_and_expires(shop: Shop) -> None:
    shop.write("shop/export.py", SHELL)
    shop.scan(part="code")
    [shell] = [k for k in read_findings(shop.operated.history, shop.operated.name) if k.finding.rule == "B602"]
    waivers = shop.operated.settings.path.parent / "waivers.toml"
    text = '[[waiver]]\nfinding = "{}"\nreason = "risk_accepted"\nowner = "aki"\nexpires = {}\n'
    waivers.write_text(text.format(shell.fingerprint, "2999-01-01"))
    assert shop.scan(part="code").name == "Passed"
    waivers.write_text(text.format(shell.fingerprint, "2020-01-01"))
    assert shop.scan(part="code").name == "ChecksFailed"
    assert shop.status("security.waivers waivers") is Status.WARN
    waivers.write_text(text.format(shell.fingerprint, '"soon"'))
    assert shop.scan(part="code").name == "ChecksFailed"
    assert shop.status("security.waivers waivers") is Status.UNKNOWN


def test_the_review_rests_on_the_scans(shop: Shop) -> None:
    assert shop.review().name == "Incomplete"
    assert shop.status("security.scanned code") is Status.UNKNOWN
    shop.write("requirements.txt", "kondate-labels==1.4.0\n")
    shop.scan(part="code")
    shop.scan(part="dependencies")
    assert shop.review().name == "ChecksFailed"
    assert shop.status("security.alerts source") is Status.FAIL
    assert shop.status("security.updates source") is Status.WARN
    shop.write("requirements.txt", "kondate-labels==1.4.2\n")
    shop.scan(part="dependencies")
    shop.review()
    assert shop.status("security.alerts source") is Status.PASS


def test_a_tree_that_is_not_there_is_an_error_of_the_configuration(shop: Shop) -> None:
    shop.tree.rename(shop.tree.with_name("gone"))
    state = shop.scan()
    assert state.is_failed() and "[source] path" in str(state.message)
    assert not shop.operated.runs()


@pytest.mark.deep
def test_each_scanner_and_target_is_a_task_run(shop: Shop, server_view: "ServerView") -> None:
    state = shop.scan()
    log = server_view.log(state)
    assert "security:" in log
