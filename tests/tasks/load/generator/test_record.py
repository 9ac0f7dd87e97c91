"""What each process of Locust records, and what made a request fail."""

import errno
import json
import runpy
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tasks.load.generator.locustfiles as locustfiles
from tasks.load.generator.figures import Requests, generator_figures, latency, split_name
from tasks.load.generator.trace import BLOCKS, Window, read_trace, windows
from tasks.secrets import keep_secret

RECORD = runpy.run_path(str(Path(locustfiles.__path__[0]) / "rounds_record.py"))


def kept(folder: Path, recorder: Any, process: str = "master", number: int = 0, skew: float = 0.0) -> None:
    block = recorder.take()
    rows = block.pop("rows")
    health = {"at": 10.0, "wall": 1.0, "cpu": 40.0, "late": [1.0, 2.0]}
    head = json.dumps({**block, "process": process, "number": number, "skew": skew, "health": health}).encode()
    with (folder / BLOCKS).open("ab") as out:
        out.write(struct.pack("<II", len(head), len(rows)) + head + rows)


def test_requests_come_back_exactly_over_blocks_and_processes(tmp_path: Path) -> None:
    first, second = RECORD["Recorder"](), RECORD["Recorder"]()
    first.add("shop:/a", 10.25, 1.2345678, "")
    first.add("shop:/b", 10.5, 2.5, "HTTP 503")
    kept(tmp_path, first)
    first.add("shop:/b", 11.0, 3.5, "")
    second.add("shop:/b", 1.0, 4.5, "")
    kept(tmp_path, first, number=1)
    kept(tmp_path, second, "worker", skew=10.0)
    trace = read_trace(tmp_path)
    seen = [(trace.names[name], start, ms, trace.causes[cause]) for start, ms, name, cause in trace.rows.tolist()]
    assert seen == [
        ("shop:/a", 10.25, 1.2345678, ""),
        ("shop:/b", 10.5, 2.5, "HTTP 503"),
        ("shop:/b", 11.0, 3.5, ""),
        ("shop:/b", 11.0, 4.5, ""),
    ]
    assert set(trace.processes) == {"master", "worker"} and trace.lost == ()


def test_a_block_that_is_missing_or_cut_short_is_noticed(tmp_path: Path) -> None:
    recorder = RECORD["Recorder"]()
    for number in (0, 2):
        recorder.add("a", 1.0, 1.0, "")
        kept(tmp_path, recorder, "worker", number)
    assert read_trace(tmp_path).lost == ("worker",)
    with (tmp_path / BLOCKS).open("r+b") as out:
        out.truncate((tmp_path / BLOCKS).stat().st_size - 3)
    assert len(read_trace(tmp_path).rows) == 1
    assert len(read_trace(tmp_path / "nowhere").rows) == 0


def test_names_and_causes_without_end_are_folded_and_none_is_lost(tmp_path: Path) -> None:
    recorder = RECORD["Recorder"]()
    for number in range(1000):
        recorder.add(f"shop:/items/{number}", 5.0, 1.0, f"cause {number}" if number % 2 else "")
        recorder.add(f"/plain?{number}", 5.0, 1.0, "")
    kept(tmp_path, recorder)
    requests = Requests(read_trace(tmp_path))
    mask = requests.within([Window(0.0, 10.0)])
    assert requests.whole(mask, 10.0).requests == 2000
    modules = {stats.module: stats.requests for stats in requests.by_module(mask, 10.0)}
    assert modules == {"shop": 1000, "": 1000}
    assert len(requests.by_route(mask, 10.0)) <= 202
    assert sum(kind.count for kind in requests.failures(mask)) == 500


def test_causes_of_a_route_beyond_ten_are_one(tmp_path: Path) -> None:
    recorder = RECORD["Recorder"]()
    for number in range(30):
        recorder.add("a", 5.0, 1.0, f"cause {number}")
    kept(tmp_path, recorder)
    requests = Requests(read_trace(tmp_path))
    found = requests.failures(requests.within([Window(0.0, 10.0)]))
    assert len(found) == 11 and found[0].cause == "other" and found[0].count == 20


@pytest.mark.parametrize(
    ("error", "status", "cause"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), None, "ConnectionRefusedError"),
        (ValueError("503 for url: http://x/?token=1"), 503, "HTTP 503"),
        ("not what was asked for", 200, "not what was asked for"),
        (TimeoutError(), 0, "TimeoutError"),
    ],
)
def test_causes_have_no_addresses(error: Any, status: int | None, cause: str) -> None:
    assert RECORD["cause_of"](error, status) == cause


def test_a_cause_is_found_inside_what_a_client_made_of_it() -> None:
    outer = RuntimeError(ValueError("pool"))
    outer.__context__ = ConnectionResetError(errno.ECONNRESET, "reset")
    assert RECORD["cause_of"](outer, None) == "ConnectionResetError"
    outer.__context__.__cause__ = type("RefusedAddress", (ConnectionRefusedError,), {})(errno.ECONNREFUSED, "x")
    assert RECORD["cause_of"](outer, None) == "host not in [load] hosts"


