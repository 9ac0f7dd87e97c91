"""Real load tests, by real Locust, of a target that answers well, badly, slowly or not at all."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UsageError
from tasks.load.facts import Ended, Live, LoadRun
from tasks.load.measure import measure_load
from tasks.load.settings import Profile
from tasks.processes import free_port
from tasks.settings import Settings
from tests.load_target import SHOP, Target, load_service, profile, running_target

MIXED = """
import os
from locust import FastHttpUser, HttpUser, LoadTestShape, constant_throughput, task
assert os.environ["TEST_USER"] == "alice" and "ROUNDS_TEST_SECRET" not in os.environ
class Steps(LoadTestShape):
    def tick(self): return 100, 100
class Fast(FastHttpUser):
    fixed_count = 1
    wait_time = constant_throughput(40)
    @task
    def lists(self):
        self.client.get("/lists", name="shopping:/lists")
        self.client.get("/bad", name="shopping:/bad")
        self.client.get("/to?{elsewhere}", name="shopping:/away")
        self.client.get("/to?/lists", name="shopping:/near")
        self.client.get("http://other.example/", name="shopping:/absolute")
class Plain(HttpUser):
    fixed_count = 1
    wait_time = constant_throughput(40)
    def on_start(self): self.n = 0
    @task
    def lists(self):
        self.client.get("/me?page=1")
        self.client.get("/to?{elsewhere}", name="account:/away")
        self.n += 1
        if self.n % 10 == 0:
            raise KeyError("token=hunter2secret")
"""
HEADERS = '[load.headers]\nAuthorization = { env = "ROUNDS_TEST_SECRET" }\n[load.variables]\nTEST_USER = "alice"\n'
IDENTITY = 'identity = { path = "/id" }\n'


@pytest.fixture
def target() -> Iterator[Target]:
    with running_target() as running:
        yield running


def measured(settings: Settings, of: Profile, lives: list[Live] | None = None) -> LoadRun:
    heard: list[Live] = [] if lives is None else lives
    return asyncio.run(measure_load(settings, of, production=False, at=datetime.now(UTC), tell=heard.append))


def words(run: LoadRun) -> str:
    return "" if run.problem is None else run.problem.text.format(**run.problem.params)


def processes(folder: str) -> list[str]:
    """Processes whose command or folder names a scratch folder or the probe."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes() if process.name.isdigit() else b""
            if folder.encode() in command or str((process / "cwd").readlink()).startswith(folder):
                found.append(f"{process.name} {command!r}")
        except OSError:
            continue
    return found


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


def test_a_load_test_is_measured_exactly(
    target: Target, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_TEST_SECRET", "Bearer hunter2-load-secret")
    with running_target() as elsewhere:
        file = MIXED.replace("{elsewhere}", f"{elsewhere.url}/stolen")
        settings = load_service(tmp_path, target.url, {"shop.py": file}, IDENTITY + HEADERS)
        lives: list[Live] = []
        run = measured(settings, profile((2, 2.0), (2, 1.0), ramp_up_s=0.5), lives)
        assert not elsewhere.requests, "the redirect was not followed"
    assert (run.ended, words(run)) == (Ended.FINISHED, "")
    assert run.environment_seen == ("staging", "staging")
    first, second = run.steps
    assert 0.5 <= first.measured_s <= 10 and 0.2 <= second.measured_s <= 10
    by_route = {(stats.module, stats.route): stats for stats in run.routes}
    good, bad = by_route["shopping", "/lists"], by_route["shopping", "/bad"]
    assert good.failed == 0 and good.succeeded.count > 5 and bad.succeeded.count == 0 and bad.failed > 5
    assert by_route["", "/me?page=1"].failed == 0 and by_route["shopping", "/near"].failed == 0
    latency = good.succeeded
    assert latency.p50_ms and latency.p95_ms and latency.p99_ms and latency.max_ms
    assert 0 < latency.p50_ms <= latency.p95_ms <= latency.p99_ms <= latency.max_ms
    causes = {(kind.module, kind.route): kind.cause for kind in run.failures}
    assert causes["shopping", "/bad"] == "HTTP 503"
    assert causes["shopping", "/away"] == causes["account", "/away"] == "host not in [load] hosts"
    assert causes["shopping", "/absolute"] == "host not in [load] hosts"
    assert causes["", "Plain (Locust file)"] == "raised KeyError"
    assert set(run.refused) == {elsewhere.url.removeprefix("http://"), "other.example:80"}
    assert (
        run.whole.requests
        == sum(stats.requests for stats in run.routes)
        == sum(step.whole.requests for step in run.steps)
    )
    assert {stats.module for stats in run.modules} == {"", "account", "shopping"}
    # The service itself counts: nothing that was sent is lost. Locust counts what it never sent, too.
    assert run.locust is not None and target.requests["/bad"] > bad.failed
    sent = sum(count for path, count in target.requests.items() if path not in ("/probe", "/id"))
    followed = target.requests["/lists"] - target.requests["/bad"]
    assert run.locust.requests - sent + followed >= 0
    seconds = first.measured_s + second.measured_s
    assert run.probe is not None and run.probe.planned == pytest.approx(50 * seconds, abs=3)
    assert 0 < run.probe.sent <= run.probe.planned and run.probe.latency.count == run.probe.sent
    assert run.probe.failed < run.probe.sent
    assert target.headers["Authorization"] == "Bearer hunter2-load-secret"
    assert run.generator is not None and run.generator.processes == 1
    assert run.generator.cpu_percent and run.generator.lag_ms is not None
    assert lives and lives[-1].steps == 2 and max(live.users for live in lives) == 2
    assert "hunter2" not in repr(run)
    assert not processes(str(scratch)) and not any(scratch.iterdir())


def test_a_target_that_does_not_answer_gets_no_load(tmp_path: Path, scratch: Path) -> None:
    with running_target() as gone:
        url = gone.url
    run = measured(load_service(tmp_path, url, {"shop.py": SHOP}), profile((1, 1.0)))
    assert run.ended is Ended.BROKEN and words(run).startswith("The tested service does not answer")
    assert run.whole.requests == 0 and run.steps[0].measured_s == 0 and run.probe is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [("production", "is production, not staging"), ("", "does not say which environment")],
)
def test_another_environment_than_declared_gets_no_load(
    said: str, reason: str, target: Target, tmp_path: Path, scratch: Path
) -> None:
    target.environment = said
    run = measured(load_service(tmp_path, target.url, {"shop.py": SHOP}, IDENTITY), profile((1, 1.0)))
    assert run.ended is Ended.BROKEN and reason in words(run) and set(target.requests) == {"/id"}


