"""What holds of the arithmetic whatever the numbers."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.slo.budget.budget import budget_of, burn_rate, shown_share
from tasks.slo.budget.incidents import Incident, merged
from tasks.slo.facts import Minutes
from tasks.slo.sli.minutes import Tally, bad_until, flags, runs, tally
from tasks.slo.windows import at_minute
from tests.tasks.slo.figures import FIRST, events, window

MINUTE = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: (min(pair), max(pair)))
MINUTES = st.lists(MINUTE, min_size=1, max_size=60)
TARGET = st.sampled_from([0.9, 0.95, 0.99, 0.999, 0.9995])


def made(pairs: list[tuple[int, int]]) -> Minutes:
    return events([good for good, _ in pairs], [total for _, total in pairs])


def whole(pairs: list[tuple[int, int]]) -> Tally:
    return tally(made(pairs), (FIRST, FIRST + len(pairs)))


@given(MINUTES, TARGET)
def test_what_is_left_of_a_budget_never_grows_inside_a_window(pairs: list[tuple[int, int]], target: float) -> None:
    span = (FIRST, FIRST + len(pairs))
    bad = bad_until(made(pairs), span, flags(FIRST, len(pairs), ()))
    assert (np.diff(bad) >= 0).all() and bad[-1] == whole(pairs).bad
    spent = []
    for elapsed in range(1, len(pairs) + 1):
        counted = tally(made(pairs), (FIRST, FIRST + elapsed))
        budget = budget_of(counted, target, window(1, elapsed / 1440), timeslices=True)
        spent.append(0.0 if budget is None else budget.spent)
    assert spent == sorted(spent)


@given(MINUTES, st.randoms(use_true_random=False))
def test_minutes_add_up_the_same_in_any_order(pairs: list[tuple[int, int]], chance: object) -> None:
    shuffled = list(pairs)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert whole(pairs) == whole(shuffled)


@given(MINUTES, TARGET, st.integers(2, 1000))
def test_more_of_the_same_traffic_leaves_every_ratio(pairs: list[tuple[int, int]], target: float, times: int) -> None:
    one, many = whole(pairs), whole([(good * times, total * times) for good, total in pairs])
    assert (one.share, burn_rate(one, target), one.meets(target)) == (
        many.share,
        burn_rate(many, target),
        many.meets(target),
    )


@given(MINUTES, st.integers(0, 60))
def test_two_parts_of_a_window_are_the_whole(pairs: list[tuple[int, int]], cut: int) -> None:
    minutes, middle, end = made(pairs), FIRST + min(cut, len(pairs)), FIRST + len(pairs)
    one, other, both = tally(minutes, (FIRST, middle)), tally(minutes, (middle, end)), tally(minutes, (FIRST, end))
    assert (one.good + other.good, one.total + other.total) == (both.good, both.total)
    assert one.expected_min + other.expected_min == both.expected_min


@given(MINUTES, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=5))
def test_what_is_left_out_is_neither_good_nor_bad_nor_expected(
    pairs: list[tuple[int, int]], spans: list[tuple[int, int]]
) -> None:
    excluded = flags(FIRST, len(pairs), [(FIRST + a, FIRST + b) for a, b in spans])
    kept = [pair for pair, out in zip(pairs, excluded, strict=True) if not out]
    counted = tally(made(pairs), (FIRST, FIRST + len(pairs)), excluded)
    assert (counted.good, counted.total) == (sum(g for g, _ in kept), sum(t for _, t in kept))
    assert counted.expected_min == len(kept)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 60)), max_size=20))
def test_overlapping_outages_count_each_minute_once(outages: list[tuple[int, int]]) -> None:
    minutes = {minute for start, length in outages for minute in range(start, start + length)}
    found = merged(Incident(at_minute(s), at_minute(s + n), ("x",), ()) for s, n in outages)
    assert sum(incident.minutes(at_minute(10_000)) for incident in found) == len(minutes)
    assert all(a.ended_at is not None and a.ended_at < b.started_at for a, b in itertools.pairwise(found))


@given(st.lists(st.booleans(), max_size=80), st.integers(0, 6))
def test_runs_hold_every_set_minute_and_no_wide_gap(down: list[bool], gap: int) -> None:
    found = runs(np.array(down, dtype=np.bool_), 0, gap=gap)
    covered = {minute for start, end in found for minute in range(start, end)}
    assert {place for place, is_down in enumerate(down) if is_down} <= covered
    assert all(down[start] and down[end - 1] for start, end in found)
    assert all(later[0] - earlier[1] > gap for earlier, later in itertools.pairwise(found))


@given(st.integers(1, 10_000), st.integers(0, 50))
def test_more_events_of_the_same_kind_show_more(total: int, bad: int) -> None:
    good = max(0, total - bad)
    less, more = Tally(good, total, 1, 1), Tally(good * 10, total * 10, 1, 1)
    assert 0 <= shown_share(less) <= shown_share(more) <= (less.share or 0) + 1e-12
