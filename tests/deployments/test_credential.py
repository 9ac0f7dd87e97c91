"""The credential: made once, kept for one account alone, and refused where another could have read it."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployments.credential import credential_file, made_credential, read_credential
from tasks.errors import UsageError
from tasks.state import STATE_VARIABLE

ANEW = "start `rounds up --new-credential`, which replaces it"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    return tmp_path / "state"


def test_it_is_made_once_and_found_again() -> None:
    assert read_credential() is None
    made, is_new = made_credential()
    assert is_new and re.fullmatch(r"opsrounds:[\w-]{32}", made)
    assert made_credential() == (made, False)
    assert read_credential() == made
    assert (credential_file().stat().st_mode & 0o777, credential_file().parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_new_one_replaces_it_even_where_it_could_not_be_used() -> None:
    made, _ = made_credential()
    credential_file().chmod(0o644)
    other, is_new = made_credential(anew=True)
    assert is_new and other != made and read_credential() == other
    assert [path.name for path in credential_file().parent.iterdir()] == ["credential"]


def test_of_many_that_make_it_at_once_one_counts() -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: made_credential(), range(16)))
    assert len({credential for credential, _ in made}) == 1
    assert sum(is_new for _, is_new in made) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604])
def test_one_that_others_can_read_or_write_is_refused(mode: int) -> None:
    made_credential()
    credential_file().chmod(mode)
    with pytest.raises(UsageError, match=f"credential is open to other accounts \\(mode 0{mode:o}\\): {ANEW}"):
        read_credential()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_one_of_another_account_is_refused() -> None:
    made_credential()
    os.chown(credential_file(), 65534, 65534)
    with pytest.raises(UsageError, match=f"belongs to another account \\(user id 65534\\): {ANEW}"):
        read_credential()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    made, _ = made_credential()
    credential_file().rename(tmp_path / "elsewhere")
    credential_file().symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=f"credential cannot be read .*: {ANEW}") as refused:
        read_credential()
    assert made not in str(refused.value)


@pytest.mark.parametrize("text", ["", "\n", "sesame", ":sesame", "ops:", "ops:se\x1bsame", "ops:sésame"])
def test_what_is_no_credential_is_refused_without_repeating_it(text: str) -> None:
    made_credential()
    credential_file().write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"credential holds no user:password: {ANEW}") as refused:
        read_credential()
    assert "same" not in str(refused.value)