def test_production_is_refused_before_anything_is_sent(target: Target, tmp_path: Path) -> None:
    settings = load_service(tmp_path, target.url, {"shop.py": SHOP}, environment="production")
    with pytest.raises(UsageError, match="production"):
        measured(settings, profile((1, 1.0)))
    assert not target.requests


@pytest.mark.deep
def test_two_workers_lose_no_request(target: Target, tmp_path: Path, scratch: Path) -> None:
    settings = load_service(tmp_path, target.url, {"shop.py": SHOP}, "workers = { processes = 2 }\n")
    run = measured(settings, profile((4, 3.0)))
    assert (run.ended, words(run)) == (Ended.FINISHED, "")
    assert run.locust is not None and run.locust.requests == target.requests["/lists"]
    assert run.generator is not None and run.generator.processes == 3
    assert 0 < run.whole.requests <= target.requests["/lists"] and run.whole.failed == 0
    assert not processes(str(scratch))


@pytest.mark.deep
def test_workers_that_do_not_come(target: Target, tmp_path: Path, scratch: Path) -> None:
    more = "workers = { processes = 2, remote = 1, wait_s = 2 }\n"
    run = measured(load_service(tmp_path, target.url, {"shop.py": SHOP}, more), profile((4, 3.0)))
    assert (run.ended, words(run)) == (Ended.BROKEN, "Not all 3 workers connected in time")
    assert target.requests["/lists"] == 0 and not processes(str(scratch))


def master_of(scratch: str) -> int:
    """The process that leads Locust's workers."""
    return next(int(one.split()[0]) for one in processes(scratch) if "--master-bind-port" in one)


@pytest.mark.deep
@pytest.mark.parametrize(("number", "most_s"), [(signal.SIGTERM, 12), (signal.SIGKILL, 40)])
def test_a_remote_worker_ends_its_load_with_its_master(
    number: signal.Signals, most_s: int, target: Target, tmp_path: Path, scratch: Path
) -> None:
    """At once when the test was ended early; after 15 s when the master was killed: Locust's own patience is 60 s."""
    port = free_port()
    more = f"workers = {{ remote = 1, port = {port} }}\n"
    master = ["--master-host", "127.0.0.1", "--master-port", str(port)]
    with subprocess.Popen([sys.executable, "-m", "locust", "-f", "-", "--worker", *master], cwd=tmp_path) as worker:
        try:
            at_first_request(target, lambda: os.kill(master_of(str(scratch)), number))
            run = measured(load_service(tmp_path, target.url, {"shop.py": SHOP}, more), profile((2, 60.0)))
            assert run.ended is Ended.BROKEN and f"ended by {number.name}" in words(run)
            worker.wait(most_s)
        finally:
            worker.kill()


@pytest.mark.deep
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("class X(:\n", "shop.py: SyntaxError"),
        ("x = 1\n", "shop.py: No User class"),
        ("import nowhere_to_be_found\n", "shop.py: ModuleNotFoundError"),
    ],
)
def test_files_that_locust_cannot_use(content: str, reason: str, target: Target, tmp_path: Path, scratch: Path) -> None:
    run = measured(load_service(tmp_path, target.url, {"shop.py": content}), profile((1, 1.0)))
    assert run.ended is Ended.BROKEN and reason in words(run) and run.whole.requests == 0


