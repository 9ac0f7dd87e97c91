"""What a line says, however it is written; nothing that it holds may stop the reading."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.logs.lines.record import Record, error_parts, instant, is_there, milliseconds, reader_of, status_of
from tasks.logs.settings import Fields, Source
from tests.deep import examples

TOKYO = ZoneInfo("Asia/Tokyo")
PLAIN = Source(name="app", kind="file", paths=("app.log",))
MAPPED = Source(
    name="ecs", kind="file", paths=("app.log",), fields=Fields(level="log.level", status="http.response.code")
)
COMBINED = Source(name="nginx", kind="file", paths=("access.log",), format="combined")
LINE = b'{"timestamp": "2026-11-24T09:00:00Z", "level": "error", "message": "x", "status": 503, "duration": 12}'


def read(line: bytes, source: Source = PLAIN) -> Record:
    record = reader_of(source)(line)
    assert record is not None
    return record


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        b"\xef\xbb\xbf" + LINE,
        b"\x00" * 300 + LINE,
        LINE + b"\r",
        b"  " + LINE + b"\t",
        LINE.replace(b'"x"', b'"x\xff\xfe"'),
        LINE.replace(b'"x"', b'"\\ud800"'),
        LINE.replace(b'"x"', b'"x", "load": NaN'),
        LINE.replace(b'"x"', b'"x", "more": {"a": [1, {"b": null}]}'),
        LINE.replace(b'"x"', b'"x", "level": "info", "level": "error"'),
        LINE.replace(b'"x"', b'"x", "status": {}, "status": 503'),
    ],
)
def test_an_error_line_is_read_however_it_is_written(line: bytes) -> None:
    record = read(line)
    assert (record.timestamp, record.level, record.status, record.duration, record.drifted) == (
        "2026-11-24T09:00:00Z",
        "error",
        503,
        12,
        False,
    )


@pytest.mark.parametrize("extra", [b"", b', "load": NaN'])
@pytest.mark.parametrize(
    "source", [PLAIN, MAPPED, Source(name="n", kind="file", paths=("a",), fields=Fields(url="a.b"))]
)
def test_of_a_key_that_comes_twice_the_last_one_counts(source: Source, extra: bytes) -> None:
    record = read(b'{"message": "first", "module": "a", "message": "second", "module": "b"%b}' % extra, source)
    assert (record.message, record.module, record.drifted) == ("second", "b", False)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Traceback (most recent call last):",
        LINE[:-10],
        LINE + LINE,
        b"[1]",
        b'"text"',
        b"17",
        b"null",
        b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"error": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"a": ' * 20_000,
        b'{"status": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_line_is_none(line: bytes) -> None:
    assert reader_of(PLAIN)(line) is None
    assert reader_of(MAPPED)(line) is None


def test_values_of_an_unexpected_type_are_null_and_counted() -> None:
    record = read(b'{"status": {"code": 503}, "level": ["error"], "module": [], "timestamp": {}, "message": "x"}')
    assert (record.status, record.module, record.timestamp, record.message, record.drifted) == (
        None,
        None,
        None,
        "x",
        True,
    )
    assert record.level == "(list)"  # it may say anything, and is not taken for none


def test_a_dot_leads_into_an_object_unless_it_is_part_of_a_name() -> None:
    assert read(b'{"log": {"level": "error"}, "http": {"response": {"code": 503}}}', MAPPED).level == "error"
    assert read(b'{"log.level": "warn", "log": {"level": "error"}}', MAPPED).level == "warn"
    assert read(b'{"log": "text"}', MAPPED).level is None


@pytest.mark.parametrize("end", [b"", b"\r", b"\x00"])
def test_an_access_line(end: bytes) -> None:
    line = b'::1 - - [24/Nov/2026:18:00:00 +0900] "GET /items HTTP/1.1" 503 5 "-" "curl" rt=0.25' + end
    record = read(line, COMBINED)
    assert (record.method, record.url, record.status, record.duration) == ("GET", "/items", 503, 250.0)
    assert instant(record.timestamp, UTC) == datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize("error", ["null", "false", "0", '""', "{}", "[]"])
def test_an_empty_error_is_none(error: str) -> None:
    assert not is_there(read(b'{"error": %s}' % error.encode()).error)


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        ('"boom"', ("", "boom", "")),
        ('{"name": "E", "message": "m", "stack": "s"}', ("E", "m", "s")),
        ('{"type": "E", "message": {"a": 1}}', ("E", "", "")),
        ('{"name": 5, "message": null, "stack": ["s"]}', ("5", "", "")),
        ('["boom"]', ("", "", "")),
        ("true", ("", "", "")),
        ('{"message": "\\ud800"}', ("", "\ud800", "")),
    ],
)
def test_the_parts_of_an_error(error: str, parts: tuple[str, str, str]) -> None:
    record = read(b'{"error": %s}' % error.encode())
    assert is_there(record.error)
    assert error_parts(record.error) == parts


def test_an_error_that_is_no_utf8_is_one() -> None:
    record = read(b'{"error": {"name": "E\xff", "message": "m"}}')
    assert error_parts(record.error) == ("E\ufffd", "m", "")


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (None, (None, False)),
        (200, (200, False)),
        (100, (100, False)),
        (599, (599, False)),
        (99, (None, True)),
        (600, (None, True)),
        ("503", (503, True)),
        (503.0, (503, True)),
        (503.5, (None, True)),
        ("ok", (None, True)),
        (True, (None, True)),
        (float("nan"), (None, True)),
        (10**400, (None, True)),
    ],
)
def test_a_status_of_another_type_is_used_and_counted(value: Any, status: tuple[int | None, bool]) -> None:
    assert status_of(value) == status


@pytest.mark.parametrize(
    ("value", "unit", "duration"),
    [
        (None, "ms", (None, False)),
        ("-", "ms", (None, False)),
        (12, "ms", (12.0, False)),
        (0, "ms", (0.0, False)),
        (0.25, "s", (250.0, False)),
        (1500, "us", (1.5, False)),
        ("12", "ms", (12.0, True)),
        ("12ms", "ms", (None, True)),
        ("12,5", "ms", (None, True)),
        ("0:00:01.2", "s", (None, True)),
        (-1, "ms", (None, True)),
        (True, "ms", (None, True)),
        (float("nan"), "ms", (None, True)),
        (float("inf"), "ms", (None, True)),
        (10**400, "ms", (None, True)),
    ],
)
def test_a_duration_of_another_type_is_used_and_counted(
    value: Any, unit: str, duration: tuple[float | None, bool]
) -> None:
    assert milliseconds(value, unit) == duration


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-24T09:00:00.5Z",
        "2026-11-24T09:00:00.500000000Z",
        "2026-11-24T18:00:00.5+09:00",
        "2026-11-24T18:00:00.5+0900",
        "2026-11-24T18:00:00.5",
        "2026-11-24 18:00:00,5",
        1795510800.5,
        "1795510800.5",
        1795510800500,
        "1795510800500",
        1795510800500000,
        1795510800500000000,
        datetime(2026, 11, 24, 4, 0, 0, 500_000, timezone(-timedelta(hours=5))),
    ],
)
def test_one_moment_in_many_ways(value: Any) -> None:
    assert instant(value, TOKYO) == datetime(2026, 11, 24, 9, 0, 0, 500_000, UTC)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, [], {}, "", "yesterday", "2026-13-01T00:00:00Z", "²", float("nan"), float("inf"), 10**400),
        *(0, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z"),
    ],
)
def test_what_is_no_time_is_none(value: Any) -> None:
    assert instant(value, TOKYO) is None


@pytest.mark.parametrize("value", ["2000-01-01T00:00:00Z", "2099-12-31T23:59:59Z"])
def test_the_first_and_the_last_times(value: str) -> None:
    assert instant(value, TOKYO) == datetime.fromisoformat(value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.dictionaries(st.sampled_from([*Fields().model_dump().values(), "more"]), VALUES, max_size=4),
    st.binary(max_size=9),
)
def test_whatever_a_line_holds_it_is_read_or_refused(data: dict[str, Any], noise: bytes) -> None:
    for line in (
        json.dumps(data).encode(),
        json.dumps(data, ensure_ascii=False).encode(errors="replace") + noise,
        noise,
    ):
        for source in (PLAIN, MAPPED, COMBINED):
            record = reader_of(source)(line)
            if record is not None:
                status_of(record.status)
                milliseconds(record.duration, source.duration_unit)
                instant(record.timestamp, TOKYO)
                error_parts(record.error)
    assert reader_of(PLAIN)(json.dumps(data).encode()) is not None
