"""Which of many lines contain personal data or secrets: a scan of a whole stretch, and a closer one of what it finds.

Nearly every line of a log is clean, and asking each by itself costs more than reading it. Here some vector
operations over the joined bytes name the few lines in which something may stand; only those are searched.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.personal import Kind, find_kinds, suspicious

_ESCAPED = re.compile(rb"\\u00([2-7][0-9A-Fa-f])")
# Two characters are compared at once, with the bit set that makes letters small; a backslash becomes a bar. Each pair
# is the rarest of its word: token or key, secret, passw, authoriz, eyJ, \u00, %40.
_PAIRS, _ESCAPE_PAIR, _PERCENT_PAIR, _FOURS_BEFORE, _THREES_BEFORE, _THREES_AFTER = (
    tuple(int.from_bytes(word, "little") for word in words)
    for words in (
        (b"ke", b"cr", b"sw", b"iz", b"yj"),
        (b"u0",),
        (b"%4",),
        (b"toke", b"secr", b"assw", b"oriz"),  # these end with their pair
        (b"eyj", b"|u0"),
        (b"key", b"%40"),  # these begin with it
    )
)
_SMALL = np.uint8(0x20)
_ZERO, _TEN = np.uint8(ord("0")), np.uint8(10)
# What is looked for may begin at the first byte and end at the last; no kind goes on over a line break.
_BEFORE, _AFTER = b"\n" * 4, b"\n" * 16
_MOST_ROOM_BYTES = 1 << 21
"""What is searched at once is seldom more; it takes its room for as long as it is searched."""


def _all_bytes(which: str) -> NDArray[np.bool_]:
    return np.array([chr(byte) in which for byte in range(256)])


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_GOES_ON = _all_bytes(f"0123456789{_LETTERS}_-")
_HAS_BEGUN = _all_bytes(f"0123456789{_LETTERS}_.+-")
_IS_DIGIT = _all_bytes("0123456789")
_BEGINS_NUMBER = _all_bytes("023456")
_BEGINS_COUNTRY = _all_bytes("123456789")

_Bytes = NDArray[np.uint8]
_Places = NDArray[np.intp]


class LineSearch:
    """Searches many lines at once, again and again in the same room: fresh memory would cost as much as the search."""

    def __init__(self) -> None:
        self._room = _Room(0)

    def kinds_by_line(self, lines: Sequence[bytes]) -> Sequence[frozenset[Kind] | None]:
        """For each line what it holds, None for nothing.

        ASCII characters that are spelt `\\u00xx`, as some JSON writers do with `=`, `+` and `'`, are read too: that one
        more pair is looked for costs 0.1 s a GB. Other escapes are not, since no kind needs a character outside ASCII.
        """
        kinds: list[frozenset[Kind] | None] = [None] * len(lines)
        joined = b"\n".join((_BEFORE, *lines, _AFTER))
        places = _places(joined, self._room_for(len(joined)))
        if places.size:
            ends = np.cumsum(np.fromiter(map(len, lines), np.intp, len(lines)) + 1) + len(_BEFORE)
            for number in np.unique(np.searchsorted(ends, places)).tolist():
                kinds[number] = kinds_of(lines[number]) or None
        return kinds

    def _room_for(self, size: int) -> "_Room":
        if size > _MOST_ROOM_BYTES:
            return _Room(size)
        if size > self._room.size:
            self._room = _Room(min(_MOST_ROOM_BYTES, size + size // 4))
        return self._room


class _Room:
    """Arrays for what is worked out of some bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.small = np.empty(size, np.uint8), np.empty(size, np.uint8)
        self.flags = tuple(np.empty(size, np.bool_) for _ in range(4))


def kinds_of(line: bytes) -> frozenset[Kind]:
    """What one line holds."""
    plain = unescaped(line)
    return find_kinds(plain.decode(errors="replace")) if suspicious(plain) else frozenset()


def unescaped(line: bytes) -> bytes:
    """The line with the ASCII characters that JSON may spell `\\u00xx` as themselves."""
    return _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), line) if b"\\u00" in line else line


