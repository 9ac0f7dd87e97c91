"""Where `rounds up` leaves word of itself, and when that word is believed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.state import UpState, announced, read_state
from tasks.errors import ExplainedError, UsageError
from tasks.state import STATE_VARIABLE, state_folder

UP = UpState("http://127.0.0.1:4200/api", "http://127.0.0.1:4280/", os.getpid())
ANNOUNCE = """
import os
from deployments.state import UpState, announced
with announced(UpState("http://127.0.0.1:4200/api", "http://127.0.0.1:4280/", os.getpid())):
    print("there", flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_running_one_is_found_until_it_ends(folder: Path) -> None:
    assert read_state() is None
    with announced(UP):
        assert read_state() == UP
        assert (folder / "up.json").is_file()
    assert read_state() is None
    assert not (folder / "up.json").exists()


def test_the_folder_is_made_for_its_owner_alone(folder: Path) -> None:
    assert state_folder() == folder
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o777])
def test_a_folder_that_is_open_to_others_is_refused(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    advice = f"chmod 700 {folder}, or set OPSROUNDS_STATE to a folder of your own"
    with pytest.raises(UsageError, match=f"{folder} is open to other accounts \\(mode 0{mode:o}\\).*: {advice}"):
        state_folder()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_account_is_refused(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    with pytest.raises(UsageError, match=f"{folder} belongs to another account \\(user id 65534\\)"):
        state_folder()


def test_a_folder_that_cannot_be_made_says_what_to_set(folder: Path) -> None:
    folder.write_text("a file in the way")
    with pytest.raises(UsageError, match=f"{folder} cannot be written .*: set OPSROUNDS_STATE to a folder of yours"):
        read_state()


def test_two_at_once_are_refused() -> None:
    with announced(UP), pytest.raises(ExplainedError, match="another rounds up"), announced(UP):
        pass


def test_an_error_of_its_own_is_not_taken_for_another_one() -> None:
    with pytest.raises(BlockingIOError, match="its own"), announced(UP):
        raise BlockingIOError("its own")


def test_half_a_word_of_one_that_was_killed_is_removed_when_it_is_old(folder: Path) -> None:
    left = state_folder() / ".up.json.0123456789ab.tmp"
    left.write_text("{")
    with announced(UP):
        assert read_state() == UP and left.exists()
    os.utime(left, (0, 0))
    with announced(UP):
        assert read_state() == UP
        assert sorted(path.name for path in folder.iterdir()) == ["up.json", "up.lock"]


def test_one_that_was_killed_is_not_believed_though_its_process_id_is_somebody_elses(folder: Path) -> None:
    """After a restart of the machine or container an id is soon in use again; here it is this test's own."""
    command = [sys.executable, "-c", ANNOUNCE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "there\n"
        state = read_state()
        assert state is not None and state.pid == other.pid
        other.kill()
    left = (folder / "up.json").read_text()
    (folder / "up.json").write_text(left.replace(str(other.pid), str(os.getpid())))
    assert read_state() is None
    with announced(UP):
        assert read_state() == UP


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"api_url": "http://x/api"}', '"text"'])
def test_what_is_no_state_is_not_believed(folder: Path, text: str) -> None:
    with announced(UP):
        (folder / "up.json").write_text(text)
        assert read_state() is None
