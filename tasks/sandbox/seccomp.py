"""The filter of system calls for what runs in a sandbox: what could widen it, and no program of ours needs."""

import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Classic BPF: bpf(4) of FreeBSD, and linux/bpf_common.h and linux/seccomp.h.
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_AT_NUMBER, _AT_ARCHITECTURE = 0, 4
_FIRST, _SECOND, _SECOND_HIGH = 16, 24, 28
"""Halves of arguments."""

_NAMESPACES: Final = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET; NEWTIME is `_TIME`, of unshare alone."""

_TIME: Final = 0x80
_FIRST_FOREIGN_FAMILY: Final = 11
"""AF_UNIX, AF_INET and AF_INET6 are below. Netlink, packets and the host's vsock are not: that has no namespace."""

_MOST_SHARED: Final = 1024 * 1024
"""Bytes of a System V segment, of which there are 4096 at most: PostgreSQL's is of one page. They count for nobody."""

_X32: Final = 0x40000000
_NEW_MOUNTS = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442)
"""io_uring, which does what others are refused, and the new interface of mounts: the same number everywhere."""

_CLONE3: Final = 435
"""Its flags are in memory, where no filter sees them: ENOSYS, and libc takes clone."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """An architecture's own numbers. `refused`: mount, umount2, pivot_root, setns, ptrace, add_key, request_key,
    keyctl, bpf, perf_event_open, userfaultfd, open_by_handle_at, process_vm_readv, process_vm_writev, and memfd_create,
    whose memory counts for nobody.
    """

    audit: int
    clone: int
    unshare: int
    socket: int
    shmget: int
    refused: tuple[int, ...]


_MACHINES: Final[Mapping[str, _Machine]] = {
    "x86_64": _Machine(
        0xC000003E, 56, 272, 41, 29, (165, 166, 155, 308, 101, 248, 249, 250, 321, 298, 323, 304, 310, 311, 319)
    ),
    "aarch64": _Machine(
        0xC00000B7, 220, 97, 198, 194, (40, 39, 41, 268, 117, 217, 218, 219, 280, 241, 282, 265, 270, 271, 279)
    ),
}  # fmt: skip


def seccomp_filter() -> bytes | None:
    """The program as bubblewrap takes it; None on an architecture whose numbers are not known here."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return None
    return b"".join(
        (
            _instruction(_LOAD, _AT_ARCHITECTURE),
            _instruction(_EQUAL, machine.audit, 1, 0),
            _instruction(_RETURN, _KILL),
            _instruction(_LOAD, _AT_NUMBER),
            _instruction(_AT_LEAST, _X32, 0, 1),
            _instruction(_RETURN, _KILL),
            _instruction(_EQUAL, _CLONE3, 0, 1),
            _instruction(_RETURN, _ENOSYS),
            *(_refused(number) for number in (*machine.refused, *_NEW_MOUNTS)),
            _refused_if(machine.clone, (_FIRST, _ANY_BIT, _NAMESPACES)),
            _refused_if(machine.unshare, (_FIRST, _ANY_BIT, _NAMESPACES | _TIME)),
            _refused_if(machine.socket, (_FIRST, _AT_LEAST, _FIRST_FOREIGN_FAMILY)),
            _refused_if(machine.shmget, (_SECOND, _AT_LEAST, _MOST_SHARED), (_SECOND_HIGH, _AT_LEAST, 1)),
            _instruction(_RETURN, _ALLOW),
        )
    )


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _refused(number: int) -> bytes:
    return _instruction(_EQUAL, number, 0, 1) + _instruction(_RETURN, _EPERM)


def _refused_if(number: int, *tests: tuple[int, int, int]) -> bytes:
    """A call whose arguments decide: where one is, how it is compared, and with what."""
    compared = b"".join(
        _instruction(_LOAD, at) + _instruction(test, value, 0, 1) + _instruction(_RETURN, _EPERM)
        for at, test, value in tests
    )
    return _instruction(_EQUAL, number, 0, 3 * len(tests) + 1) + compared + _instruction(_RETURN, _ALLOW)
