"""The sign of life: a call outwards after each cycle, whose address nobody sees."""

import asyncio
import logging
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from tasks.alerts import heartbeat
from tasks.alerts.heartbeat import beat
from tests.cycles import FAST, MINUTE, watched
from tests.operated import Operate, Operated

HANGS_S = 60.0
SECRET = "5f1c0ffee-very-secret"
ALERTS = '[alerts]\nheartbeat = { env = "SHOP_HEARTBEAT" }\n[[oncall.person]]\nname = "yui"\nmail = "y@shop.example"\n'


class Waiting:
    """Whoever waits for the calls: notes when each came, and answers as it is set; without a status it hangs."""

    def __init__(self) -> None:
        self.status: int | None = 200
        self.calls: list[tuple[str, float]] = []
        self.authorized: list[str | None] = []
        self.released = threading.Event()
        waiting = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                waiting.calls.append((self.path, time.monotonic()))
                given = self.headers.get("Authorization")
                waiting.authorized.append(given and given.removeprefix("Basic "))
                if waiting.status is None:
                    waiting.released.wait(HANGS_S)
                    return
                self.send_response(waiting.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/ping/{SECRET}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    waiting = Waiting()
    yield waiting
    waiting.released.set()
    waiting.server.shutdown()
    waiting.server.server_close()


@pytest.fixture
def shop(operate: Operate, waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> Operated:
    monkeypatch.setenv("SHOP_HEARTBEAT", waiting.url)
    return operate(more=ALERTS)


def beats(shop: Operated) -> str | None:
    assert shop.settings.alerts is not None
    return asyncio.run(beat(shop.settings, shop.settings.alerts))


def test_it_is_called_and_says_nothing(
    shop: Operated, waiting: Waiting, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    assert beats(shop) is None
    monkeypatch.setenv("SHOP_HEARTBEAT", waiting.url.replace("http://", f"http://me:{SECRET}@"))
    assert beats(shop) is None
    assert [path for path, _ in waiting.calls] == [f"/ping/{SECRET}"] * 2
    assert waiting.authorized == [None, b64encode(f"me:{SECRET}".encode()).decode()]
    assert SECRET not in caplog.text


@pytest.mark.parametrize("status", [301, 404, 500])
def test_any_answer_but_success_is_a_problem(shop: Operated, waiting: Waiting, status: int) -> None:
    waiting.status = status
    assert beats(shop) == f"the heartbeat was answered with HTTP {status}"


def test_one_that_hangs_holds_nobody_up(shop: Operated, waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_LONGEST_S", 0.3)
    waiting.status = None
    began = time.monotonic()
    assert beats(shop) == "the heartbeat was not answered within 0.3 s"
    assert time.monotonic() - began < HANGS_S / 2


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/{}", "http://user:{}@[bad/", "ftp://127.0.0.1/{}", "{}", "http://\x00{}"]
)
def test_an_address_that_does_not_work_is_a_problem_that_does_not_name_it(
    operate: Operate, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    shop = operate(more=ALERTS.replace('{ env = "SHOP_HEARTBEAT" }', '{ file = "beat" }'))
    shop.settings.path.with_name("beat").write_text(url.format(SECRET))
    problem = beats(shop)
    assert problem is not None and SECRET not in problem


def test_a_secret_that_is_missing_is_named_by_its_key(shop: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_HEARTBEAT")
    assert "alerts.heartbeat" in str(beats(shop)) and "SHOP_HEARTBEAT" in str(beats(shop))


@pytest.mark.usefixtures("prefect")
def test_each_cycle_calls_it_once_and_its_address_is_in_no_log(
    shop: Operated, waiting: Waiting, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    waiting.status = 500
    quarter = watched(2).quarter
    assert (quarter.minutes, len(waiting.calls)) == (2, 2)
    assert "the heartbeat was answered with HTTP 500" in quarter.text
    assert SECRET not in caplog.text and SECRET not in quarter.text


@pytest.mark.usefixtures("prefect")
def test_a_cycle_whose_alerts_broke_gives_no_sign_of_life(
    shop: Operated, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.rows("ALTER TABLE alert_episodes RENAME TO gone")
    quarter = watched(1).quarter
    assert (quarter.complete, waiting.calls) == (0, [])


@pytest.mark.usefixtures("prefect")
def test_case_17_when_the_scheduler_stops_whoever_waits_for_the_heartbeat_misses_it_within_two_intervals(
    shop: Operated, waiting: Waiting
) -> None:
    watched(3)
    stopped = time.monotonic()
    times = [at for _, at in waiting.calls]
    interval = MINUTE.total_seconds() / FAST
    assert len(times) == 3
    # Whoever allows an interval and as much again is not alarmed while it runs, and is at the latest two intervals
    # after the last sign of life: that came in the last interval that began before the stop.
    assert all(later - earlier < 2 * interval for earlier, later in pairwise(times))
    assert stopped - times[-1] < interval
    time.sleep(max(0.0, times[-1] + 2 * interval - time.monotonic()))
    assert len(waiting.calls) == 3
