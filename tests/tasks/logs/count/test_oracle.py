"""The scan against DuckDB: the same lines, counted by a program that shares nothing with it."""

import gzip
from pathlib import Path

import pytest

from tests.bench.logs import LogShape, write_log
from tests.bench.oracle import by_duckdb, by_scan, differences
from tests.deep import rows

SHAPES = {
    "plain": LogShape(20_000, seed=1),
    "rare": LogShape(20_000, seed=2, gap_ms=2000),
    "malformed": LogShape(20_000, seed=3, malformed_share=0.5),
    "errors": LogShape(20_000, seed=4, error_share=0.2),
    "spotless": LogShape(20_000, seed=5, malformed_share=0.0, error_share=0.0),
}


@pytest.mark.parametrize("shape", rows(SHAPES, {"rare", "malformed", "errors"}))
def test_every_count_is_equal_and_every_quantile_within_one_percent(shape: LogShape, tmp_path: Path) -> None:
    assert differences(write_log(tmp_path / "app.log", shape)) == []


def test_a_packed_log_counts_the_same(tmp_path: Path) -> None:
    path = write_log(tmp_path / "app.log", SHAPES["plain"])
    packed = tmp_path / "app.log.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    assert by_scan(packed) == by_scan(path)
    assert differences(packed) == []


def test_one_line_more_is_seen(tmp_path: Path) -> None:
    path = write_log(tmp_path / "app.log", SHAPES["plain"])
    before = by_duckdb(path)
    with path.open("ab") as file:
        file.write(b'{"timestamp":"2026-11-25T00:00:00Z","module":"users","status":503,"duration":1}\n{"torn":\n')
    after = by_scan(path)
    assert (after.lines - before.lines, after.well_formed - before.well_formed) == (2, 1)
    place = ("users", int(1795564800 / 60))
    assert [a - b for a, b in zip(after.requests[place], before.requests[place], strict=True)] == [1, 1, 1, 1, 1]
    assert after.errors["users"] == before.errors["users"] + 1
