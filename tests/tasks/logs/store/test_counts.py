"""One transaction adds what was counted and moves to where that ends, on both databases."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text

from tasks.history.engine import reading
from tasks.logs.count.batch import Activity, Batch, ErrorSeen, Exemplar, Lines, MinuteTraffic
from tasks.logs.count.fingerprint import ErrorKey
from tasks.logs.count.sketch import Sketch
from tasks.logs.lines.places import MOST_ROUTES, OTHER
from tasks.logs.sources.files import Mark
from tasks.logs.store.counts import (
    MOST_SAMPLES_KEPT,
    SourceState,
    StaleSourceVersion,
    forget_marks,
    open_source,
    store_batch,
)
from tasks.logs.store.errors import MOST_GROUPS, MOST_KINDS, MOST_VARIANTS, VARYING
from tasks.logs.store.wordings import MOST_WORDINGS
from tasks.logs.tables import (
    error_groups,
    error_hours,
    error_wordings,
    latency_bounds,
    log_fields,
    log_files,
    log_hours,
    log_modules,
    log_sources,
    malformed_lines,
    module_hours,
    personal_data_hours,
    traffic_minutes,
    traffic_series,
)
from tests.deep import examples

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
MINUTE = int(NOW.timestamp()) // 60
HOUR = MINUTE // 60
BOUNDS = (200.0, 500.0)
EXEMPLAR = Exemplar("message", "stack", "error", "GET /", "r1")
MARK = Mark(None, "app.log", b"prints..", b"tail", 100, 2049, 2**64 - 1, 120, 5, complete=False)


def opened(history: Engine, name: str = "app", service: str = "kondate", synthetic: bool = False) -> SourceState:
    return open_source(history, service, name, synthetic=synthetic)


def put(
    history: Engine, batch: Batch, state: SourceState | None = None, bounds: tuple[float, ...] = BOUNDS, **more: Any
) -> SourceState:
    return store_batch(history, state or opened(history), batch, bounds, NOW, **more)[0]


def rows(history: Engine, table: Any) -> list[Any]:
    with reading(history) as connection:
        return list(connection.execute(select(table)))


def traffic(minute: int = MINUTE, within: tuple[int, ...] = (1, 2), module: str = "search") -> Batch:
    counts = MinuteTraffic([*within], valid=3, bad=1, timed=2, bins={5: 1, 9: 1})
    return Batch(traffic={(module, "/items", minute): counts})


def error(message: str, at: datetime | None = NOW, release: str = "1.0", **key: str) -> Batch:
    named = ErrorKey(**{"module": "search", "name": "E", "message": message, "frame": "main"} | key)
    seen = ErrorSeen(named, EXEMPLAR)
    seen.seen(HOUR, at, release)
    return Batch(errors={named.fingerprint: seen})


def test_counts_add_up_and_the_position_moves_with_them(history: Engine) -> None:
    batch = Batch(
        traffic=traffic().traffic,
        lines={
            HOUR: Lines(
                lines=5,
                parsed=3,
                malformed=1,
                ignored=1,
                undated=1,
                drifted=1,
                requests=3,
                timed=2,
                crowded=1,
                levelled=3,
                odd_levels=2,
                misdated=1,
                hole_bytes=5,
                lost_bytes=4,
                torn=1,
                bad=2,
                aborted=3,
            )
        },
        activity={("search", HOUR): Activity(lines=3, errors=2, warnings=1, unauthorized=1, forbidden=0)},
        errors=error("broken").errors,
        personal=Counter({("menus", HOUR, "email"): 2}),
        samples=["torn"],
        fields=Counter({(HOUR, ""): 3, (HOUR, "status"): 2}),
        newest_minute=MINUTE - 5,
    )
    state, mark = store_batch(history, opened(history), batch, BOUNDS, NOW, mark=MARK)
    assert mark is not None and mark.id is not None
    state, mark = store_batch(history, state, batch, BOUNDS, NOW, mark=replace(mark, position=200, complete=True))
    assert opened(history) == replace(state, routes=frozenset({"/items"}))
    assert state.marks == (replace(MARK, id=mark.id, position=200, complete=True),)  # type: ignore[union-attr]

    assert [tuple(row)[1:] for row in rows(history, log_hours)] == [
        (HOUR, 10, 6, 2, 2, 2, 2, 6, 4, 2, 6, 4, 2, 10, 8, 2, 0, 4, 6)
    ]
    (minute,) = rows(history, traffic_minutes)
    assert (minute.minute, minute.valid, minute.bad, minute.timed) == (MINUTE, 6, 2, 4)
    assert (minute.within_1, minute.within_2, minute.within_3, minute.within_4) == (2, 4, None, None)
    assert Sketch.unpack(minute.sketch).bins == {5: 2, 9: 2}
    assert [tuple(row)[1:] for row in rows(history, latency_bounds)] == [(200.0, 500.0, None, None)]
    assert [tuple(row)[1:] for row in rows(history, module_hours)] == [(HOUR, 6, 4, 2, 2, 0)]
    assert [tuple(row)[1:] for row in rows(history, personal_data_hours)] == [(HOUR, "email", 4)]
    assert {row.module for row in rows(history, log_modules)} == {"search", "menus"}
    assert [row.lines for row in rows(history, error_hours)] == [2]
    assert [row.text for row in rows(history, malformed_lines)] == ["torn", "torn"]
    (source,) = rows(history, log_sources)
    assert source.newest_minute == MINUTE - 5
    assert {tuple(row)[1:] for row in rows(history, log_fields)} == {(HOUR, "", 6), (HOUR, "status", 4)}
    (group,) = rows(history, error_groups)
    assert (group.message, group.state, json.loads(group.exemplar)["request_id"]) == ("broken", "open", "r1")


def test_a_writer_that_is_behind_is_refused_and_stores_nothing(history: Engine) -> None:
    first, second = opened(history), opened(history)
    put(history, traffic(), first, mark=MARK)
    with pytest.raises(StaleSourceVersion):
        put(history, traffic(), second, mark=MARK)
    (row,), (_,) = rows(history, traffic_minutes), rows(history, log_files)
    assert row.valid == 3
    put(history, traffic(), opened(history))
    assert rows(history, traffic_minutes)[0].valid == 6


def test_what_fails_half_way_leaves_nothing(history: Engine) -> None:
    batch = Batch(lines={HOUR: Lines(lines=1, parsed=1)}, traffic=traffic(within=(1, 2, 3, 4, 5)).traffic)
    state = opened(history)
    with pytest.raises(ValueError, match="zip"):
        put(history, batch, state, mark=MARK, cursor=b"far")
    assert (rows(history, log_hours), rows(history, log_files)) == ([], [])
    assert opened(history) == state


def test_a_cursor_stays_unless_it_is_moved(history: Engine) -> None:
    state = put(history, Batch(), cursor=b"\x00here")
    state = put(history, Batch(), state)
    assert opened(history) == state
    assert state.cursor == b"\x00here"


class TestBounds:
    """Counts at a latency bound are exact or null, never mixed."""

    def test_changed_in_the_middle_of_a_minute(self, history: Engine) -> None:
        put(history, traffic())
        put(history, traffic(), bounds=(200.0, 600.0))
        put(history, traffic(), bounds=(200.0, 600.0))
        put(history, traffic(MINUTE + 1), bounds=(200.0, 600.0))
        mixed, whole = rows(history, traffic_minutes)
        assert (mixed.valid, mixed.within_1, mixed.within_2) == (9, None, None)
        assert (whole.valid, whole.within_1, whole.within_2) == (3, 1, 2)
        assert mixed.bounds_id == whole.bounds_id
        assert len(rows(history, latency_bounds)) == 2

    def test_more_of_them_and_back_again(self, history: Engine) -> None:
        put(history, traffic())
        put(history, traffic(within=(1, 2, 2)), bounds=(200.0, 500.0, 900.0))
        put(history, traffic())
        (row,) = rows(history, traffic_minutes)
        assert (row.valid, row.timed, row.within_1, row.within_2, row.within_3) == (9, 6, None, None, None)
        assert len(rows(history, latency_bounds)) == 2


class TestErrors:
    """Kinds of errors over batches."""

    def test_more_variants_than_are_kept_apart_are_counted_as_what_they_have_in_common(self, history: Engine) -> None:
        for place in range(MOST_VARIANTS + 5):
            put(history, error(f"broken {chr(97 + place)}"))
        put(history, error("broken a"))
        put(history, error("broken z", frame="elsewhere"))
        groups = {row.id: (row.message, row.frame) for row in rows(history, error_groups)}
        counts = {groups[row.group_id]: row.lines for row in rows(history, error_hours)}
        assert len(counts) == MOST_VARIANTS + 2
        assert counts["broken <*>", "main"] == 5
        assert counts["broken a", "main"] == 2
        assert counts["broken z", "elsewhere"] == 1

    def test_a_message_that_is_nothing_but_varying_is_no_variant(self, history: Engine) -> None:
        for place in range(MOST_VARIANTS + 1):
            put(history, error(f"broken {chr(97 + place)}"))
        other = error(VARYING)
        (seen,) = other.errors.values()
        put(history, Batch(errors={"of-what-was-masked-since": seen}))
        groups = {row.id: row.message for row in rows(history, error_groups)}
        counts = {groups[row.group_id]: row.lines for row in rows(history, error_hours)}
        assert (counts[VARYING], counts["broken <*>"]) == (1, 1)

    def test_an_error_that_resembles_no_other_stays_one_of_its_own(self, history: Engine) -> None:
        batch = Batch()
        for place in range(MOST_VARIANTS * 3):
            batch.add(error(f"no user {chr(97 + place)}"))
        batch.add(error("card charged twice for one order"))
        put(history, batch)
        messages = [row.message for row in rows(history, error_groups)]
        assert messages[MOST_VARIANTS:] == ["no user <*>", "card charged twice for one order"]

    def test_a_wording_that_was_seen_is_known_and_another_is_not(self, history: Engine) -> None:
        def unseen() -> int:
            groups = {row.id: row.message for row in rows(history, error_groups)}
            return sum(row.unseen for row in rows(history, error_hours) if groups[row.group_id] == "no user <*>")

        batch = Batch()
        for place in range(MOST_VARIANTS + 5):
            batch.add(error(f"no user {chr(97 + place)}"))
        put(history, batch)
        assert unseen() == 5
        put(history, error(f"no user {chr(97 + MOST_VARIANTS + 4)}"))
        assert unseen() == 5
        put(history, error("no user Z"))
        assert unseen() == 6
        assert len(rows(history, error_wordings)) == 6

    @pytest.mark.deep
    def test_wordings_that_are_not_kept_are_never_known(self, history: Engine) -> None:
        batch = Batch()
        for number in range(MOST_VARIANTS + MOST_WORDINGS + 3):
            batch.add(error(f"no user {chr(0x4E00 + number)}"))
        state = put(history, batch)
        put(history, batch, state)
        assert len(rows(history, error_wordings)) == MOST_WORDINGS
        assert sum(row.unseen for row in rows(history, error_hours)) == MOST_WORDINGS + 3 + 3

    def test_texts_with_nothing_in_common_are_one_kind_in_the_end(self, history: Engine) -> None:
        batch = Batch()
        for number in range(MOST_KINDS + 4):
            batch.add(error(f"{chr(0x4E00 + number)}"))
        put(history, batch)
        groups = {row.id: row.message for row in rows(history, error_groups)}
        assert len(groups) == MOST_KINDS + 1
        [rest] = [row for row in rows(history, error_hours) if groups[row.group_id] == VARYING]
        assert (rest.lines, rest.unseen) == (4, 4)

    def test_a_known_error_is_known_however_many_others_come_before_it(self, history: Engine) -> None:
        put(history, error("broken z"))
        with history.begin() as connection:
            connection.execute(error_groups.update().values(state="resolved"))
        batch = Batch()
        for place in range(MOST_VARIANTS * 2):
            batch.add(error(f"broken {chr(65 + place)}"))
        batch.add(error("broken z"))
        put(history, batch)
        groups = {row.id: (row.message, row.state) for row in rows(history, error_groups)}
        counts = {groups[row.group_id]: row.lines for row in rows(history, error_hours)}
        assert counts["broken z", "resolved"] == 2
        assert counts["broken <*>", "open"] == MOST_VARIANTS * 2 - (MOST_VARIANTS - 1)

    @pytest.mark.parametrize("size", [1, 7, 100])
    def test_where_a_batch_ends_does_not_matter(self, history: Engine, size: int) -> None:
        words = [f"broken {chr(65 + place % 40)}" for place in range(100)]
        for start in range(0, 100, size):
            batch = Batch()
            for word in words[start : start + size]:
                batch.add(error(word))
            put(history, batch)
        groups = {row.id: row.message for row in rows(history, error_groups)}
        counts = {groups[row.group_id]: row.lines for row in rows(history, error_hours)}
        first = {word: words.count(word) for word in words[:MOST_VARIANTS]}
        assert counts == first | {"broken <*>": 100 - sum(first.values())}

    def test_kinds_beyond_the_maximum_become_one(self, history: Engine) -> None:
        put(history, error("broken", name="E0"))
        (known,) = (row._asdict() for row in rows(history, error_groups))
        others = [known | {"id": known["id"] + n, "fingerprint": f"{n:032}"} for n in range(1, MOST_GROUPS - 1)]
        with history.begin() as connection:
            connection.execute(error_groups.insert(), others)
            if history.dialect.name == "postgresql":
                connection.execute(text("SELECT setval('error_groups_id_seq', :n)"), {"n": MOST_GROUPS})
        for name in ("E1", "E2", "E3", "E0"):
            put(history, error("broken", name=name))
        groups = {row.id: (row.module, row.name) for row in rows(history, error_groups)}
        assert len(groups) == MOST_GROUPS + 1
        counts = {groups[row.group_id]: row.lines for row in rows(history, error_hours)}
        assert counts == {("search", "E0"): 2, ("search", "E1"): 1, (OTHER, OTHER): 2}

    def test_first_and_last_when_files_come_out_of_order(self, history: Engine) -> None:
        for hours, release in ((0, "1.2"), (-5, "1.1"), (-9, "1.0"), (-2, "1.1"), (1, "1.3")):
            put(history, error("broken", NOW + timedelta(hours=hours), release))
        put(history, error("broken", None, "9.9"))
        (group,) = rows(history, error_groups)
        assert (group.first_seen, group.first_release) == (NOW - timedelta(hours=9), "1.0")
        assert (group.last_seen, group.last_release) == (NOW + timedelta(hours=1), "1.3")
        assert rows(history, error_hours)[0].lines == 6

    def test_an_error_without_a_time_has_no_first_seen_until_a_line_has_one(self, history: Engine) -> None:
        put(history, error("broken", None))
        (group,) = rows(history, error_groups)
        assert (group.first_seen, group.last_seen, group.last_release) == (None, None, "")
        put(history, error("broken", NOW, "1.0"))
        (group,) = rows(history, error_groups)
        assert (group.first_seen, group.last_seen, group.first_release) == (NOW, NOW, "1.0")

    def test_services_do_not_share_errors(self, history: Engine) -> None:
        put(history, error("broken"))
        put(history, error("broken"), opened(history, service="other"))
        assert len(rows(history, error_groups)) == 2


def test_names_longer_than_the_columns_are_cut_and_add_up(history: Engine) -> None:
    long = "m" * 80
    batch = error("broken", NOW, "1" * 99, module=long + "a", name="N" * 99)
    for module in (long + "a", long + "b"):
        batch.add(traffic(module=module))
        batch.add(Batch(activity={(module, HOUR): Activity(lines=2)}, personal=Counter({(module, HOUR, "email"): 1})))
    put(history, batch)
    assert [(row.module, row.route) for row in rows(history, traffic_series)] == [(long, "/items")]
    assert [row.valid for row in rows(history, traffic_minutes)] == [6]
    assert [row.lines for row in rows(history, module_hours)] == [4]
    assert [row.lines for row in rows(history, personal_data_hours)] == [2]
    (group,) = rows(history, error_groups)
    assert (group.module, group.name, group.last_release) == (long, "N" * 80, "1" * 80)


@pytest.mark.parametrize(("ahead", "newest"), [(-1, -1), (0, 0), (1, 0), (60 * 24 * 365, 0)])
def test_a_line_of_tomorrow_does_not_keep_a_log_fresh(history: Engine, ahead: int, newest: int) -> None:
    put(history, Batch(newest_minute=MINUTE + ahead))
    assert rows(history, log_sources)[0].newest_minute == MINUTE + newest


def test_what_was_ever_generated_stays_so(history: Engine) -> None:
    for synthetic, stored in ((False, False), (True, True), (False, True)):
        opened(history, synthetic=synthetic)
        assert [row.synthetic for row in rows(history, log_sources)] == [stored]


def test_lines_without_a_route_teach_none(history: Engine) -> None:
    batch = traffic()
    batch.traffic["search", "", MINUTE] = MinuteTraffic([0, 0], valid=1)
    put(history, batch)
    assert opened(history).routes == {"/items"}


def test_a_service_has_so_many_learnt_routes_and_those_of_its_file_besides(history: Engine) -> None:
    def requests(first: int, count: int) -> Batch:
        routes = [f"/r{place}" for place in range(first, first + count)]
        return Batch(traffic={("search", route, MINUTE): MinuteTraffic([0, 0], valid=1) for route in routes})

    own = frozenset({"/r0", "/late"})
    put(history, requests(0, 151), opened(history, "app"), own_routes=own)
    # Another source, that learnt its routes at the same time.
    put(history, requests(100, 151), opened(history, "jobs"), own_routes=own)
    late = Batch(traffic={("search", "/late", MINUTE): MinuteTraffic([0, 0], valid=1)})
    put(history, late, opened(history, "jobs"), own_routes=own)
    routes = {row.route for row in rows(history, traffic_series)}
    assert routes == {f"/r{place}" for place in range(MOST_ROUTES + 1)} | {"/late", OTHER}
    assert sum(row.valid for row in rows(history, traffic_minutes)) == 303


def test_so_many_samples_are_kept_and_they_are_the_newest(history: Engine) -> None:
    for place in range(MOST_SAMPLES_KEPT + 3):
        put(history, Batch(samples=[f"torn {place}"]))
        put(history, Batch(samples=["of another"]), opened(history, "jobs")) if place < 2 else None
    kept = [row.text for row in rows(history, malformed_lines)]
    assert kept.count("of another") == 2
    assert [text for text in kept if text.startswith("torn")] == [f"torn {n}" for n in range(3, MOST_SAMPLES_KEPT + 3)]


def test_only_an_up_to_date_writer_forgets_marks(history: Engine) -> None:
    behind = opened(history)
    state, mark = store_batch(history, opened(history), Batch(), BOUNDS, NOW, mark=MARK)
    state, other = store_batch(history, state, Batch(), BOUNDS, NOW, mark=replace(MARK, head=b"another."))
    assert mark is not None and other is not None
    with pytest.raises(StaleSourceVersion):
        forget_marks(history, behind, [mark])
    state = forget_marks(history, state, [mark])
    assert state.marks == (other,)
    assert opened(history) == state


def test_those_that_come_at_once_find_the_same_source_and_bounds(history: Engine) -> None:
    def work(place: int) -> SourceState:
        return opened(history, "app", f"service-{place % 2}")

    def add(place: int) -> object:
        return put(history, traffic(module=f"m{place}"), opened(history, f"source-{place}", f"service-{place % 2}"))

    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(work, range(8)))
        assert {(state.id, state.service_id) for state in states} == {
            (state.id, state.service_id) for state in states[:2]
        }
        assert len(states[:2]) == 2
        list(pool.map(add, range(8)))
    assert len(rows(history, latency_bounds)) == 1
    assert sum(row.valid for row in rows(history, traffic_minutes)) == 24


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_and_size_of_batches_do_not_matter(
    service: Any, empty: Callable[[Engine], None], data: st.DataObject
) -> None:
    counts = st.builds(
        MinuteTraffic,
        st.lists(st.integers(0, 5), min_size=2, max_size=2),
        *[st.integers(0, 9)] * 3,
        st.dictionaries(st.integers(-50, 50), st.integers(1, 9), max_size=4),
    )
    keys = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["/x", "/y"]), st.integers(MINUTE, MINUTE + 2))
    batches = data.draw(st.lists(st.dictionaries(keys, counts, max_size=4), max_size=5))
    stored = []
    for order in (batches, data.draw(st.permutations(batches))):
        empty(service.history)
        for batch in order:
            put(service.history, Batch(traffic={key: replace(value) for key, value in batch.items()}))
        stored.append(service.counts())
    assert stored[0] == stored[1]


@pytest.fixture
def empty() -> Callable[[Engine], None]:
    """Forgets all requests."""

    def forget(history: Engine) -> None:
        with history.begin() as connection:
            connection.execute(traffic_minutes.delete())

    return forget
