"""Log lines with bytes changed at random: torn, doubled, spoilt, of other types and other times."""

import random
from collections.abc import Iterable, Iterator

_VALUES = (
    *(
        b"null",
        b"true",
        b"false",
        b"0",
        b"1",
        b"-1",
        b"1.0",
        b"1e3",
        b"1e999",
        b"NaN",
        b"Infinity",
        b'""',
        b"[]",
        b"{}",
    ),
    *(
        b'"200"',
        b"200.0",
        b"99",
        b"404",
        b"401",
        b"403",
        b"500",
        b'"-"',
        b'"x"',
        b'"warn"',
        b'"ERROR"',
        b'"info"',
        b"30",
    ),
    *(b'"2026-11-25T00:00:00Z"', b'"2026-11-24T23:59:59+09:00"', b"1795564800000", b"1795564859.9999", b'"yesterday"'),
    *(b'"/api/users/12?a=1"', b'"/wp-admin"', b'"/live"', b'"GET /api/x HTTP/1.1"', b'"bob@example.com"', b'"\\ud800"'),
    *(b'{"name":"E","message":"m 1"}', b'["E"]', b'"\xff"', '"\u6771\u4eac"'.encode(), b'"+81-90-1234-5678"'),
)
_KEYS = (
    *(
        b"timestamp",
        b"level",
        b"module",
        b"message",
        b"requestId",
        b"method",
        b"url",
        b"request",
        b"status",
        b"duration",
    ),
    *(b"error", b"release", b"userAgent"),
)
_BYTES = b'{}[]",:\\\x00\r \xff0123456789eE+-.@%/tfn'


def mutated(lines: Iterable[bytes], share: float, seed: int) -> Iterator[bytes]:
    """The lines, a share of them changed."""
    draw = random.Random(seed)
    for line in lines:
        yield _mutated(draw, line) if draw.random() < share else line


def _mutated(draw: random.Random, line: bytes) -> bytes:
    if draw.random() < 0.5:  # another value for a field, or one more field
        key = b'"%b":' % draw.choice(_KEYS)
        value, at = draw.choice(_VALUES), line.find(key)
        if at < 0 or draw.random() < 0.1:
            return b"{%b%b,%b" % (key, value, line[1:])
        end = line.find(b',"', at)
        return line[: at + len(key)] + value + (line[end:] if end >= 0 else b"}")
    for _ in range(draw.choice((1, 1, 2, 5))):
        at, kind = draw.randrange(len(line) + 1), draw.randrange(5)
        if kind == 0:
            line = line[:at]
        elif kind == 1:
            line = line[:at] + bytes((draw.choice(_BYTES),)) + line[at + draw.randrange(2) :]
        elif kind == 2:
            line = line[:at] + line[at + draw.randrange(1, 20) :]
        elif kind == 3:
            line = line[:at] + line
        else:
            line = (
                draw.choice((b"\x00", b"\xef\xbb\xbf", b" ", b"[")) + line + draw.choice((b"\x00", b"\r", b" ", b"]"))
            )
    return line
