"""The latency sketch: within 1 %, the same however it is merged, and small."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.logs.count.sketch import (
    GAMMA,
    LEAST_INDEX,
    LEAST_MS,
    MOST_INDEX,
    MOST_MS,
    RELATIVE_ERROR,
    Sketch,
    sketch_index,
    value_of,
)
from tests.deep import examples

LATENCY = st.floats(min_value=math.nextafter(LEAST_MS, 1), max_value=MOST_MS)
LATENCIES = st.lists(LATENCY, max_size=40)
# A bound is a real number, the estimate a float.
ROUNDING = 1e-9


class TestIndex:
    """Which bin a latency falls in."""

    def test_a_bin_ends_where_gamma_says(self) -> None:
        assert pytest.approx(1.01 / 0.99) == GAMMA
        assert [sketch_index(ms) for ms in (1.0, 1.001, GAMMA * 0.9999, GAMMA * 1.0001)] == [0, 1, 1, 2]

    @pytest.mark.parametrize("ms", [0, 0.0, -0.0, 5e-324, 0.005, LEAST_MS])
    def test_up_to_the_floor_is_one_bin(self, ms: float) -> None:
        assert sketch_index(ms) == LEAST_INDEX
        assert value_of(LEAST_INDEX) == LEAST_MS

    @pytest.mark.parametrize("ms", [math.nextafter(MOST_MS, math.inf), 1e8, 1.7e308, 10**400])
    def test_above_the_top_is_one_bin(self, ms: float) -> None:
        assert sketch_index(ms) == MOST_INDEX
        assert value_of(MOST_INDEX) == MOST_MS

    def test_the_outer_bins_hold_nothing_else(self) -> None:
        assert sketch_index(math.nextafter(LEAST_MS, 1)) == LEAST_INDEX + 1
        assert sketch_index(MOST_MS) == MOST_INDEX - 1

    @pytest.mark.parametrize("ms", [math.nan, math.inf, -math.inf, -1, -5e-324])
    def test_what_is_no_duration_is_refused(self, ms: float) -> None:
        with pytest.raises(ValueError, match="not a duration"):
            sketch_index(ms)

    @given(LATENCY)
    def test_the_estimate_is_within_one_percent(self, ms: float) -> None:
        assert abs(value_of(sketch_index(ms)) - ms) <= ms * (RELATIVE_ERROR + ROUNDING)


class TestQuantile:
    """Nearest rank, as numpy's inverted_cdf."""

    @given(st.lists(LATENCY, min_size=1, max_size=200), st.floats(0, 1))
    @settings(max_examples=examples(200))
    def test_each_is_within_one_percent_of_the_exact_one(self, latencies: list[float], q: float) -> None:
        exact = float(np.quantile(latencies, q, method="inverted_cdf"))
        estimate = Sketch.of(latencies).quantile(q)
        assert estimate is not None
        assert abs(estimate - exact) <= exact * (RELATIVE_ERROR + ROUNDING)

    def test_nothing_counted_has_none(self) -> None:
        assert Sketch().quantile(0.5) is None
        assert Sketch({7: 0}).quantile(0.5) is None

    @pytest.mark.parametrize(("q", "ms"), [(0, 10), (0.5, 10), (0.501, 20), (0.75, 20), (0.751, 30), (1, 30)])
    def test_the_rank_changes_just_above_its_share(self, q: float, ms: float) -> None:
        assert Sketch.of([10, 10, 20, 30]).quantile(q) == value_of(sketch_index(ms))

    @pytest.mark.parametrize("q", [-0.001, 1.001, math.nan])
    def test_a_quantile_outside_0_to_1_is_refused(self, q: float) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            Sketch.of([1.0]).quantile(q)


class TestMerge:
    """Two stretches give what one pass over both gives."""

    @given(LATENCIES, LATENCIES, LATENCIES)
    def test_order_and_grouping_do_not_matter(self, a: list[float], b: list[float], c: list[float]) -> None:
        one, two, three = Sketch.of(a), Sketch.of(b), Sketch.of(c)
        whole = Sketch.of(a + b + c)
        assert one.merge(two).merge(three) == one.merge(two.merge(three)) == three.merge(one).merge(two) == whole
        assert Sketch.merged([three, two, one]) == whole
        assert whole.count == len(a + b + c)

    def test_the_merged_ones_stay_as_they_were(self) -> None:
        one, other = Sketch.of([1.0]), Sketch.of([1.0])
        one.merge(other)
        assert one.count == other.count == 1


class TestPacked:
    """Bytes for the history."""

    @given(st.dictionaries(st.integers(LEAST_INDEX, MOST_INDEX), st.integers(1, 2**63 - 1), max_size=40))
    def test_what_is_packed_comes_back(self, bins: dict[int, int]) -> None:
        packed = Sketch(bins).pack()
        assert Sketch.unpack(packed) == Sketch(bins)
        assert Sketch.unpack(packed).pack() == packed

    @given(st.binary(max_size=12).map(lambda data: b"\x01" + data))
    @settings(max_examples=examples(300))
    def test_other_bytes_are_refused_or_are_a_sketch(self, data: bytes) -> None:
        try:
            sketch = Sketch.unpack(data)
        except ValueError:
            return
        assert sketch.pack() == data

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"\x00", id="version 0"),
            pytest.param(b"\x02\x02\x01", id="version 2"),
            pytest.param(b"\x01\x02", id="no count"),
            pytest.param(b"\x01\x80", id="torn"),
            pytest.param(b"\x01\x02\x00", id="count 0"),
            pytest.param(b"\x01\x02\x01\x00\x01", id="the same bin"),
            pytest.param(b"\x01\x02\x01\x01\x01", id="falling"),
            pytest.param(b"\x01\x82\x00\x01", id="overlong"),
            pytest.param(b"\x01" + b"\xff" * 9 + b"\x01", id="too large"),
            pytest.param(b"\x01\xff\x7f\x01", id="out of range"),
        ],
    )
    def test_malformed_bytes_are_refused(self, data: bytes) -> None:
        with pytest.raises(ValueError, match="sketch"):
            Sketch.unpack(data)

    def test_a_count_that_does_not_fit_is_refused(self) -> None:
        with pytest.raises(ValueError, match="cannot hold"):
            Sketch({1: 2**63}).pack()

    def test_a_hundred_typical_latencies_are_small(self) -> None:
        chance = random.Random(11)
        sketch = Sketch.of(chance.lognormvariate(math.log(50), 0.6) for _ in range(100))
        assert sketch.count == 100
        assert len(sketch.pack()) < 150
