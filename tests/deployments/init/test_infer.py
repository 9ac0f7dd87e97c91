"""What is read out of the first lines of a log: format, fields, unit, routes, modules."""

import gzip
import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.init.durations import decide_unit
from deployments.init.infer import Log, infer
from deployments.init.samples import Sample, sample_command, sample_files
from tasks.toml import comment, quoted
from tests.deep import examples
from tests.english import english

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
AT = "2026-11-25T08:59:58.123Z"


def of(lines: list[Any]) -> Log:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return infer(Sample("app.log", tuple(raw), paths=("app.log",)))


def guide_line(n: int, **more: Any) -> dict[str, Any]:
    """A line as the guide's service writes it."""
    line = {"timestamp": AT, "level": "info", "service": "shop", "message": "answered", "requestId": f"r{n}"}
    line |= {"method": "GET", "url": f"/api/items/{n}", "status": 200, "duration": 35.5, "module": "items"}
    return line | more


def problems(sample: Sample) -> tuple[str, ...]:
    return english(*((problem,) for problem in sample.problems))


def test_a_log_as_the_guide_wants_it_needs_no_mapping() -> None:
    failed = guide_line(1, status=500, url="/api/orders", error={"name": "E", "message": "m"}, module="orders")
    log = of([*(guide_line(n) for n in range(30)), failed])
    assert log.format == "json" and (log.lines, log.unread, log.requests) == (31, 0, 31)
    wanted = ["timestamp", "level", "module", "message", "method", "url", "status", "duration", "error"]
    assert log.fields == {**{name: name for name in wanted}, "request_id": "requestId"}
    assert (log.unit, log.doubts) == ("ms", ())
    assert "duration: duration is in ms: by its values (median 35.5)" in english(*log.notes)
    assert [(route.pattern, route.module) for route in log.routes] == [
        ("/api/items/:id", "items"),
        ("/api/orders", "orders"),
    ]
    assert log.gets == () and log.modules == {"items": 30, "orders": 1}


def test_an_nginx_log_in_json_is_read_with_seconds() -> None:
    lines = [
        {
            "time_local": "25/Nov/2026:08:59:58 +0000",
            "time_iso8601": "2026-11-25T08:59:58+00:00",
            "msec": "1795597198.123",
            "request": f"GET /{'api/v2/items' if n % 3 else 'static/app.css'}?page={n} HTTP/1.1",
            "status": "200",
            "request_time": f"0.{n:03}",
            "upstream_response_time": "-",
        }
        for n in range(60)
    ]
    log = of(lines)
    assert log.fields == {
        "timestamp": "time_iso8601",
        "request": "request",
        "status": "status",
        "duration": "request_time",
    }
    assert (log.unit, log.doubts) == ("s", ())
    assert [(route.pattern, route.module, route.requests) for route in log.routes] == [("/api/v2/items", "items", 40)]
    assert log.gets == ("/api/v2/items",)  # no style sheet


def test_a_local_time_alone_is_reported_and_not_mapped() -> None:
    log = of([{"time_local": "25/Nov/2026:08:59:58 +0000", "status": 200, "request_time": 0.1}] * 5)
    assert "timestamp" not in log.fields
    assert "time_local is not ISO 8601 and cannot be read: log $time_iso8601 (nginx) instead" in english(*log.notes)
    assert english(*log.doubts) == ("timestamp: no field was found; without it the round is Incomplete",)


def test_nested_fields_and_other_names_are_found() -> None:
    line = {
        "@timestamp": AT,
        "log": {"level": "WARN", "logger": "shop.items"},
        "http": {"request": {"method": "GET"}, "response": {"status_code": 404}},
        "url": {"path": "/items/17", "domain": "shop.example"},
        "msg": "not there",
        "took_us": 52_000,
        "err": None,
        "service": {"version": "1.4.2"},
        "trace": {"id": "abc"},
    }
    log = of([line, {**line, "err": {"message": "boom"}, "log": {"level": "ERROR", "logger": "shop.users"}}] * 5)
    assert log.fields == {
        "timestamp": "@timestamp",
        "level": "log.level",
        "module": "log.logger",
        "method": "http.request.method",
        "status": "http.response.status_code",
        "url": "url.path",
        "message": "msg",
        "duration": "took_us",
        "error": "err",
        "release": "service.version",
        "request_id": "trace.id",
    }
    assert log.unit == "us" and log.routes == ()  # nobody answers 404


