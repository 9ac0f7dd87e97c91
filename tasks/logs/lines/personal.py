"""Which of many lines contain personal data or secrets: a scan of a whole stretch, and a closer one of what it finds.

Nearly every line of a log is clean, and asking each by itself costs more than reading it. Here some vector
operations over the joined bytes name the few lines in which something may stand; only those are searched.
"""

import re
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from tasks.personal import Kind, find_kinds, suspicious

_ESCAPED = re.compile(rb"\\u00([2-7][0-9A-Fa-f])")
# Two characters are compared at once, with the bit set that makes letters small; a backslash becomes a bar. Each pair
# is the rarest of its word: token or key, secret, passw, authoriz, eyJ, \u00, %40.
_PAIRS, _FOURS_BEFORE, _THREES_BEFORE, _THREES_AFTER = (
    tuple(int.from_bytes(word, "little") for word in words)
    for words in (
        (b"ke", b"cr", b"sw", b"iz", b"yj", b"u0", b"%4"),
        (b"toke", b"secr", b"assw", b"oriz"),  # these end with their pair
        (b"eyj", b"|u0"),
        (b"key", b"%40"),  # these begin with it
    )
)
_SMALL = np.uint8(0x20)
# What is looked for may begin at the first byte and end at the last; no kind goes on over a line break.
_BEFORE, _AFTER = b"\n" * 4, b"\n" * 16


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


def kinds_by_line(lines: Sequence[bytes]) -> list[frozenset[Kind] | None]:
    """For each line what it holds, None for nothing.

    ASCII characters that are spelt `\\u00xx`, as some JSON writers do with `=`, `+` and `'`, are read too: that one
    more pair is looked for costs 0.1 s a GB. Other escapes are not, since no kind needs a character outside ASCII.
    """
    kinds: list[frozenset[Kind] | None] = [None] * len(lines)
    places = _places(b"\n".join((_BEFORE, *lines, _AFTER)))
    if places.size:
        begins = accumulate((len(line) + 1 for line in lines), initial=len(_BEFORE) + 1)
        starts = np.fromiter(begins, np.intp, len(lines) + 1)
        for number in np.unique(np.searchsorted(starts, places, side="right") - 1).tolist():
            kinds[number] = kinds_of(lines[number]) or None
    return kinds


def kinds_of(line: bytes) -> frozenset[Kind]:
    """What one line holds."""
    plain = unescaped(line)
    return find_kinds(plain.decode(errors="replace")) if suspicious(plain) else frozenset()


def unescaped(line: bytes) -> bytes:
    """The line with the ASCII characters that JSON may spell `\\u00xx` as themselves."""
    return _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), line) if b"\\u00" in line else line


def _places(padded: bytes) -> _Places:
    """A place in each line that is `suspicious` and holds something, and few others."""
    data = np.frombuffer(padded, np.uint8)
    found = [_words(data | _SMALL), *_digits(data)]
    if b"@" in padded:
        found.append(np.flatnonzero(data == ord("@")))
    if b"+" in padded:
        plus = np.flatnonzero(data == ord("+"))
        found.append(plus[_BEGINS_COUNTRY[data[plus + 1]]])
    return np.concatenate(found)


def _words(small: _Bytes) -> _Places:
    pairs = []
    for shift in (0, 1):
        two = small[shift : shift + (small.size - shift) // 2 * 2].copy().view("<u2")
        found = two == _PAIRS[0]
        for wanted in _PAIRS[1:]:
            found |= two == wanted
        pairs.append(np.flatnonzero(found) * 2 + shift)
    at = np.concatenate(pairs)
    pair = small[at].astype(np.uint32) | small[at + 1].astype(np.uint32) << 8
    after = pair | small[at + 2].astype(np.uint32) << 16
    before = pair << 16 | small[at - 1].astype(np.uint32) << 8 | small[at - 2]
    is_word = np.zeros(at.size, np.bool_)
    for words, texts in ((_FOURS_BEFORE, before), (_THREES_BEFORE, before >> 8), (_THREES_AFTER, after)):
        for word in words:
            is_word |= texts == word
    return _chosen(at, is_word)


def _digits(data: _Bytes) -> tuple[_Places, _Places]:
    """Where 00-0000 or 11 digits stand that may be of a card or phone number."""
    is_digit = (data - np.uint8(ord("0"))) < 10  # unsigned: what is below "0" wraps round
    two = is_digit[:-1] & is_digit[1:]
    four = two[:-2] & two[2:]
    eight = four[:-4] & four[4:]
    grouped = np.flatnonzero((two[: four.size - 3] & four[3:]) > is_digit[2 : four.size - 1])
    return _at_an_end(data, grouped), _at_a_beginning(data, np.flatnonzero(eight[:-3] & eight[3:]))


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
