"""A source tree: the files in it that are scanned, and those that are not."""

from dataclasses import dataclass
from pathlib import Path

from tasks.security.facts.scans import LeftOut


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a tree: `path` is relative to the root, with `/`; `sha256` is that of its content."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SourceTree:
    """A tree as it stood at one moment, each real file once, in the order of their paths.

    `name` is its folder's, or that of a link which the service file names: it stays when the link leads elsewhere.
    `left_out` are files that belong to it and are not scanned: too large, unreadable, links to outside. Excluded ones
    are in neither; their number is `excluded`. `passed_over` are the folders of tools, which are in neither: each name
    once, such as `node_modules`, and the paths of virtual environments.
    """

    root: Path
    files: tuple[SourceFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    excluded: int = 0
    name: str = ""
    passed_over: tuple[str, ...] = ()
