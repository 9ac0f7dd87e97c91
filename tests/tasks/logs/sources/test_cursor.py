"""Lines of a stream count once, though each is asked for again."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.logs.sources.cursor import MOST_REMEMBERED, OVERLAP_NS, Cursor, in_pages
from tests.deep import examples

SECOND = 1_000_000_000
NOW = 10_000 * SECOND
START = Cursor(9_000 * SECOND)


def at(second: float, text: str) -> tuple[int, bytes]:
    return int(second * SECOND), text.encode()


def ask(cursor: Cursor, log: list[tuple[int, bytes]], now: int = NOW) -> tuple[list[bytes], Cursor]:
    """One reading of all lines from the cursor on, through storage."""
    answer = cursor.placed([line for line in log if line[0] >= cursor.since_ns])
    return [line for _, line in cursor.new_lines(answer)], Cursor.unpack(cursor.after(answer, now).pack())


def test_the_same_answer_twice_counts_once() -> None:
    log = [at(9990, "a"), at(9995, "b")]
    new, cursor = ask(START, log)
    assert new == [b"a", b"b"]
    assert cursor.since_ns == 9995 * SECOND - OVERLAP_NS
    assert ask(cursor, log) == ([], cursor)


def test_no_answer_leaves_it_where_it_is() -> None:
    assert START.after([], NOW) == START


def test_late_lines_within_the_overlap_count_and_later_ones_do_not() -> None:
    _, cursor = ask(START, [at(9990, "newest")])
    since = cursor.since_ns
    late = [(since - 1, b"too late"), (since, b"just in time"), at(9989, "late")]
    answer = cursor.placed([*late, at(9990, "newest")])
    assert [line for _, line in cursor.new_lines(answer)] == [b"just in time", b"late"]


def test_identical_lines_of_one_moment_count_as_often_as_they_come() -> None:
    new, cursor = ask(START, [at(9990, "x")] * 3)
    assert new == [b"x"] * 3
    new, cursor = ask(cursor, [at(9990, "x")] * 5)
    assert new == [b"x"] * 2
    assert ask(cursor, [at(9990, "x")] * 5)[0] == []
    assert ask(cursor, [at(9990, "x"), at(9991, "x")])[0] == [b"x"]


def test_a_line_missing_from_one_answer_is_still_known_in_the_next() -> None:
    both = [at(9980, "pod a"), at(9981, "pod b")]
    _, cursor = ask(START, both)
    new, cursor = ask(cursor, [at(9982, "pod b again")])
    assert new == [b"pod b again"]
    assert ask(cursor, [*both, at(9982, "pod b again")])[0] == []


def test_what_is_known_is_forgotten_once_it_cannot_come_again() -> None:
    _, cursor = ask(START, [at(9500, "old")])
    _, cursor = ask(cursor, [at(9900, "new")])
    assert len(cursor.seen) == 1


def test_a_clock_that_is_ahead_does_not_carry_it_past_lines_to_come() -> None:
    new, cursor = ask(START, [at(9990, "a"), at(50_000, "from the future")])
    assert new == [b"a", b"from the future"]
    assert cursor.since_ns == 9990 * SECOND - OVERLAP_NS
    assert ask(cursor, [at(9990, "a"), at(50_000, "from the future"), at(9999, "b")])[0] == [b"b"]
    assert ask(START, [at(50_000, "from the future")])[1].since_ns == START.since_ns


def test_the_overlap_shrinks_until_what_is_remembered_is_bounded() -> None:
    log = [(9000 * SECOND + place * 300_000, b"%d" % place) for place in range(MOST_REMEMBERED * 2)]
    new, cursor = ask(START, log)
    assert len(new) == len(log)
    assert MOST_REMEMBERED / 3 < len(cursor.seen) <= MOST_REMEMBERED
    assert ask(cursor, log)[0] == []


@pytest.mark.deep
def test_more_of_one_moment_than_are_remembered_are_remembered_all_the_same() -> None:
    log = [at(9990, str(place)) for place in range(MOST_REMEMBERED + 1)]
    new, cursor = ask(START, log)
    assert len(new) == len(log)
    assert ask(cursor, log)[0] == []


def test_long_lines_shrink_the_overlap_too() -> None:
    _, cursor = ask(START, [at(9900 + place, "x" * 1_000_000) for place in range(40)])
    assert 1 <= len(cursor.seen) <= 16


def test_lines_without_a_time_before_the_first_that_has_one() -> None:
    first = [(None, b"    at main"), at(9990, "a"), (9990 * SECOND, b"    at a")]
    placed = START.placed(first)
    assert [line for _, line in START.new_lines(placed)] == [b"    at main", b"a", b"    at a"]
    cursor = START.after(placed, NOW)
    again = [(None, b"    at the line before"), at(9990, "a"), (9990 * SECOND, b"    at a"), at(9991, "b")]
    assert [line for _, line in cursor.new_lines(cursor.placed(again))] == [b"b"]


def test_lines_without_any_time_count_once_and_move_nothing() -> None:
    answer = [(None, b"a"), (None, b"b"), (None, b"a")]
    placed = START.placed(answer)
    assert len(list(START.new_lines(placed))) == 3
    cursor = START.after(placed, NOW)
    assert cursor.since_ns == START.since_ns
    assert [line for _, line in cursor.new_lines(cursor.placed([*answer, (None, b"a")]))] == [b"a"]


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_however_often_it_is_asked_each_line_counts_once(seed: int, steps: list[int]) -> None:
    """Lines come up to 50 s late and out of order; each asking gives what has come by then."""
    draw = random.Random(seed)
    lines = [(9100 * SECOND + draw.randrange(300) * SECOND, draw.choice((b"x", b"y", b"z"))) for _ in range(120)]
    comes = [(line[0] + draw.randrange(50) * SECOND, line) for line in lines]
    cursor, counted, now = START, [], 9100 * SECOND
    for step in [*steps, 600]:
        now += step * SECOND
        new, cursor = ask(cursor, [line for when, line in comes if when <= now], now)
        counted += new
    assert sorted(counted) == sorted(line for _, line in lines)


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.lists(st.integers(0, 6), max_size=6))
def test_whatever_page_it_stops_at_each_line_counts_once(seed: int, most: int, stops: list[int]) -> None:
    """An answer out of order is taken in by pages; after some of them, all is asked for again."""
    draw = random.Random(seed)
    log = [(9100 * SECOND + draw.randrange(90) * SECOND, draw.choice((b"x", b"y", b"z"))) for _ in range(120)]
    cursor, counted = START, []
    for stop in [*stops, 1000]:
        for page, _ in zip(in_pages(cursor.placed(log), most), range(stop), strict=False):
            counted += [line for _, line in cursor.new_lines(page.lines)]
            cursor = Cursor.unpack(cursor.after(page.lines, NOW).pack())
    assert sorted(counted) == sorted(line for _, line in log)


def test_a_page_has_whole_moments_and_knows_whether_it_is_the_last() -> None:
    log = [at(9000 + place // 4, str(place)) for place in range(12)]
    assert [(len(page.lines), page.more) for page in in_pages(log, 3)] == [(4, True), (4, True), (4, False)]
    assert [(len(page.lines), page.more) for page in in_pages(log, 5)] == [(8, True), (4, False)]
    assert list(in_pages([])) == []
