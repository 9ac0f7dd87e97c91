"""What a scan's result rests on, in one digest."""

import hashlib
import json
import platform
from collections.abc import Iterable

from tasks.security.facts.scans import LeftOut
from tasks.security.tree.tree import SourceFile


def scan_digest(
    scanner: str, version: str, files: Iterable[SourceFile], left_out: Iterable[LeftOut], *more: str
) -> str:
    """The digest of a scan of files: 64 hexadecimal digits. Another Python reads code in another way."""
    parts = [
        [scanner, version, platform.python_version(), *more],
        [[file.path, file.sha256] for file in files],
        [[left.what, left.reason.text, dict(left.reason.params)] for left in left_out],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
