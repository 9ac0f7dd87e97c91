"""The tests of a patched copy: how they ended, and that the tree stays as it is."""

import sys
import time
from pathlib import Path

import pytest

from tasks import secrets
from tasks.security.fix.diff import Changed
from tasks.security.fix.trial import Trial, TrialEnd, try_fix

CHANGED = [Changed("requirements.txt", "jinja2==2.10\n", "jinja2==2.10.1\n")]
READ = "import os, sys; sys.exit(open('requirements.txt').read() != 'jinja2==2.10.1\\n')"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("jinja2==2.10\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "run.sh").write_text("#!/bin/sh\nprintf 'ran in %s\\n' \"$HOME\"; exit 3\n")
    (tmp_path / "app" / "run.sh").chmod(0o755)
    (tmp_path / "not-listed").write_text("x")
    return tmp_path


def tried(tree: Path, *command: str, deadline_s: float = 30) -> Trial:
    return try_fix(tree, ["requirements.txt", "app/run.sh"], CHANGED, command, deadline_s)


def test_they_pass_on_the_patched_copy_and_the_tree_is_not_changed(tree: Path) -> None:
    assert tried(tree, sys.executable, "-c", READ).end is TrialEnd.PASSED
    assert (tree / "requirements.txt").read_text() == "jinja2==2.10\n"
    assert tried(tree, "test", "!", "-e", "not-listed").end is TrialEnd.PASSED


def test_they_fail_with_their_last_lines(tree: Path) -> None:
    trial = tried(tree, "app/run.sh")
    assert trial.end is TrialEnd.FAILED and trial.reason.params == {"status": 3}
    assert trial.last_lines[-1].startswith("ran in /") and trial.last_lines[-1].endswith("/home")


def test_what_they_print_is_masked_and_bounded(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_resolved", set())
    secrets.keep_secret("hunter2hunter2")
    trial = tried(tree, "sh", "-c", "seq 100; echo hunter2hunter2 $(printf '\\033[31m') kim@shop.example; exit 1")
    assert len(trial.last_lines) == 20 and trial.last_lines[0] == "82"
    assert not any(word in trial.last_lines[-1] for word in ("hunter2", "\x1b", "kim@shop"))


def test_they_do_not_see_this_process_s_environment(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2hunter2")
    assert tried(tree, "sh", "-c", 'test -z "$SHOP_PASSWORD" && test -n "$PATH"').end is TrialEnd.PASSED


def test_at_the_deadline_their_whole_group_is_ended(tree: Path) -> None:
    begun = time.monotonic()
    trial = tried(tree, "sh", "-c", "sleep 60 & sleep 60", deadline_s=0.3)
    assert trial.end is TrialEnd.TIMED_OUT and time.monotonic() - begun < 20


def test_what_cannot_be_run_is_said(tree: Path) -> None:
    trial = tried(tree, "no-such-program-anywhere")
    assert trial.end is TrialEnd.NOT_RUN and "no-such-program-anywhere" in str(trial.reason.params)
    assert try_fix(tree, ["gone.py"], CHANGED, ["true"], 30).end is TrialEnd.NOT_RUN
