"""Access log lines: every request of the format is read, however odd, and nothing else."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.logs.lines.access import AccessLine, DurationField, parse_combined
from tests.deep import examples

# The example of Apache's manual, "Log Files".
COMMON = '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326'
COMBINED = COMMON + ' "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
AT = datetime(2000, 10, 10, 13, 55, 36, tzinfo=timezone(timedelta(hours=-7)))
LINE = AccessLine(AT, "GET", "/apache_pb.gif", 200, 2326, None)


def parsed(line: str, duration: DurationField = "none") -> AccessLine:
    found = parse_combined(line, duration)
    assert found is not None
    return found


def of_request(request: str) -> tuple[str, str]:
    line = parsed(COMMON.replace("GET /apache_pb.gif HTTP/1.0", request))
    assert line.status == 200
    return line.method, line.url


@pytest.mark.parametrize(
    "line",
    [
        COMMON,
        COMBINED,
        COMBINED + "\r\n",
        "shop.example:443 " + COMBINED,
        COMBINED.replace("frank", "frank von [x] und zu"),
        COMBINED.replace("127.0.0.1", "2001:db8::1"),
        COMBINED.replace("start.html", "[10/Oct/2001:00:00:00 +0000]"),
    ],
)
def test_a_line_of_the_format_is_read(line: str) -> None:
    assert parsed(line) == LINE


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-",
        "hello",
        '{"status":200}',
        COMMON[:-9],
        COMMON.replace("10/Oct", "31/Feb"),
        COMMON.replace("10/Oct", "１０/Oct"),
        COMMON.replace("Oct", "Okt"),
        COMMON.replace("13:55", "24:55"),
        COMMON.replace("-0700", "-9900"),
        COMMON.replace("200", "2000"),
        COMMON.replace(" 2326", ""),
        COMMON.replace("HTTP/1.0", 'HTTP/1.0"'),
    ],
)
def test_another_line_is_not(line: str) -> None:
    assert parse_combined(line) is None


class TestTime:
    """With its offset; no locale is asked."""

    @pytest.mark.parametrize(("month", "number"), [("Jan", 1), ("Feb", 2), ("May", 5), ("Sep", 9), ("Dec", 12)])
    def test_months_are_english(self, month: str, number: int) -> None:
        assert parsed(COMMON.replace("Oct", month)).time.month == number

    @pytest.mark.parametrize(("offset", "hour"), [("+0000", 13), ("+0900", 4), ("-0030", 14), ("+0545", 8)])
    def test_the_offset_counts(self, offset: str, hour: int) -> None:
        at = parsed(COMMON.replace("-0700", offset)).time
        assert at.utcoffset() is not None
        assert at.astimezone(UTC).hour == hour

    def test_a_leap_second_is_the_one_before(self) -> None:
        assert parsed(COMMON.replace(":36", ":60")).time.second == 59
        assert parse_combined(COMMON.replace(":36", ":61")) is None


class TestRequest:
    """A line is never dropped because its request is garbage."""

    @pytest.mark.parametrize(
        ("request_line", "method", "url"),
        [
            ("POST /a?b=c HTTP/2.0", "POST", "/a?b=c"),
            ("GET /a", "GET", "/a"),
            ("GET /with space HTTP/1.1", "GET", "/with space"),
            ("GET / HTTP/1.1 HTTP/1.1", "GET", "/ HTTP/1.1"),
            ("M-SEARCH * HTTP/1.1", "M-SEARCH", "*"),
            (r"GET /a\"b\x22 HTTP/1.1", "GET", r"/a\"b\x22"),
            ("GET /材料 HTTP/1.1", "GET", "/材料"),
            ("", "", ""),
            ("-", "", ""),
            (r"\x16\x03\x01", "", ""),
            ("\x16\x03\x01\x00", "", ""),
            (r"\x16\x03\x01 \x02", "", ""),
            ("get /a HTTP/1.1", "", ""),
            ("GET", "", ""),
            ("GET ", "", ""),
            ("ABCDEFGHIJKLMNOPQRSTU /a HTTP/1.1", "", ""),
        ],
    )
    def test_its_method_and_address(self, request_line: str, method: str, url: str) -> None:
        assert of_request(request_line) == (method, url)

    def test_no_size_and_no_answer(self) -> None:
        line = parsed(COMMON.replace("200 2326", "- -"))
        assert (line.status, line.size) == (0, None)

    def test_a_closed_connection(self) -> None:
        assert parsed(COMMON.replace("200 2326", "499 0")).status == 499


class TestDuration:
    """Only when the log is said to have one, in the unit it is said to have."""

    @pytest.mark.parametrize(
        ("line", "unit", "ms"),
        [
            (COMBINED + " 0.123", "seconds", 123.0),
            (COMMON + " 0.123", "seconds", 123.0),
            (COMBINED + ' "203.0.113.7" 0.123 0.100 .', "seconds", 123.0),
            (COMBINED + " uct=9 rt=0.123 5", "seconds", 123.0),
            (COMBINED + " 1500", "microseconds", 1.5),
            (COMBINED + " 0", "microseconds", 0.0),
            (COMBINED + " -", "seconds", None),
            (COMBINED + " rt=- 5", "seconds", None),
            (COMBINED + " nan", "seconds", None),
            (COMBINED + " -1", "seconds", None),
            (COMBINED, "seconds", None),
            (COMBINED + ' "7"', "seconds", None),
            (COMBINED + " 0.123", "none", None),
            (COMBINED + " rt=0.123", "none", None),
        ],
    )
    def test_the_extra_field(self, line: str, unit: DurationField, ms: float | None) -> None:
        assert parsed(line, unit).duration_ms == (None if ms is None else pytest.approx(ms))


@given(st.text(max_size=40))
@settings(max_examples=examples(150))
def test_any_escaped_request_keeps_its_line(request_line: str) -> None:
    escaped = request_line.replace("\\", "\\\\").replace('"', '\\"')
    assert parsed(COMMON.replace("GET /apache_pb.gif HTTP/1.0", escaped)).size == 2326


@pytest.mark.parametrize(
    "unit", ["[", '"', "\\", '\\"', " ", "a", '] "', "[10/Oct/2000:13:55:36 -0700] ", '[10/Oct/2000:13:55:36 -0700] "']
)
def test_a_hostile_line_of_a_megabyte_takes_no_time(unit: str) -> None:
    hostile = unit * (1_000_000 // len(unit))
    start = time.thread_time()
    parse_combined(hostile, "seconds")
    parse_combined(COMMON + " " + hostile, "seconds")
    parse_combined(COMMON.replace("GET /apache_pb.gif HTTP/1.0", hostile), "seconds")
    assert time.thread_time() - start < 5
