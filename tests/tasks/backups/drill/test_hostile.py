"""Backups that attack: whatever a restore of them does, nothing of it is seen outside its drill."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tasks.backups.facts import DrillVerdict
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
)  # fmt: skip
from tests.hostile_ground import ACCOUNT, Ended, ground

LOOT = {
    "invariants": [{"name": "loot", "sql": "SELECT count(*) FROM public.loot WHERE line LIKE '%secret-of%'", "max": 0}]
}
"""A statement that finds in the copy what should not have been read."""

WHEEL, DEBIAN = 18, "/usr/lib/postgresql/*/bin"
_OTHER = () if os.geteuid() else ("account",)
_DEBIAN = (pytest.mark.postgresql, pytest.mark.deep)
PLACES = [
    pytest.param((who, which), id=f"{who}-{which}", marks=marks)
    for who, which, marks in (
        ("self", "wheel", ()),
        ("self", "debian", _DEBIAN),
        ("account", "wheel", (pytest.mark.deep,)),
        ("account", "debian", (*_DEBIAN, pytest.mark.study)),
    )
    if who in ("self", *_OTHER)
]
PHYSICAL = [place for place in PLACES if str(place.id).endswith("debian")]
"""The wheel's pg_verifybackup does not start, so that it drills no base backups."""

FORMS = {
    ("self", "wheel"): ("sql", "dump"),
    ("self", "debian"): ("sql", "all.sql", "dump", "tar"),
    ("account", "wheel"): ("sql.gz", "create.sql", "dump", "dir"),
    ("account", "debian"): ("sql", "dump"),
}
"""Each format, account and PostgreSQL with each other: `tests.bench.hostile_drills`."""

OTHER_WAYS = ("output", "copy", "backtick", "connect", "include")
"""Of psql: a program by each of its means, another server, another file."""

OWN = [place for place in PLACES if place.id == "self-wheel"]
Attackers = Callable[[tuple[str, str]], Source]


def _installation(which: str) -> Installation:
    found = [one for one in installations() if one.binaries.match(DEBIAN) == (which == "debian")]
    found = [one for one in found if which == "debian" or one.major == WHEEL]
    if not found:
        pytest.skip(f"there is no PostgreSQL at {DEBIAN}")
    return found[0]


@pytest.fixture(scope="module")
def attackers(sandbox: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attackers]:
    made: dict[tuple[str, str], Source] = {}
    with ExitStack() as stack:

        def of(place: tuple[str, str]) -> Source:
            if place not in made:
                who, which = place
                installation = _installation(which)
                around = stack.enter_context(ground(ACCOUNT if who == "account" else None, installation))
                made[place] = stack.enter_context(source(around, installation, around.folder))
            return made[place]

        yield of


def _kept_in(attackers: Source, form: str) -> Path:
    """A backup with everything that a format can hold."""
    into = attackers.ground.kept / f"all.{form}"
    if into.is_dir() or into.exists():
        pytest.fail("made twice")
    attackers.shop(*attackers.kept)
    if "sql" in form:
        ended_by = ("swap-socket",) if form == "all.sql" else ()  # no psql finds the server for the next database
        return attackers.script(into, *(text for name, text in SCRIPT.items() if name not in ended_by))
    return attackers.archive(into, *ENTRY.values())


def _require_harmless(ended: Ended) -> None:
    assert ended.harm.none, f"{ended.harm}\n{ended.summary}"
    assert ended.answers.get("loot", "0.0") == "0.0", ended.summary


@pytest.mark.parametrize("place", PLACES)
def test_nothing_of_what_a_restore_runs_gets_out(attackers: Attackers, place: tuple[str, str]) -> None:
    made = attackers(place)
    for form in FORMS[place]:
        ended = made.ground.drill(_kept_in(made, form), made.installation, settings=LOOT)
        _require_harmless(ended)
        assert ended.verdict is not DrillVerdict.ERROR, ended.summary
        assert "loot" in ended.answers, ended.summary  # it got to its end: every way was tried


@pytest.mark.deep
@pytest.mark.parametrize("place", PLACES)
def test_without_a_sandbox_the_same_backup_gets_out(attackers: Attackers, place: tuple[str, str]) -> None:
    made = attackers(place)
    backup = made.shop(*made.kept).script(made.ground.kept / "plain.sql", *SCRIPT.values())
    harm = restored_plainly(made, backup)
    wrote = {name.removesuffix(".wrote") for name in harm.files if name.endswith(".wrote")}
    silent = {"dblink", "swap-socket", "swap-pid", "links", "deep", "wide"}
    assert wrote >= {*made.kept, *SCRIPT} - silent
    assert {f"{way}.copied" for way in made.kept if way != "dblink"} <= set(harm.files)
    assert harm.rows > 2 * len(KEPT) and harm.connections > harm.rows and len(harm.processes) > len(KEPT) // 2


