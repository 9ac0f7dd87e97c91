"""Every attack of tests/hostile_dumps.py alone, as a table; then drills that are killed at many moments.

`python -m tests.bench.hostile_drills [--attack NAME]... [--form FORM]... [--kills N]`: as root under both accounts,
else under one's own, with the wheel's PostgreSQL and Debian's. With `--plainly` what the same backup does where it is
restored without a drill, for those that are SQL or an archive. Ends with 1 if anything was touched.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tasks.backups.facts import DrillVerdict
from tasks.backups.settings import Backups
from tasks.backups.take.take import take
from tasks.postgres.installation import Installation, installations
from tests.hostile_dumps import (
    BOMBS,
    CLUSTER,
    ENTRY,
    FOLDER,
    KEPT,
    PSQL,
    SCRIPT,
    TAR,
    Source,
    restored_plainly,
    source,
    with_members,
)
from tests.hostile_ground import ACCOUNT, Harm, ground
from tests.killed_drills import at_work_in, drilling, folders, killed
from tests.shop_backups import LONGEST_S, drilled, running_shop

_HEAD = ("attack", "form", "account", "PostgreSQL", "verdict", "files", "connections", "rows", "processes", "folders")
_WIDTHS = (16, 10, 8, 10, 8, 5, 11, 4, 9, 7)
_VERSIONS = (18, 15)
_BOMB_S = 30.0


@dataclass(frozen=True)
class Attempt:
    """One attack in one form of backup."""

    name: str
    form: str
    make: Callable[[Source, Path], Path]
    bomb: bool = False


def attempts() -> Iterator[Attempt]:
    """All of them, each in every form that can hold it."""
    for name in (*KEPT, "login", "dblink"):
        for form in ("sql", "sql.gz", "create.sql", "all.sql", "dump", "dir", "tar"):
            yield Attempt(name, form, lambda made, into, name=name: _kept(made, into, name))  # type: ignore[misc]
    for name, text in (SCRIPT | PSQL | BOMBS).items():
        for form in ("sql",) if name in BOMBS else ("sql", "create.sql", "all.sql"):
            yield Attempt(name, form, lambda made, into, text=text: _script(made, into, text), name in BOMBS)  # type: ignore[misc]
    for name, text in ENTRY.items():
        for form in ("dump", "dir", "tar"):
            yield Attempt(name, form, lambda made, into, text=text: _entry(made, into, text))  # type: ignore[misc]
    for name in FOLDER:
        yield Attempt(name, "dir", lambda made, into, name=name: _folder(made, into, name))  # type: ignore[misc]
    for name in CLUSTER:
        yield Attempt(name, "base", lambda made, into, name=name: _cluster(made, into, name))  # type: ignore[misc]
    for name in TAR:
        yield Attempt(name, "base.tar", lambda made, into, name=name: _tar(made, into, name))  # type: ignore[misc]


def _kept(made: Source, into: Path, name: str) -> Path:
    made.shop(name)
    if ".sql" in into.name:
        return made.script(into)
    return made.archive(into)


def _script(made: Source, into: Path, text: str) -> Path:
    return made.shop().script(into, text)


def _entry(made: Source, into: Path, text: str) -> Path:
    return made.shop().archive(into, text)


def _folder(made: Source, into: Path, name: str) -> Path:
    backup = made.shop().archive(into)
    FOLDER[name](backup, made.ground.secret)
    return backup


def _cluster(made: Source, into: Path, name: str) -> Path:
    backup = made.shop().base_backup(into)
    CLUSTER[name](backup, made.ground)
    return backup


def _tar(made: Source, into: Path, name: str) -> Path:
    backup = made.shop().base_backup(into, "-Ft")
    return with_members(backup, TAR[name](made.ground.open, made.ground.secret))


def _line(*cells: object) -> None:
    sys.stdout.write("  ".join(str(cell).ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False)).rstrip())
    sys.stdout.write("\n")
    sys.stdout.flush()


def _tried(made: Source, attempt: Attempt, who: str, *, plainly: bool) -> bool:
    """Print a row; False if anything was touched by a drill."""
    backup = attempt.make(made, made.ground.kept / f"{attempt.name}.{attempt.form}")
    small = made.ground.small if attempt.bomb and made.ground.small.exists() else None
    ended = made.ground.drill(
        backup, made.installation, drills=small, longest_s=_BOMB_S if attempt.bomb else LONGEST_S
    )  # fmt: skip
    _line(*_row(attempt, who, made.installation, ended.verdict, ended.harm))
    if plainly and attempt.form in ("sql", "dump", "dir") and not attempt.bomb:
        _line(*_row(attempt, who, made.installation, "plainly", restored_plainly(made, backup)))
    return ended.harm.none


def _row(attempt: Attempt, who: str, programs: Installation, verdict: DrillVerdict | str, harm: Harm) -> list[object]:
    counts = (len(harm.files), harm.connections, harm.rows, len(harm.processes), len(harm.folders))
    told = (*harm.revealed, *harm.writes)
    return [attempt.name, attempt.form, who, programs.version, str(verdict), *counts, *told]


def attacked(wanted: list[str], forms: list[str], *, plainly: bool) -> bool:
    """Every attempt under every account; True if nothing was touched."""
    known = {one.major: one for one in installations()}
    good = True
    _line(*_HEAD)
    for who, account in (("self", None), *((("other", ACCOUNT),) if os.geteuid() == 0 else ())):
        for version in _VERSIONS:
            if version not in known:
                sys.stdout.write(f"(there is no PostgreSQL {version} here)\n")
                continue
            programs = known[version]
            with ground(account, programs) as around, source(around, programs, around.folder) as made:
                for attempt in attempts():
                    if (wanted and attempt.name not in wanted) or (forms and attempt.form not in forms):
                        continue
                    if attempt.name in ("login", "dblink") and attempt.name not in made.kept:
                        continue
                    good = _tried(made, attempt, who, plainly=plainly) and good
    return good


def killed_often(kills: int) -> bool:
    """Kill drills from their first moment on; True if no program was left, and in the end nothing."""
    with tempfile.TemporaryDirectory() as name, running_shop(Path(name), rows=20_000) as shop, drilling() as driller:
        backup = take(shop.target(shop.folder / "kept/shop-*.dump"), datetime.now(UTC), (), LONGEST_S)
        drills, programs, idle, left = shop.folder / "drills", 0, 0, 0
        for number in range(kills):
            found = killed(driller, shop, backup, drills, number * 3.0 / kills)
            programs, idle = programs + len(found.programs), idle + len(found.idle)
            left += found.folders
        after = drilled(shop.target(backup), Backups(folder=drills))
        there = (len(at_work_in(drills)), len(folders(drills)))
    sys.stdout.write(
        f"{kills} kills, 0 to 3 s after the beginning of a drill: left {programs} programs, {idle} sandboxes without "
        f"one, {left} folders; after the next drill ({after.verdict}) {there[0]} and {there[1]}\n"
    )
    return programs == 0 and there == (0, 0) and after.verdict is DrillVerdict.PASSED


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--attack", action="append", default=[])
    parser.add_argument("--form", action="append", default=[])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--plainly", action="store_true")
    asked = parser.parse_args()
    harmless = attacked(asked.attack, asked.form, plainly=asked.plainly)
    sys.exit(0 if (killed_often(asked.kills) if asked.kills else True) and harmless else 1)
