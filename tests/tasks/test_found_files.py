"""Files that a pattern names: what may not be seen is told, and what is merely not there is not."""

import sys
from pathlib import Path

from tasks.found_files import matches, start_of
from tasks.processes import run

ROOT = Path(__file__).parents[2]


def names(folder: Path, pattern: str) -> list[str]:
    """What is found, relative to the folder; nothing may stand in the way."""

    def blocked(path: Path, error: OSError) -> None:
        raise AssertionError(path) from error

    begin, parts = start_of(pattern)
    return sorted(str(path.relative_to(folder)) for path in matches(folder / begin, parts, blocked))


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_stars_and_folders_of_any_depth(tmp_path: Path) -> None:
    for name in ("app.log", "a/app.log", "a/b/app.log", "a/.hidden/app.log", ".app.log", "a/[x].log"):
        put(tmp_path / name)
    assert names(tmp_path, "*.log") == ["app.log"]
    assert names(tmp_path, "**/app.log") == ["a/app.log", "a/b/app.log", "app.log"]
    assert names(tmp_path, "a/**") == ["a/[x].log", "a/app.log", "a/b", "a/b/app.log"]
    assert names(tmp_path, "**/b/*.log") == ["a/b/app.log"]
    assert names(tmp_path, "a/[[]x].log") == ["a/[x].log"]
    assert names(tmp_path, "a/.*/app.log") == ["a/.hidden/app.log"]


def test_a_file_in_a_folders_place_a_broken_link_and_a_loop_are_no_folders(tmp_path: Path) -> None:
    put(tmp_path / "a/app.log")
    put(tmp_path / "file")
    (tmp_path / "broken").symlink_to("nothing")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert names(tmp_path, "**/app.log") == ["a/app.log"]
    assert names(tmp_path, "f*/app.log") == names(tmp_path, "b*/app.log") == names(tmp_path, "file/app.log") == []
    assert names(tmp_path, "nowhere/*/app.log") == []


# Root may read everything. The user changes after the imports: another one may not reach the interpreter's files.
AS_NOBODY = """
import os, sys
from pathlib import Path
from tasks.found_files import matches, start_of, unreadable
os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for pattern in sys.argv[2:]:
    told = []
    begin, parts = start_of(pattern)
    found = list(matches(Path(begin), parts, lambda path, error: told.append(unreadable(path, error).params["file"])))
    print(pattern, *map(str, found), "|", *told)
"""


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for name in ("open/app.log", "shut/app.log", "listed/app.log", "passed/app.log", "deep/er/app.log"):
        put(tmp_path / name)
    (tmp_path / "lost+found").mkdir()
    for name, mode in (("shut", 0), ("listed", 0o444), ("passed", 0o111), ("deep/er", 0), ("lost+found", 0)):
        (tmp_path / name).chmod(mode)
    patterns = ("o*/*.log", "s*/*.log", "s*/app.log", "l*/app.log", "p*/app.log", "p*/*.log", "deep/**", "**/app.log")
    argv = [sys.executable, "-c", AS_NOBODY, str(tmp_path), *patterns]
    done = run(argv, deadline_s=60, cwd=ROOT)
    for name in ("shut", "listed", "passed", "deep/er"):
        (tmp_path / name).chmod(0o755)
    told = dict(line.split(" ", 1) for line in done.stdout.decode().splitlines())
    assert {pattern: {*text.split("|")[1].split()} for pattern, text in told.items()} == {
        "o*/*.log": set(),
        "s*/*.log": {"shut"},
        "s*/app.log": {"shut/app.log"},
        "l*/app.log": {"listed/app.log"},
        "p*/app.log": set(),
        "p*/*.log": {"passed"},
        "deep/**": {"deep/er"},
        "**/app.log": {"deep/er/app.log", "deep/er", "listed/app.log", "passed", "shut/app.log", "shut"},
    }, done.stderr.decode()
    assert told["p*/app.log"].startswith("passed/app.log") and "open/app.log" in told["**/app.log"]