@pytest.mark.deep
def test_a_module_whose_file_has_no_users_is_not_left_out_silently(
    target: Target, tmp_path: Path, scratch: Path
) -> None:
    settings = load_service(tmp_path, target.url, {"shop.py": SHOP, "lists.py": "x = 1\n"})
    run = measured(settings, profile((1, 1.0)))
    assert (run.ended, words(run)) == (Ended.BROKEN, "The Locust file lists.py has no User class")


@pytest.mark.deep
def test_users_that_never_get_going_are_failures(target: Target, tmp_path: Path, scratch: Path) -> None:
    broken = SHOP.replace("    @task", '    def on_start(self): raise KeyError("x")\n    @task')
    run = measured(load_service(tmp_path, target.url, {"shop.py": broken}), profile((2, 1.0), ramp_up_s=0.5))
    assert run.ended is Ended.FINISHED and (run.whole.succeeded.count, run.whole.failed) == (0, 2)
    assert run.whole.per_second == 0 and run.failures[0].cause == "raised KeyError"


def at_first_request(target: Target, act: Any) -> threading.Thread:
    """Does something once the load has been going for a second."""

    def wait() -> None:
        while target.requests["/lists"] < 20:
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.mark.deep
def test_a_target_that_dies_ends_the_test_early(target: Target, tmp_path: Path, scratch: Path) -> None:
    def die() -> None:
        target.alive = False

    more = "limits = { abort_after_s = 2 }\n"
    at_first_request(target, die)
    run = measured(load_service(tmp_path, target.url, {"shop.py": SHOP}, more), profile((3, 60.0), ramp_up_s=0))
    assert run.ended is Ended.ABORTED and "of the requests of 2.0 s failed" in words(run)
    assert run.whole.failed > 5 and run.probe is not None and run.probe.failed > 0
    assert not processes(str(scratch))


@pytest.mark.deep
def test_a_route_that_hangs_from_the_first_request_on_is_no_pass(target: Target, tmp_path: Path, scratch: Path) -> None:
    orders = SHOP.replace("Shop", "Orders").replace('"/lists"', '"/hangs"').replace("shopping:/lists", "orders:/x")
    settings = load_service(tmp_path, target.url, {"shop.py": SHOP, "orders.py": orders})
    run = measured(settings, profile((4, 2.0), ramp_up_s=0.5))
    assert run.ended is Ended.FINISHED and {module.module: module.failed for module in run.modules} == {
        "orders": 2,
        "shopping": 0,
    }


@pytest.mark.deep
def test_requests_without_an_answer_are_failures_not_omissions(target: Target, tmp_path: Path, scratch: Path) -> None:
    at_first_request(target, target.answering.clear)
    settings = load_service(tmp_path, target.url, {"shop.py": SHOP}, "limits = { abort_after_s = 60 }\n")
    run = measured(settings, profile((3, 3.0), ramp_up_s=0))
    assert run.ended is Ended.FINISHED and "does not answer: timeout, 2 s" in words(run)
    assert run.whole.failed == 3 and run.failures[0].cause == "unanswered when the test ended"
    assert run.probe is not None and run.probe.failed > 10 and run.probe.latency.max_ms == 2000.0
    assert run.locust is not None and run.locust.failures == 0, "Locust itself does not know of them"


@pytest.mark.deep
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_generator_that_is_ended_from_outside(
    number: signal.Signals, target: Target, tmp_path: Path, scratch: Path
) -> None:
    def end() -> None:
        for line in processes(str(scratch)):
            if "locust" in line:
                os.kill(int(line.split()[0]), number)

    at_first_request(target, end)
    run = measured(load_service(tmp_path, target.url, {"shop.py": SHOP}), profile((3, 60.0), ramp_up_s=0))
    assert run.ended is Ended.BROKEN and f"ended by {number.name}" in words(run)
    assert not processes(str(scratch))


OWNER = """
import asyncio, sys, tempfile
from datetime import UTC, datetime
from pathlib import Path
from tasks.load.measure import measure_load
from tasks.settings import load_settings
from tests.load_target import profile
tempfile.tempdir = sys.argv[2]
settings, steps = load_settings(Path(sys.argv[1])), profile((4, 60.0), ramp_up_s=0)
asyncio.run(measure_load(settings, steps, production=False, at=datetime.now(UTC)))
"""


@pytest.mark.deep
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_the_owner_is_gone(
    number: signal.Signals, target: Target, tmp_path: Path, scratch: Path
) -> None:
    load_service(tmp_path, target.url, {"shop.py": SHOP}, "workers = { processes = 2 }\n")
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "service.toml"), str(scratch)], stderr=subprocess.DEVNULL
    ) as owner:
        at_first_request(target, lambda: owner.send_signal(number)).join()
        owner.wait(60)
    deadline = time.monotonic() + 30
    left = [line for line in processes(str(scratch)) if not line.startswith(f"{owner.pid} ")]
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = [line for line in processes(str(scratch)) if not line.startswith(f"{owner.pid} ")]
    assert not left
