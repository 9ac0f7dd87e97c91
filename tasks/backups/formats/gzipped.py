"""Unpacks gzip files in bounded pieces."""

import zlib
from collections.abc import Iterator
from typing import Final

from tasks.backups.errors import BadBackup
from tasks.check_result import Message, msg

GZIP: Final = b"\x1f\x8b"
_PIECE = 1024 * 1024
_HEAD_BYTES = 65536


def unpacked(source: Iterator[bytes]) -> Iterator[bytes]:
    """The unpacked bytes of gzip members, in bounded pieces; raises BadBackup at the first damaged byte.

    Zeros behind the last member, such as a tape or a block device leaves, are passed over as gzip does.
    """
    member = zlib.decompressobj(wbits=31)
    started = padded = False
    for packed in source:
        rest = packed
        while rest:
            if member.eof:
                rest, padded = rest.lstrip(b"\0"), padded or rest[:1] == b"\0"
                if not rest:
                    break
                if padded or rest[:1] != GZIP[:1]:
                    raise BadBackup(msg("The gzip file has bytes after its end that are not gzip"))
                member, started = zlib.decompressobj(wbits=31), False
            try:
                piece = member.decompress(rest, _PIECE)
            except zlib.error as error:
                raise BadBackup(_broken_gzip(str(error))) from None
            started = True
            if piece:
                yield piece
            rest = member.unused_data if member.eof else member.unconsumed_tail
    if not started or not member.eof:
        raise BadBackup(msg("The gzip file is truncated"))


def unpacked_start(packed: bytes) -> bytes:
    """The first unpacked bytes of a gzip file; raises BadBackup."""
    try:
        return zlib.decompressobj(wbits=31).decompress(packed, _HEAD_BYTES)
    except zlib.error as error:
        raise BadBackup(_broken_gzip(str(error))) from None


def _broken_gzip(why: str) -> Message:
    return msg("The gzip file is damaged: {why}", why=why)