def _places(padded: bytes, room: _Room) -> _Places:
    """A place in each line that is `suspicious` and holds something, and few others."""
    data = np.frombuffer(padded, np.uint8)
    pairs = _PAIRS + (_ESCAPE_PAIR if b"\\" in padded else ()) + (_PERCENT_PAIR if b"%" in padded else ())
    found = [_words(data, pairs, room), *_digits(data, room)]
    if b"@" in padded:
        found.append(np.flatnonzero(data == ord("@")))
    if b"+" in padded:
        plus = np.flatnonzero(data == ord("+"))
        found.append(plus[_BEGINS_COUNTRY[data[plus + 1]]])
    return np.concatenate(found)


def _words(data: _Bytes, pairs: Sequence[int], room: _Room) -> _Places:
    found = []
    for shift, room_for_small in enumerate(room.small):
        size = (data.size - shift) // 2
        small = room_for_small[: 2 * size]
        np.bitwise_or(data[shift : shift + 2 * size], _SMALL, out=small)
        two, is_pair, is_other = small.view("<u2"), room.flags[0][:size], room.flags[1][:size]
        np.equal(two, pairs[0], out=is_pair)
        for pair in pairs[1:]:
            np.equal(two, pair, out=is_other)
            np.logical_or(is_pair, is_other, out=is_pair)
        found.append(np.flatnonzero(is_pair) * 2 + shift)
    at = np.concatenate(found)

    def small_at(offset: int) -> NDArray[np.uint32]:
        return (data[at + offset] | _SMALL).astype(np.uint32)

    two_at = small_at(0) | small_at(1) << 8
    after = two_at | small_at(2) << 16
    before = two_at << 16 | small_at(-1) << 8 | small_at(-2)
    is_word = np.zeros(at.size, np.bool_)
    for words, texts in ((_FOURS_BEFORE, before), (_THREES_BEFORE, before >> 8), (_THREES_AFTER, after)):
        for word in words:
            is_word |= texts == word
    return _chosen(at, is_word)


def _digits(data: _Bytes, room: _Room) -> tuple[_Places, _Places]:
    """Where 00-0000 or 11 digits stand that may be of a card or phone number."""
    size = data.size
    less, (is_digit, two, four, of_all) = room.small[0][:size], room.flags
    np.subtract(data, _ZERO, out=less)  # unsigned: what is below "0" wraps round
    is_digit = np.less(less, _TEN, out=is_digit[:size])
    two = np.logical_and(is_digit[:-1], is_digit[1:], out=two[: size - 1])
    four = np.logical_and(two[:-2], two[2:], out=four[: size - 3])
    grouped = np.logical_and(two[: size - 6], four[3:], out=of_all[: size - 6])
    is_grouped = np.flatnonzero(np.greater(grouped, is_digit[2 : size - 4], out=grouped))
    eight = np.logical_and(four[:-4], four[4:], out=two[: size - 7])
    eleven = np.logical_and(eight[:-3], eight[3:], out=of_all[: size - 10])
    return _at_an_end(data, is_grouped), _at_a_beginning(data, np.flatnonzero(eleven))


def _at_an_end(data: _Bytes, at: _Places) -> _Places:
    """Those 00-0000 that end a number, or do so but for one digit (American Express): not those in a UUID."""
    gap, behind, after = data[at + 2], data[at + 7], data[at + 8]
    ends = ~_GOES_ON[behind] | (_IS_DIGIT[behind] & ~_GOES_ON[after])
    return _chosen(at, ends & ((gap == ord("-")) | (gap == ord(" "))))


def _at_a_beginning(data: _Bytes, at: _Places) -> _Places:
    """Those runs of digits that begin as the numbers do, and not within a word or another number."""
    is_escape = (data[at - 2] == ord("\\")) | (data[at - 3] == ord("%"))
    return _chosen(at, _BEGINS_NUMBER[data[at]] & (~_HAS_BEGUN[data[at - 1]] | is_escape))


def _chosen(at: _Places, which: NDArray[np.bool_]) -> _Places:
    chosen: _Places = at[which]
    return chosen