def test_a_field_is_only_mapped_if_its_values_are_of_its_kind() -> None:
    line = {"time": AT, "status": "done", "url": "somewhere", "duration": "35ms", "module": {"a": 1}, "error": False}
    log = of([{**line, "level": "loud"}] * 10)
    assert log.fields == {"timestamp": "time"}
    assert log.requests == 0
    assert "the values of duration carry their unit, which cannot be read: log a number" in english(*log.notes)


def test_what_is_found_by_values_alone_is_to_be_checked() -> None:
    log = of([{"when": AT, "line": "GET /a HTTP/1.1", "status": 200, "duration_ms": 12}] * 10)
    assert log.fields["timestamp"] == "when" and log.fields["request"] == "line"
    assert english(*log.doubts) == (
        "fields.request = line was found by its values alone",
        "fields.timestamp = when was found by its values alone",
    )


def test_one_module_for_every_line_hides_what_the_addresses_tell() -> None:
    log = of([guide_line(n, module="web") for n in range(10)])
    assert "module" not in log.fields and log.modules == {}
    assert [(route.pattern, route.module) for route in log.routes] == [("/api/items/:id", "items")]


COMBINED = '10.0.0.1 - - [25/Nov/2026:08:59:58 +0000] "GET /api/items HTTP/1.1" 200 12 "-" "curl"'


@pytest.mark.parametrize(
    ("behind", "note", "doubts"),
    [
        ("", "no duration behind the format", 0),
        (" 0.035", "the number behind the format is read as seconds", 0),
        (" 35211", "the number behind the format is read as seconds", 1),
    ],
)
def test_a_combined_log(behind: str, note: str, doubts: int) -> None:
    log = of([f"{COMBINED}{behind}".encode()] * 20 + [b"torn"])
    assert (log.format, log.lines, log.unread, log.requests) == ("combined", 21, 1, 20)
    assert english(*log.notes)[0].startswith(note) and len(log.doubts) == doubts
    assert log.gets == ("/api/items",)


@pytest.mark.parametrize(
    "lines", [[], [b"", b"\x00\x00"], [b"INFO started", b"WARN slow", b'{"time": 1}', b"[1]", b"["]]
)
def test_other_lines_are_counted_and_give_no_source(lines: list[bytes]) -> None:
    log = of(lines)
    assert log.format is None and log.lines == log.unread == sum(bool(line.strip(b"\x00")) for line in lines)


def test_hostile_lines_break_nothing() -> None:
    deep = b"[" * 20_000
    hostile = [
        {**guide_line(1, url=f"/a\u202e\n/{c}"), f"{c}\ud800": 1, "x" * 5000: {"y": {"z": {"a": {"b": {"c": 1}}}}}}
        for c in "\x00\x1b'\"\\"
    ]
    log = of([*hostile, *(guide_line(n, url="/:id/*") for n in range(9)), deep, b"\xff\xfe", b'{"a": NaN}'])
    assert log.format == "json" and log.unread == 2
    assert all("\n" not in route.pattern and "\u202e" not in route.pattern for route in log.routes)
    assert log.gets == ()


def test_addresses_that_do_something_or_name_one_thing_are_not_sampled() -> None:
    paths = ["/logout", "/items/17", "/export/all", "/a.png", "/search", "/:x", "/a%0a", "/", "/reset/kJdHwQpLxzR"]
    paths += ["/share/qwrtpsdfgh", "/join/abcdefghijklmnopqrstuvwxy", "/~kim", "/u/kim@example.com", "/k1"]
    log = of([guide_line(n, url=path) for n, path in enumerate(paths * 3)])
    assert log.gets == ("/search",)


def test_addresses_of_plain_words_are_sampled_once_they_were_asked_for_several_times() -> None:
    paths = ["/api/v2/order-items", "/orderItems/open", "/API/users_list"]
    log = of([*(guide_line(n, url=path) for n, path in enumerate(paths * 3)), *[guide_line(9, url="/rare")] * 2])
    assert log.gets == tuple(paths)


def test_personal_data_is_in_no_module_and_no_route() -> None:
    log = of([guide_line(n, module=f"kim{n}@example.com", url=f"/u/kim{n}@example.com/x") for n in range(9)])
    assert log.modules == {"<email>": 9}
    assert [route.pattern for route in log.routes] == ["/u/:id/x"] and log.routes[0].module is None


