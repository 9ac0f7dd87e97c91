"""The scan counts what a plain pass counts that looks at every line by itself."""

from datetime import UTC, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.logs.count.batch import Batch
from tasks.logs.count.memory import joined
from tasks.logs.count.scan import Plan, Scan
from tasks.logs.lines.clock import Clock
from tasks.logs.lines.places import Places, RoutePattern
from tasks.logs.settings import Fields, Source
from tests.bench.logs import START, LogShape, log_lines
from tests.bench.mutate import mutated
from tests.deep import examples
from tests.tasks.logs.count.reference import Reference, reference_of

PATTERNS = [RoutePattern("/api/users/:id/preferences", "people", "GET"), RoutePattern("/api/lists/*", None, "PUT")]
SOURCES = {
    "json": Source(name="app", kind="file", paths=("a",)),
    "no requests": Source(name="app", kind="file", paths=("a",), requests=False),
    "one address": Source(name="app", kind="file", paths=("a",), fields=Fields(url="no", request="url")),
    "nested": Source(name="app", kind="file", paths=("a",), fields=Fields(level="log.level"), duration_unit="s"),
}


def plan(kind: str, patterns: bool) -> Plan:
    places = Places(PATTERNS if patterns else [])
    return Plan(SOURCES[kind], places, (200.0, 500.0, 1000.0), UTC, frozenset({"/live"}), ("node_modules",))


def lines_of(seed: int, share: float, gap_ms: float) -> list[bytes]:
    shape = LogShape(700, seed, malformed_share=0.05, error_share=0.05, gap_ms=gap_ms)
    return list(mutated(log_lines(shape), share, seed))


def clock() -> Clock:
    return Clock.at(START + timedelta(days=2))


def counted(batch: Batch) -> Batch:
    """Without what counts nothing."""
    batch.fields = +batch.fields
    return batch


@settings(max_examples=examples(40), deadline=None)
@given(
    st.integers(0, 1 << 30),
    st.sampled_from((0.02, 0.5)),
    st.sampled_from((20.0, 3000.0, 200_000.0)),
    st.sampled_from(sorted(SOURCES)),
    st.booleans(),
)
def test_every_line_counts_as_it_does_by_itself(
    seed: int, share: float, gap_ms: float, kind: str, patterns: bool
) -> None:
    lines, of = lines_of(seed, share, gap_ms), plan(kind, patterns)
    scan = Scan(of, START, clock())
    expected = Reference(reference_of(of), START, clock()).counts(lines)
    scan.feed(lines)
    assert counted(scan.take()) == counted(expected)


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 1 << 30), st.sampled_from((0.02, 0.5)), st.sampled_from((20.0, 200_000.0)), st.data())
def test_a_part_counts_the_same_where_what_its_counts_rest_on_holds(
    seed: int, share: float, gap_ms: float, data: st.DataObject
) -> None:
    lines, of = lines_of(seed, share, gap_ms), plan("json", patterns=False)
    cut = data.draw(st.integers(0, len(lines)))
    seen_before = data.draw(st.integers(0, cut))
    scan = Scan(of, START, clock())
    scan.feed(lines[:cut])
    scan.take()
    actual = scan.memory
    scan.remember(actual)
    scan.feed(lines[cut:])
    expected = scan.take()
    part = Scan(plan("json", patterns=False), START, clock())
    part.feed(lines[seen_before:cut])
    part.take()
    assumed = part.memory
    part.remember(assumed)
    part.feed(lines[cut:])
    found = part.take()
    if part.basis.holds(assumed, actual, part.memory):
        assert found == expected
        assert joined(actual, part.memory, part.basis) == scan.memory
