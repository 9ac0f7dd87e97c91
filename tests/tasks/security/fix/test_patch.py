"""The patch changes a version and nothing else, and says what it cannot change."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.security.facts.scans import Kind
from tasks.security.fix.files import read_requirements_texts
from tasks.security.fix.patch import make_fix
from tasks.security.fix.updates import Update, find_updates
from tests.known_findings import known_finding

REQUIREMENTS = (
    "# the shop's packages\n\n-r base.txt\nflask==1.0\n"
    "Jinja2[i18n] == 2.10 ; python_version < '4'   # templates\n"
    "jinja2-time==2.10\njinja2==2.9  # of another line\n"
)


def updates(*packages: str, path: str = "requirements.txt", **more: Any) -> tuple[Update, ...]:
    values = {"version": "2.10", "fixed_in": ("2.10.1",), "path": path} | more
    known = [known_finding(n, Kind.DEPENDENCY, package=name, **values) for n, name in enumerate(packages)]
    return find_updates(known)


def test_only_the_version_changes() -> None:
    fix = make_fix(updates("jinja2"), {"requirements.txt": REQUIREMENTS})
    assert fix.patch == (
        "--- a/requirements.txt\n+++ b/requirements.txt\n@@ -2,6 +2,6 @@\n"
        " \n -r base.txt\n flask==1.0\n"
        "-Jinja2[i18n] == 2.10 ; python_version < '4'   # templates\n"
        "+Jinja2[i18n] == 2.10.1 ; python_version < '4'   # templates\n"
        " jinja2-time==2.10\n jinja2==2.9  # of another line\n"
    )
    assert [update.package for update in fix.patched] == ["jinja2"] and fix.by_command == fix.unfixed == ()


@pytest.mark.parametrize(
    "before",
    [
        "a==1\r\njinja2==2.10\r\nb==2\r\n",
        "jinja2==2.10",
        "a==1\n\x0c\njinja2==2.10.0\n",
        "jinja2 === 2.10\njinja2==2.10;python_version<'3'\n",
    ],
)
@pytest.mark.parametrize("name", ["requirements.txt", "my reqs/requirements dev.txt", "要件/requirements.txt"])
def test_git_applies_the_patch_to_exactly_this(tmp_path: Path, before: str, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(before.encode())
    fix = make_fix(updates("jinja2", path=name), {name: before})
    (tmp_path / "fix.patch").write_bytes(fix.patch.encode())
    subprocess.run(["git", "apply", "fix.patch"], cwd=tmp_path, check=True)
    assert file.read_bytes().decode() == fix.changed[0].after != before
    if shutil.which("patch"):
        file.write_bytes(before.encode())
        subprocess.run(["patch", "-sp1", "--binary", "-i", "fix.patch"], cwd=tmp_path, check=True)
        assert file.read_bytes().decode() == fix.changed[0].after


def test_a_file_that_is_included_is_changed_in_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements.txt").write_text("-r requirements/base.txt\nflask==1.0\n")
    (tmp_path / "requirements" / "base.txt").write_text("--requirement=loop.txt\njinja2==2.10\n")
    (tmp_path / "requirements" / "loop.txt").write_text("-r base.txt\n-r /etc/passwd\n-r ../../outside.txt\n")
    (tmp_path.parent / "outside.txt").write_text("jinja2==2.10\n")
    wanted = updates("jinja2")
    texts = read_requirements_texts(tmp_path, wanted)
    assert set(texts) == {"requirements.txt", "requirements/base.txt", "requirements/loop.txt"}
    assert [changed.path for changed in make_fix(wanted, texts).changed] == ["requirements/base.txt"]


@pytest.mark.parametrize(
    ("path", "text", "command"),
    [
        ("requirements.txt", "jinja2==2.10 \\\n    --hash=sha256:00\n", "pip-compile --generate-hashes --upgrade-pack"),
        ("uv.lock", None, "uv lock --upgrade-package jinja2==2.10.1"),
        ("web/package-lock.json", None, "cd web && npm install jinja2@2.10.1"),
        ("pnpm-lock.yaml", None, "pnpm update jinja2@2.10.1"),
        ("yarn.lock", None, "yarn upgrade jinja2@2.10.1"),
        ("pylock.dev.toml", None, "pip lock jinja2==2.10.1"),
        (".venv", None, "pip install jinja2==2.10.1"),
        ("requirements.txt", "jinja2>=2\n", "jinja2==2.10.1"),
        ("requirements.txt", None, "jinja2==2.10.1"),
    ],
)
def test_what_no_patch_can_change_has_its_command(path: str, text: str | None, command: str) -> None:
    fix = make_fix(updates("jinja2", path=path), {} if text is None else {path: text})
    assert fix.patch == "" and fix.changed == () and fix.patched == ()
    assert fix.by_command[0].command.startswith(command)


def test_two_packages_of_a_file_and_one_without_a_fix() -> None:
    wanted = (*updates("jinja2", "flask"), *updates("mako", fixed_in=()))
    fix = make_fix(wanted, {"requirements.txt": "flask==2.10\njinja2==2.10\nmako==2.10\n"})
    assert fix.changed[0].after == "flask==2.10.1\njinja2==2.10.1\nmako==2.10\n"
    assert [update.package for update in fix.unfixed] == ["mako"]


def test_a_command_holds_no_shell_code_of_others() -> None:
    fix = make_fix(updates("jinja2", path="a'; rm -rf $HOME; '/uv.lock"), {})
    assert fix.by_command[0].command.startswith("cd 'a’; rm -rf $HOME; ’' && uv lock")
