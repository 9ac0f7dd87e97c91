"""What `make .venv` installs is checked by hash, and comes from the index that pip is set to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-uv.lock")


def test_every_installation_is_by_hash_or_of_this_folder_alone() -> None:
    commands = [
        line
        for name in ("Makefile", ".ci/run")
        for line in (ROOT / name).read_text().splitlines()
        if re.search(r"pip install|npm (?:i|install)|\buvx\b|pipx|curl\b.*\|", line)
    ]
    assert len(commands) == 5
    for command in commands:
        by_hash = "--require-hashes" in command and "--only-binary :all:" in command
        assert by_hash or "--no-deps --no-build-isolation --editable ." in command, command


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_has_a_hash_for_everything_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text and "--index-url" not in text
    assert lock in (ROOT / "Makefile").read_text() and lock in (ROOT / ".ci/opsrounds.toml").read_text()
    packages = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", text).strip())
    assert packages
    for package in packages:
        assert re.match(r"[a-z0-9-]+(?:\[[a-z,]+\])?==\S+( ;[^\\]+)? \\\n    --hash=sha256:[0-9a-f]{64}\b", package), (
            package
        )


def test_what_builds_this_folder_is_locked_too() -> None:
    assert 'requires = ["setuptools>=' in (ROOT / "pyproject.toml").read_text()
    assert re.search(r"(?m)^setuptools==", (ROOT / "requirements.lock").read_text())
