"""Where `rounds up` leaves word of itself, and when that word is believed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.state import STATE_VARIABLE, UpState, read_state, remove_state, state_folder, write_state

UP = UpState("http://127.0.0.1:4200/api", "http://127.0.0.1:4280/", os.getpid())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def ended() -> Iterator[int]:
    """The id of a process that is there no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    yield process.pid


def test_a_running_one_is_found_until_it_is_forgotten(folder: Path) -> None:
    assert read_state() is None
    write_state(UP)
    assert read_state() == UP
    assert [file.name for file in folder.iterdir()] == ["up.json"]
    remove_state()
    assert read_state() is None
    remove_state()


def test_the_folder_is_made_for_its_owner_alone(folder: Path) -> None:
    assert state_folder() == folder
    assert folder.stat().st_mode & 0o777 == 0o700


def test_one_whose_process_is_gone_is_not_believed(ended: int) -> None:
    write_state(UpState(UP.api_url, UP.archive_url, ended))
    assert read_state() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"api_url": "http://x/api"}', '"text"'])
def test_what_is_no_state_is_not_believed(folder: Path, text: str) -> None:
    state_folder()
    (folder / "up.json").write_text(text)
    assert read_state() is None


def test_one_whose_process_id_another_process_has_now_is_not_believed(folder: Path) -> None:
    """After a restart of the machine or container, an id is soon somebody else's."""
    write_state(UP)
    said = json.loads((folder / "up.json").read_text())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        (folder / "up.json").write_text(json.dumps(said | {"pid": other.pid}))
        assert read_state() is None
        other.communicate()
