"""Sketches unpacked many at once say what each says by itself."""

import random

import numpy as np
import pytest

from tasks.logs.count.packed import BINS, quantiles_ms, unpack_many
from tasks.logs.count.sketch import LEAST_INDEX, MOST_INDEX, Sketch


def joined(packs: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0, *(len(pack) for pack in packs)])[: len(packs)]
    return np.frombuffer(b"".join(packs), dtype=np.uint8), starts


def test_the_same_bins_and_quantiles_as_one_by_one() -> None:
    chance = random.Random(1)
    sketches = [
        Sketch({chance.randint(LEAST_INDEX, MOST_INDEX): chance.choice((1, 2, 127, 128, 70_000)) for _ in range(size)})
        for size in (0, 1, 2, 5, 40, 300, 0, 3)
    ]
    sketch, index, counts = unpack_many(*joined([s.pack() for s in sketches]))
    bins = np.zeros((len(sketches), BINS), dtype=np.int64)
    np.add.at(bins, (sketch, index), counts)
    for row, one in zip(bins, sketches, strict=True):
        assert {int(i) + LEAST_INDEX: int(row[i]) for i in np.flatnonzero(row)} == dict(sorted(one.bins.items()))
    for q in (0.0, 0.5, 0.95, 0.99, 1.0):
        expected = [np.nan if (value := one.quantile(q)) is None else value for one in sketches]
        assert np.allclose(quantiles_ms(bins, q), expected, equal_nan=True)


def test_nothing_is_nothing() -> None:
    assert [part.size for part in unpack_many(*joined([]))] == [0, 0, 0]


GOOD = Sketch({5: 3, 7: 200}).pack()


@pytest.mark.parametrize(
    "packs",
    [
        pytest.param([GOOD, b"\x02\x0a\x03"], id="another version"),
        pytest.param([GOOD[:-1], GOOD], id="a torn number"),
        pytest.param([GOOD, GOOD[:-1]], id="a torn number at the end"),
        pytest.param([GOOD, b"\x01\x0a"], id="a bin without count"),
        pytest.param([b"\x01\x0a", b"\x01\x0a"], id="two of them, which add up to pairs"),
        pytest.param([GOOD, b"\x01\x0a\x00"], id="a count of 0"),
        pytest.param([GOOD, b"\x01\x0a\x03\x01\x03"], id="bins that fall"),
        pytest.param([b"\x01\xff\xff\x03\x03"], id="a bin beyond the last"),
    ],
)
def test_what_is_no_sketch_is_refused(packs: list[bytes]) -> None:
    with pytest.raises(ValueError, match="sketch"):
        unpack_many(*joined(packs))
