"""A killed process leaves no copy of source code behind for longer than until the next scan."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tasks.scratch import scratch

HOLD = """
from tasks.scratch import scratch
with scratch() as folder:
    (folder / "copy.py").write_text("x = 1")
    print(folder, flush=True)
    input()
"""


def aged(folder: Path) -> None:
    os.utime(folder, (1, 1))


def test_a_folder_is_removed_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch() as folder:
        assert folder.parent == tmp_path
        aged(folder)
        with scratch():
            assert folder.exists()
    assert not any(tmp_path.iterdir())


def test_the_folder_of_a_killed_process_goes_and_that_of_a_living_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], env={**os.environ, "TMPDIR": str(tmp_path)}, stdin=-1, stdout=-1, text=True
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        aged(folder)
        with scratch():
            assert (folder / "copy.py").exists()
        process.kill()
    with scratch():
        assert not folder.exists()
