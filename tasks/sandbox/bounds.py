"""What a confined program may take of the machine."""

from dataclasses import dataclass, replace
from typing import Final, Self

import psutil

MIB: Final = 1 << 20
_SHARE_OF_MEMORY: Final = 0.75
_LEAST_MEMORY: Final = 512 * MIB


@dataclass(frozen=True, slots=True)
class Bounds:
    """In bytes, but `processes` and `files`.

    `memory` is the address space of each process, and what all of one program hold together; `disk` and `files` are
    what the drill's folder may come to; `file` is the largest file.
    """

    memory: int
    disk: int
    file: int
    processes: int = 128
    files: int = 2_000_000
    shared_memory: int = 512 * MIB
    temporary: int = 64 * MIB

    @classmethod
    def of_this_machine(cls, disk: int) -> Self:
        """Three quarters of the memory that is free now, and so much disk."""
        memory = max(int(psutil.virtual_memory().available * _SHARE_OF_MEMORY), _LEAST_MEMORY)
        return cls(memory=memory, disk=disk, file=disk)

    def of_disk(self, disk: int) -> Self:
        """The same with another bound of the disk."""
        return replace(self, disk=disk, file=disk)
