"""What a killed drill left is cleared away: its sandboxes, and folders however deep and closed."""

import os
import signal
from pathlib import Path

import pytest

from tasks.processes import Child, run
from tasks.sandbox.confinement import Confinement
from tasks.sandbox.sweep import end_sandboxes, remove_tree

DEEP = """
n=0
while [ $n -lt {depth} ]; do mkdir $(printf %0250d 1) && cd -P $(printf %0250d 1) || exit 1; n=$((n + 1)); done
touch file; ln -s {outside} link; chmod 0 . ; cd {top}; chmod 0 $(printf %0250d 1)
"""


@pytest.mark.parametrize("depth", [3, 40], ids=["closed", "longer than a path can be"])
def test_folders_that_are_deep_and_closed_are_removed_and_no_link_is_followed(tmp_path: Path, depth: int) -> None:
    top, outside = tmp_path / "drill", tmp_path / "outside"
    top.mkdir()
    outside.mkdir()
    (outside / "kept").touch()
    (outside / "kept").chmod(0)
    (top / "link").symlink_to(outside)
    made = run(["bash", "-c", DEEP.format(depth=depth, outside=outside, top=top)], deadline_s=60, cwd=top)
    assert made.returncode == 0, made.stderr
    remove_tree(top)
    assert not top.exists() and (outside / "kept").stat().st_mode & 0o777 == 0


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (tmp_path / "drill").symlink_to(outside)
    remove_tree(tmp_path / "drill")
    assert (outside / "kept").exists()


def test_only_the_sandboxes_of_a_folder_are_ended(confinement: Confinement, tmp_path: Path) -> None:
    room = confinement.room("r")
    others = tmp_path / "another"
    others.mkdir()
    with (
        Child(["sleep", "60"], log=tmp_path / "log", **room.options()) as ours,
        Child(["sleep", "60"], log=tmp_path / "plain", cwd=room.path) as plain,
    ):
        end_sandboxes(others)
        assert ours.running
        end_sandboxes(confinement.folder)
        assert ours.wait(30) == -signal.SIGKILL
        assert plain.running and os.getpid()
