"""Real folders: every real file once, and nothing that belongs to the tree is missing without a reason."""

import hashlib
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tasks.deadline import Deadline
from tasks.errors import UsageError
from tasks.observation import ObservationError
from tasks.security.settings import Source
from tasks.security.tree.read import read_tree
from tasks.security.tree.tree import SourceTree

AS_ROOT = os.geteuid() == 0


def put(root: Path, *paths: str) -> None:
    for path in paths:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"# {path}\n")


def read(root: Path, *exclude: str, max_file_kb: int = 2000) -> SourceTree:
    return read_tree(Source(path=root, exclude=exclude, max_file_kb=max_file_kb), root, Deadline.after(60))


def paths(tree: SourceTree) -> list[str]:
    return [file.path for file in tree.files]


def left_out(tree: SourceTree) -> dict[str, str]:
    return {left.what: left.reason.text.format(**left.reason.params) for left in tree.left_out}


def test_files_have_their_paths_sizes_and_digests_in_order(tmp_path: Path) -> None:
    put(tmp_path, "b.py", "a/c.py", "a/d.txt", ".github/workflow.yml")
    tree = read(tmp_path)
    assert paths(tree) == [".github/workflow.yml", "a/c.py", "a/d.txt", "b.py"]
    assert tree.files[-1].sha256 == hashlib.sha256(b"# b.py\n").hexdigest() and tree.files[-1].bytes == 7
    assert (tree.root, tree.left_out, tree.excluded) == (tmp_path.resolve(), (), 0)


def test_an_empty_tree_is_one_without_files(tmp_path: Path) -> None:
    assert paths(read(tmp_path)) == [] and read(tmp_path).left_out == ()


def test_a_root_that_is_no_readable_folder_is_a_mistake_of_the_service_file(tmp_path: Path) -> None:
    put(tmp_path, "file")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("gone")
    for name in ("missing", "file", "loop", "dangling"):
        with pytest.raises(UsageError, match=rf"\[source\] path: .*/{name} cannot be read: "):
            read(tmp_path / name)


def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path, "current/a.py")
    (tmp_path / "link").symlink_to("current")
    tree = read(tmp_path / "link")
    assert paths(tree) == ["a.py"] and (tree.root.name, tree.name) == ("current", "link")
    assert read(tmp_path / "current" / "..").name == tmp_path.name


def test_folders_of_tools_and_environments_are_never_read(tmp_path: Path) -> None:
    never = (".git", ".hg", ".svn", "node_modules", "__pycache__", ".tox", ".mypy_cache", ".eggs")
    put(tmp_path, "a.py", *(f"{folder}/x.py" for folder in never), "web/node_modules/y.py")
    put(tmp_path, "env/pyvenv.cfg", "env/lib/python3.11/site-packages/z.py", "env/bin/z.py", "envs/z.py")
    put(tmp_path, "windows/pyvenv.cfg", "windows/Lib/site-packages/z.py", "windows/Scripts/z.py")
    tree = read(tmp_path)
    assert paths(tree) == ["a.py", "env/pyvenv.cfg", "envs/z.py", "windows/pyvenv.cfg"]
    assert not tree.left_out and not tree.excluded
    assert {"env", "windows", ".git"} <= {*tree.passed_over} and "envs" not in tree.passed_over


def test_a_file_named_as_in_an_environment_hides_no_code(tmp_path: Path) -> None:
    put(tmp_path, "pkg/pyvenv.cfg", "pkg/a.py", "pkg/lib/b.py")
    put(tmp_path, "env/pyvenv.cfg", "env/lib/python3.11/site-packages/z.py", "env/app/c.py")
    assert [path for path in paths(read(tmp_path)) if path.endswith(".py")] == [
        "env/app/c.py",
        "pkg/a.py",
        "pkg/lib/b.py",
    ]


def test_a_root_that_is_an_environment_itself_is_read(tmp_path: Path) -> None:
    put(tmp_path, "pyvenv.cfg", "a.py")
    assert "a.py" in paths(read(tmp_path))


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("vendor/**", ["vendor/a.py", "vendor/deep/b.py"]),
        ("vendor", ["vendor/a.py", "vendor/deep/b.py"]),
        ("vendor/*.py", ["vendor/a.py"]),
        ("**/*.js", ["top.js", "web/app.js"]),
        ("*.js", ["top.js"]),
        ("**/deep", ["vendor/deep/b.py", "web/deep/c.py"]),
        ("web/**/c.py", ["web/deep/c.py"]),
        ("we[!x]/app.??", ["web/app.js"]),
        ("./top.js", ["top.js"]),
        ("we", []),
    ],
)
def test_patterns_exclude_and_are_counted(tmp_path: Path, pattern: str, covered: list[str]) -> None:
    everything = ["top.js", "vendor/a.py", "vendor/deep/b.py", "web/app.js", "web/deep/c.py"]
    put(tmp_path, *everything)
    tree = read(tmp_path, pattern)
    assert sorted({*everything} - {*paths(tree)}) == covered and tree.excluded == len(covered)


def test_a_large_file_is_left_out_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "at.py").write_bytes(b"#" * 2048)
    (tmp_path / "above.py").write_bytes(b"#" * 2049)
    with (tmp_path / "huge.py").open("wb") as huge:
        huge.truncate(50 * 1024 * 1024)
    tree = read(tmp_path, max_file_kb=2)
    assert paths(tree) == ["at.py"]
    assert left_out(tree) == {
        "above.py": "3 KB: [source] max_file_kb is 2",
        "huge.py": "51200 KB: [source] max_file_kb is 2",
    }


def test_links_lead_to_every_file_once_and_never_outside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(tmp_path, "root/pkg/a.py", "root/node_modules/lib.py", "secret.py", "outside/b.py")
    for name, to in {
        "loop": "loop", "up": ".", "pkg/self": "../pkg", "again.py": "pkg/a.py", "broken.py": "gone.py",
        "lib.py": "node_modules/lib.py", "out.py": "../secret.py", "outside": "../outside",
    }.items():  # fmt: skip
        (root / name).symlink_to(to)
    tree = read(root)
    assert paths(tree) == ["lib.py", "pkg/a.py"]
    assert left_out(tree) == dict.fromkeys(("out.py", "outside/"), "A link that leads out of the tree")


def test_names_that_are_not_utf_8_are_left_out(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text("")
    (tmp_path / os.fsdecode(b"d\xe9")).mkdir()
    put(tmp_path, "日本語.py")
    tree = read(tmp_path)
    assert paths(tree) == ["日本語.py"]
    assert left_out(tree) == dict.fromkeys((r"caf\xe9.py", r"d\xe9/"), "Its name is not UTF-8")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    put(tmp_path, "a.py")
    assert paths(read(tmp_path)) == ["a.py"]


def test_what_cannot_be_read_is_left_out() -> None:
    root = Path(mkdtemp())  # a folder of pytest's is not open to others
    put(root, "a.py", "closed/b.py", "open.py")
    root.chmod(0o755)
    (root / "a.py").chmod(0)
    (root / "closed").chmod(0)
    if AS_ROOT:
        os.seteuid(65534)  # the superuser may read everything
    try:
        tree = read(root)
    finally:
        if AS_ROOT:
            os.seteuid(0)
        (root / "closed").chmod(0o755)
        shutil.rmtree(root)
    assert paths(tree) == ["open.py"]
    assert left_out(tree) == dict.fromkeys(("a.py", "closed/"), "Cannot be read")


def test_no_time_left_is_no_tree(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="Time ran out"):
        read_tree(Source(path=tmp_path), tmp_path, Deadline.after(0))
