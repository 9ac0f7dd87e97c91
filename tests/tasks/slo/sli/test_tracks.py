"""From answers to minutes of scopes: parts, absent rows, and what is no count."""

import numpy as np
import pytest

from tasks.observation import ObservationError, Unobserved
from tasks.prometheus.facts import Track
from tasks.slo.facts import NoSuchLabel, Scope, ScopeTraffic
from tasks.slo.prometheus_settings import PrometheusSli
from tasks.slo.sli.minutes import answered, in_time
from tasks.slo.sli.probe_tracks import probes_of
from tasks.slo.sli.tracks import TrafficBuilder

FIRST = 28_333_334
SETTINGS = PrometheusSli()


def track(figure: str, values: dict[int, float], **labels: str) -> Track:
    """Values by minute, counted from FIRST."""
    times = [60.0 * (FIRST + minute + 1) for minute in values]
    return Track({"sli": figure, **labels}, np.array(times), np.array([*values.values()], dtype=np.float64))


def times(start: int, end: int) -> range:
    return range(60 * (FIRST + start), 60 * (FIRST + end) + 1, 60)


def counted(scope: Scope, *tracks: Track, bounds: tuple[float, ...] = (), size: int = 4) -> ScopeTraffic:
    builder = TrafficBuilder(SETTINGS, [scope], bounds, (FIRST, FIRST + size))
    builder.add(tracks, times(0, size))
    found = builder.traffic()[scope]
    assert isinstance(found, ScopeTraffic)
    return found


def test_absent_failures_are_none_and_absent_requests_are_not_measured() -> None:
    found = counted(
        Scope(),
        track("valid", {0: 5, 1: 0, 3: 7}),
        track("status", {3: 2}, status="503"),
        track("status", {0: 5, 3: 5}, status="200"),
    )
    assert found.first == FIRST
    assert found.valid.tolist() == [5, 0, 0, 7] and found.bad.tolist() == [0, 0, 0, 2]
    assert found.measured.tolist() == [True, True, False, True]


def test_parts_come_in_any_order() -> None:
    builder = TrafficBuilder(SETTINGS, [Scope()], (), (FIRST, FIRST + 4))
    builder.add([track("valid", {2: 3, 3: 4})], range(60 * (FIRST + 3), 60 * (FIRST + 4) + 1, 60))
    builder.add([track("valid", {-1: 9, 0: 1, 1: 2})], range(60 * FIRST, 60 * (FIRST + 2) + 1, 60))
    found = builder.traffic()[Scope()]
    assert isinstance(found, ScopeTraffic) and found.valid.tolist() == [1, 2, 3, 4]


def test_scopes_share_rows() -> None:
    rows = [
        track("valid", {0: 1}, module="shop", route="/a"),
        track("valid", {0: 2, 1: 2}, module="shop", route="/b"),
        track("valid", {0: 4}, module="users", route="/a"),
    ]
    for scope, expected in (
        (Scope(), [7, 2]),
        (Scope("shop"), [3, 2]),
        (Scope("shop", "/a"), [1, 0]),
        (Scope(None, "/a"), [5, 0]),
    ):
        assert counted(scope, *rows, size=2).valid.tolist() == expected
    assert counted(Scope(None, "/a"), *rows, size=2).measured.tolist() == [True, False]


def test_a_scope_without_series_is_unobserved_for_itself_only() -> None:
    scopes = [Scope(), Scope("late"), Scope("shop", "/gone"), Scope(None, "/gone"), Scope("late", "/a")]
    builder = TrafficBuilder(SETTINGS, scopes, (), (FIRST, FIRST + 1))
    builder.add([track("valid", {0: 1}, module="shop", route="/a")], times(0, 1))
    found = builder.traffic()
    assert isinstance(found[Scope()], ScopeTraffic)
    message = {
        scope: str(what.reason.text.format(**what.reason.params))
        for scope, what in found.items()
        if isinstance(what, Unobserved)
    }
    named = f"No series of {SETTINGS.requests} has"
    assert message == {
        Scope("late"): f"{named} module late; existing values: shop",
        Scope("shop", "/gone"): f"{named} route /gone; existing values: /a",
        Scope(None, "/gone"): f"{named} route /gone; existing values: /a",
        Scope("late", "/a"): f"{named} module late; existing values: shop",
    }