def test_a_route_that_is_only_an_id_would_match_everything() -> None:
    log = of([guide_line(n, url=url) for n, url in enumerate(["/17", "/api/17", "/api/v1/18", "/api/v1/items/19"])])
    assert [route.pattern for route in log.routes] == ["/api/v1/items/:id"]


@pytest.mark.parametrize(
    ("name", "values", "unit", "sure"),
    [
        ("duration_ms", [12.0, 0.4], "ms", True),
        ("durationMs", [12.0], "ms", True),
        ("elapsedInMillis", [12.0], "ms", True),
        ("latency_us", [12000.0], "us", True),
        ("http.duration_seconds", [0.2], "s", True),
        ("request_time", [0.0, 0.012], "s", True),
        ("request_time", [10.0], "s", True),  # at the longest usual
        ("request_time", [11.0, 250.0], "ms", False),
        ("duration_ms", [0.005], "ms", True),
        ("duration_ms", [0.004], "s", False),
        ("duration", [0.012, 0.08], "s", True),
        ("duration", [0.12, 0.3], "s", False),  # 0.21: 210 ms or 0.21 ms
        ("duration", [0.6], "ms", False),
        ("duration", [10.0], "ms", False),  # 10 s or 10 ms
        ("duration", [10.5], "ms", True),
        ("duration", [99.0], "ms", True),
        ("duration", [4999.0], "ms", False),
        ("duration", [5000.0], "us", False),
        ("duration", [35_000.0], "us", True),
        ("responseTime", [35.0], "ms", True),
        ("duration", [0.0], "ms", False),
        ("request_time", [], "s", True),
        ("event.duration", [1e9], None, False),
        ("took_ns", [1e6], None, False),
    ],
)
def test_the_unit_of_a_duration(name: str, values: list[float], unit: str | None, sure: bool) -> None:
    decided = decide_unit(name, values)
    assert (decided.unit, decided.sure) == (unit, sure)


def test_files_are_sampled_by_what_they_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = json.dumps(guide_line(1)).encode() + b"\n"
    (tmp_path / "a.log.gz").write_bytes(b"\n" + line * 1500)  # plain text in spite of its name
    (tmp_path / "a.log").write_bytes(gzip.compress(line * 3))
    (tmp_path / "b.log").write_bytes(b"")
    (tmp_path / "c[1].log").write_bytes(line)
    sampled = sample_files("a.log*")
    assert len(sampled.lines) == 1004 and sampled.problems == ()
    assert sampled.paths == (str(tmp_path / "a.log*"),)
    assert sample_files("a.log").lines == (line.strip(),) * 3 + (b"",)
    assert sample_files("b.log").lines == (b"",)
    assert sample_files("c[1].log").lines == (line.strip(), b"")
    assert problems(sample_files("gone.log")) == ("No file matches gone.log: correct [[logs.source]] paths",)


def test_a_command_is_asked_for_the_last_hour() -> None:
    sample = sample_command(("echo", '{"since": "{since}"}'), NOW)
    assert sample.lines == (b'{"since": "2026-11-25T08:00:00Z"}',)
    assert NOW - timedelta(hours=1) == datetime(2026, 11, 25, 8, tzinfo=UTC)
    failed = sample_command(("sh", "-c", "echo a; echo no pods of kim@example.com >&2; exit 3", "{since}"), NOW)
    assert failed.lines == () and problems(failed) == ("The command exited with status 3: no pods of <email>",)
    gone = sample_command(("no-such-program", "{since}"), NOW)
    assert problems(gone) == ("Program no-such-program is not installed on this machine",)


def test_of_a_command_that_gives_very_much_the_first_lines_are_taken() -> None:
    line = json.dumps(guide_line(1) | {"message": "x" * 5000})
    busy = sample_command(("sh", "-c", f"while true; do echo '{line}'; done", "{since}"), NOW)
    assert len(busy.lines) > 500 and set(busy.lines) == {line.encode()} and busy.problems == ()
    assert infer(busy).requests == len(busy.lines)


@settings(max_examples=examples(60), deadline=None)
@given(st.text())
def test_a_text_reads_back_from_toml_and_stays_in_its_comment(text: str) -> None:
    read = tomllib.loads(f"{comment(text)}\na = {quoted(text)}  {comment(text)}\nb = 1\n")
    assert read == {"a": text, "b": 1}


def test_what_toml_cannot_hold_is_replaced() -> None:
    assert tomllib.loads(f"a = {quoted('x' + chr(0xD800))}") == {"a": "x\ufffd"}
    assert "\u202e" not in quoted("a\u202eb") + comment("a\u202eb")