@pytest.mark.parametrize("place", OWN)
@pytest.mark.parametrize(
    "name",
    [
        "bang",
        *(
            pytest.param(name, marks=[pytest.mark.deep, *(() if name in OTHER_WAYS else (pytest.mark.study,))])
            for name in PSQL
            if name != "bang"
        ),
    ],
)
def test_commands_of_psql_fail(attackers: Attackers, place: tuple[str, str], name: str) -> None:
    made = attackers(place)
    backup = made.shop().script(made.ground.kept / f"{name}.sql", PSQL[name])
    ended = made.ground.drill(backup, made.installation, settings=LOOT)
    _require_harmless(ended)
    assert ended.verdict in (DrillVerdict.FAILED, DrillVerdict.ERROR), ended.summary
    if name != "connect":  # taken for a dump with --create
        assert "psql command" in ended.summary, ended.summary


@pytest.mark.deep
@pytest.mark.parametrize("place", OWN)
@pytest.mark.parametrize("name", FOLDER)
def test_an_archive_that_names_other_files(attackers: Attackers, place: tuple[str, str], name: str) -> None:
    made = attackers(place)
    backup = made.shop().archive(made.ground.kept / f"{name}.dir")
    FOLDER[name](backup, made.ground.secret)
    ended = made.ground.drill(backup, made.installation, settings=LOOT)
    _require_harmless(ended)
    assert ended.verdict in (DrillVerdict.FAILED, DrillVerdict.ERROR), ended.summary


@pytest.mark.deep
@pytest.mark.parametrize("place", PHYSICAL)
@pytest.mark.parametrize("name", CLUSTER)
def test_a_cluster_that_is_not_only_data(attackers: Attackers, place: tuple[str, str], name: str) -> None:
    made = attackers(place)
    made.shop(*made.kept)
    backup = made.base_backup(made.ground.kept / f"{name}.base")
    CLUSTER[name](backup, made.ground)
    ended = made.ground.drill(backup, made.installation, settings=LOOT)
    _require_harmless(ended)
    if name == "configured":
        assert ended.answers["loot"] == "0.0", ended.summary
    else:
        assert ended.verdict is not DrillVerdict.PASSED, ended.summary
    if name == "log-link":
        outside = made.ground.folder / "log"
        assert not any(file.stat().st_mtime > backup.stat().st_mtime for file in outside.iterdir())


@pytest.mark.deep
@pytest.mark.parametrize("place", PHYSICAL)
@pytest.mark.parametrize("name", TAR)
def test_a_tar_with_ways_out(attackers: Attackers, place: tuple[str, str], name: str) -> None:
    made = attackers(place)
    backup = made.base_backup(made.ground.kept / f"{name}.tars", "-Ft")
    with_members(backup, TAR[name](made.ground.open, made.ground.secret))
    ended = made.ground.drill(backup, made.installation)
    _require_harmless(ended)
    assert ended.verdict is not DrillVerdict.PASSED, ended.summary


WORDS = {
    "fork-bomb": "did not finish in time",
    "endless": "did not finish in time",
    "kill-all": "does not answer",
    "disk-bomb": "more disk than a restore drill may use",
    "hidden-bomb": "more disk than a restore drill may use",
    "sparse-bomb": "",
}


@pytest.mark.deep
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a disk for them")
@pytest.mark.parametrize("place", OWN)
@pytest.mark.parametrize(
    "name",
    [
        *("fork-bomb", "kill-all", "disk-bomb"),
        *(pytest.param(name, marks=pytest.mark.study) for name in ("endless", "sparse-bomb", "hidden-bomb")),
    ],
)
def test_bombs_end_their_own_drill(attackers: Attackers, place: tuple[str, str], name: str) -> None:
    made, fills = attackers(place), name.endswith("disk-bomb") or name == "hidden-bomb"
    backup = made.shop().script(made.ground.kept / f"{name}.sql", BOMBS[name])
    drills = made.ground.small if "disk" in name or "hidden" in name else None
    ended = made.ground.drill(backup, made.installation, drills=drills, longest_s=120.0 if fills else 15.0)
    _require_harmless(ended)
    if WORDS[name]:
        assert ended.verdict is DrillVerdict.ERROR and WORDS[name] in ended.summary, ended.summary