def test_the_minute_before_alone_is_no_series() -> None:
    builder = TrafficBuilder(SETTINGS, [Scope()], (), (FIRST, FIRST + 2))
    builder.add([track("valid", {-1: 5})], times(0, 2))
    with pytest.raises(ObservationError, match="check that the metric still exists"):
        builder.traffic()


def test_no_time_at_all_has_nothing_in_it() -> None:
    found = TrafficBuilder(SETTINGS, [Scope()], (200.0,), (FIRST, FIRST)).traffic()[Scope()]
    assert isinstance(found, ScopeTraffic) and found.valid.size == found.within[200.0].size == 0


class TestDurations:
    """Timed requests, where the buckets are."""

    def test_minutes_without_the_bucket_are_not_counted_at_it(self) -> None:
        found = counted(
            Scope(), track("valid", {0: 5, 1: 6}), track("within", {1: 4}, le="0.2"), bounds=(200.0, 500.0), size=2
        )
        assert found.timed[200.0].tolist() == [0, 6] and found.within[200.0].tolist() == [0, 4]
        assert found.timed[500.0].tolist() == found.within[500.0].tolist() == [0, 0]

    def test_a_counter_of_its_own(self) -> None:
        tracks = track("valid", {0: 5}), track("timed", {0: 3}), track("within", {0: 2}, le="0.2")
        found = counted(Scope(), *tracks, bounds=(200.0,), size=1)
        assert found.valid.tolist() == [5] and found.timed[200.0].tolist() == [3]

    def test_two_spellings_add_up_and_never_beyond_what_was_timed(self) -> None:
        tracks = track("valid", {0: 9, 1: 1}), track("within", {0: 3, 1: 3}, le="1"), track("within", {0: 2}, le="1.0")
        found = counted(Scope(), *tracks, bounds=(1000.0,), size=2)
        assert found.within[1000.0].tolist() == [5, 1] and found.timed[1000.0].tolist() == [9, 1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "returned nan at 2023-11-14T22:16Z, not a number of requests"),
        (float("inf"), "returned inf at "),
        (2.5, "returned 2.5 requests at 2023-11-14T22:16Z: check that each metric of [slo.prometheus] is a counter"),
        (-3.0, "returned -3.0 requests"),
    ],
)
@pytest.mark.parametrize("figure", ["valid", "status"])
def test_a_value_that_is_not_a_count_is_refused(figure: str, value: float, message: str) -> None:
    with pytest.raises(ObservationError) as error:
        counted(Scope(), track("valid", {0: 5, 1: 5}), track(figure, {1: value}, module="x"))
    assert message in str(error.value)


def test_large_counts_are_whole() -> None:
    assert counted(Scope(), track("valid", {0: 9_007_199_254_740_992.0}), size=1).valid.tolist() == [2**53]


def probe(*values: float, start: int = 1, step_s: int = 15, **labels: str) -> Track:
    at = [60.0 * FIRST + step_s * (start + n) for n in range(len(values))]
    return Track(labels, np.array(at), np.array(values, dtype=np.float64))


class TestProbes:
    """One series of 1 and 0, several values a minute."""

    def test_a_minute_ends_with_its_last_second(self) -> None:
        found = probes_of([probe(1, 1, 0, 0, 1), probe(1, start=13)], (FIRST, FIRST + 4))
        assert found.asked.tolist() == [4, 1, 0, 1] and found.failed.tolist() == [2, 0, 0, 0]

    @pytest.mark.parametrize(
        ("tracks", "message"),
        [
            ([], "returned no series"),
            ([probe(1, n="a"), probe(1, n="b")], "returned 2 series"),
            ([probe(1, 0.5)], "returned 0.5 at 20"),
            ([probe(1, float("nan"))], "returned nan at 20"),
        ],
        ids=["none", "two", "half", "nan"],
    )
    def test_anything_but_1_and_0_is_refused(self, tracks: list[Track], message: str) -> None:
        with pytest.raises(ObservationError) as error:
            probes_of(tracks, (FIRST, FIRST + 4))
        assert message in str(error.value)

    def test_no_time_at_all(self) -> None:
        assert probes_of([], (FIRST, FIRST)).asked.size == 0