def test_a_delay_counts_for_every_timer_that_it_left_out() -> None:
    health = RECORD["Health"]()
    slept = iter((0.0, 0.3))

    class Enough(Exception):
        pass

    def sleep(seconds: float) -> None:
        more = next(slept, None)
        if more is None:
            raise Enough
        time.sleep(seconds + more)

    with pytest.raises(Enough):
        health.follow_timers(sleep)
    late = health.take()["late"]
    assert len(late) >= 7 and max(late) >= 300 and any(value >= 245 for value in late if value < max(late))


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("shopping:/lists", ("shopping", "/lists")),
        ("/lists", ("", "/lists")),
        ("http://shop/lists", ("", "http://shop/lists")),
        ("/a:b", ("", "/a:b")),
        ("Shop:/a", ("", "Shop:/a")),
        ("my-shop:/a:b", ("my-shop", "/a:b")),
        ("shop:", ("", "shop:")),
        (":x", ("", ":x")),
    ],
)
def test_module_and_route(name: str, pair: tuple[str, str]) -> None:
    assert split_name(name) == pair


def test_percentiles_are_values_that_were_measured() -> None:
    # Hyndman and Fan's type 1: of 1 … 100 the 95th, of ten the tenth.
    assert latency(np.arange(1.0, 101.0)).p95_ms == 95.0
    ten = latency(np.array([15, 20, 35, 40, 50, 1, 2, 3, 4, 5], float))
    assert (ten.p50_ms, ten.p95_ms, ten.p99_ms, ten.max_ms) == (5.0, 50.0, 50.0, 50.0)
    assert latency(np.array([])).p50_ms is None and latency(np.array([])).count == 0


def test_a_window_begins_when_all_users_are_there() -> None:
    lines = [
        {"kind": "step", "step": 0, "at": 100.0},
        {"kind": "spawned", "at": 101.0},
        {"kind": "step", "step": 1, "at": 110.0},
        {"kind": "spawned", "at": 117.0},
        {"kind": "end", "at": 130.0},
    ]
    assert windows(lines, 3, 5.0, 140.0) == (Window(105.0, 110.0), Window(117.0, 130.0), Window(0.0, 0.0))
    assert windows(lines[:2], 1, 5.0, 107.0) == (Window(105.0, 107.0),)
    assert windows(lines[:1], 1, 5.0, 107.0) == (Window(0.0, 0.0),), "not all users were there"


def test_only_requests_that_started_within_count_but_what_a_file_raises_at_the_start_does(tmp_path: Path) -> None:
    recorder = RECORD["Recorder"]()
    for at in (4.99, 5.0, 9.99, 10.0):
        recorder.add("shop:/a", at, 1.0, "")
    recorder.add("Shop (Locust file)", 1.0, 0.0, "raised KeyError")
    kept(tmp_path, recorder)
    requests = Requests(read_trace(tmp_path))
    mask = requests.within([Window(5.0, 10.0)], [Window(0.0, 5.0)])
    whole = requests.whole(mask, 5.0)
    assert (whole.succeeded.count, whole.failed, whole.per_second) == (2, 1, 0.4)


def test_a_request_of_the_ramp_up_that_stays_open_is_not_left_out(tmp_path: Path) -> None:
    recorder = RECORD["Recorder"]()
    for name, at, ms in (("shop:/hangs", 4.0, 7000.0), ("shop:/a", 4.0, 1000.0), ("shop:/a", 4.0, 5999.0)):
        recorder.add(name, at, ms, RECORD["UNANSWERED"] if ms == 7000.0 else "")
    recorder.add("shop:/a", 6.0, 1.0, "")
    kept(tmp_path, recorder)
    requests = Requests(read_trace(tmp_path))
    mask = requests.within([Window(5.0, 10.0), Window(0.0, 0.0)], [Window(0.0, 5.0), Window(0.0, 0.0)])
    assert {route.route: route.requests for route in requests.by_route(mask, 5.0)} == {"/hangs": 1, "/a": 1}


def test_what_is_cut_off_a_long_name_or_cause_is_no_half_of_a_secret(tmp_path: Path) -> None:
    secret = "planted" * 20
    keep_secret(secret)
    recorder = RECORD["Recorder"]()
    recorder.add("shop:" + "/x" * 90 + secret, 5.0, 1.0, "x" * 190 + secret)
    recorder.add("shop:" + "/y" * 1_000_000, 5.0, 1.0, "y" * 1_000_000)
    kept(tmp_path, recorder)
    requests = Requests(read_trace(tmp_path))
    mask = requests.within([Window(0.0, 10.0)])
    shown = [route.route for route in requests.by_route(mask, 1.0)] + [k.cause for k in requests.failures(mask)]
    assert len(shown) == 4 and max(map(len, shown)) <= 200 and "plant" not in "".join(shown)
    assert (tmp_path / BLOCKS).stat().st_size < 20_000


def test_the_busiest_process_counts(tmp_path: Path) -> None:
    recorder = RECORD["Recorder"]()
    kept(tmp_path, recorder)
    trace = read_trace(tmp_path)
    found = generator_figures(trace.processes, [Window(9.0, 11.0)])
    assert found is not None and (found.processes, found.cpu_percent, found.lag_ms) == (1, 40.0, 2.0)
    outside = generator_figures(trace.processes, [Window(20.0, 30.0)])
    assert outside is not None and outside.cpu_percent is None and outside.lag_ms is None
    assert generator_figures({}, []) is None