class TestStatuses:
    """Good, bad, and what is neither."""

    def test_requests_without_the_label_are_neither_good_nor_bad(self) -> None:
        found = counted(Scope(), track("valid", {0: 60_000}), track("status", {0: 60_000}), size=1)
        assert (found.valid.sum(), found.bad.sum(), found.unread.tolist()) == (0, 0, [60_000])
        assert found.values == ('status=""',) and found.measured.all()

    def test_one_of_three_instances_without_the_label_leaves_a_third_open(self) -> None:
        rows = track("valid", {0: 30}), track("status", {0: 19}, status="200"), track("status", {0: 1}, status="503")
        found = counted(Scope(), *rows, track("status", {0: 10}), size=1)
        assert (found.valid.tolist(), found.bad.tolist(), found.unread.tolist()) == ([20], [1], [10])

    @pytest.mark.parametrize(
        ("status", "figure"),
        [("200", "good"), ("4xx", "good"), ("5xx", "bad"), ("503", "bad"), ("ok", "?"), ("error", "?"), ("2000", "?")],
    )
    def test_a_value_is_good_or_bad_as_a_whole(self, status: str, figure: str) -> None:
        found = counted(Scope(), track("valid", {0: 4}), track("status", {0: 4}, status=status), size=1)
        assert (found.bad.sum() > 0, found.unread.sum() > 0) == (figure == "bad", figure == "?")
        assert found.values == ((f'status="{status}"',) if figure == "?" else ())

    def test_words_are_known_once_both_are_set(self) -> None:
        builder = TrafficBuilder(PrometheusSli(bad_status="error", good_status=".*"), [Scope()], (), (FIRST, FIRST + 1))
        rows = [track("status", {0: n}, status=word) for word, n in (("ok", 5), ("error", 2), ("", 1))]
        builder.add([track("valid", {0: 8}), *rows], times(0, 1))
        found = builder.traffic()[Scope()]
        assert isinstance(found, ScopeTraffic)
        assert (found.valid.sum(), found.bad.sum(), found.unread.sum()) == (7, 2, 1)  # what has no label is never good

    def test_what_lacks_the_label_of_a_scope_may_be_its_own_where_it_failed_or_was_slow(self) -> None:
        rows = [
            track("valid", {0: 10}, module="shop"),
            track("within", {0: 10}, module="shop", le="0.2"),
            track("valid", {0: 8}),
            track("status", {0: 3}, status="500"),
            track("status", {0: 5}, status="404"),
            track("within", {0: 7}, le="0.2"),
        ]
        shop = counted(Scope("shop"), *rows, track("status", {0: 10}, status="200", module="shop"), bounds=(200.0,))
        assert (answered(shop).total[0], answered(shop).unread[0], in_time(shop, 200.0).unread[0]) == (10, 3, 1)
        assert answered(shop).values == in_time(shop, 200.0).values == ('module=""',)
        whole = counted(Scope(), *rows, bounds=(200.0,))
        assert (whole.bad[0], answered(whole).unread[0], whole.values) == (3, 0, ())
        healthy = counted(
            Scope("shop"), *rows[:3], track("status", {0: 8}, status="404"), track("within", {0: 8}, le="0.2")
        )
        assert not answered(healthy).unread.any() and healthy.values == ()

    def test_a_label_that_no_series_has_is_another_thing_than_a_value_that_none_has(self) -> None:
        builder = TrafficBuilder(SETTINGS, [Scope(None, "/a"), Scope("late")], (), (FIRST, FIRST + 1))
        builder.add([track("valid", {0: 1}, module="shop")], times(0, 1))
        found = builder.traffic()
        assert isinstance(found[Scope(None, "/a")], NoSuchLabel)
        assert not isinstance(found[Scope("late")], NoSuchLabel)
