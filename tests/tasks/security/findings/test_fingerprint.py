"""What a finding is recognised by, on real programs that were changed as people change them."""

import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from tasks.deadline import Deadline
from tasks.security.facts.scans import Finding, Kind
from tasks.security.findings.fingerprint import CodePlace, code_fingerprints, fingerprint
from tasks.security.scanners.code.bandit import bandit_job
from tasks.security.settings import Source
from tasks.security.tree.read import read_tree

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
RUFF = Path(sys.executable).with_name("ruff")
DUPLICATE = "\n\ndef planted(command):\n    import subprocess\n    subprocess.call(command, shell=True)\n    {}\n"


def installed(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def found(root: Path) -> dict[str, Finding]:
    source = Source(path=root, max_file_kb=20_000)
    scan = bandit_job(read_tree(source, root, Deadline.after(60)), source).run(NOW)
    findings = {finding.key: finding for finding in scan.findings}
    assert len(findings) == len(scan.findings)  # no two have the same key
    return findings


def shift(root: Path) -> None:
    for file in root.rglob("*.py"):
        file.write_bytes(b"# one line more\n\n" + file.read_bytes())


def layout(root: Path) -> None:
    """Another line length, the other quotes: implicit concatenation, parentheses, `u""` and commas change too."""
    settings = root.with_name("ruff.toml")
    settings.write_text('line-length = 60\n[format]\nquote-style = "single"\n')
    subprocess.run([RUFF, "format", "-q", "--no-cache", "--config", settings, root], check=True)


def compare(before: dict[str, Finding], after: dict[str, Finding]) -> tuple[int, int]:
    """How many are new and how many are gone."""
    return len(after.keys() - before.keys()), len(before.keys() - after.keys())


def planted(package: Path, folder: Path) -> Path:
    """A copy of a package, with one more finding."""
    root = folder / "tree"
    shutil.copytree(package, root, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "planted.py").write_text(DUPLICATE.format("subprocess.call(command, shell=True)"))
    return root


def check_layout(root: Path, least: int) -> dict[str, Finding]:
    """The findings of a tree, which are the same ones after every change of its layout."""
    before = found(root)
    assert len(before) >= least
    other = root.with_name("changed")
    shutil.copytree(root, other)
    shift(other)
    layout(other)
    after = found(other)
    assert compare(before, after) == (0, 0)
    assert Counter(f.rule for f in after.values()) == Counter(f.rule for f in before.values())
    return before


def test_layout_changes_no_finding_and_a_duplicate_is_one(tmp_path: Path) -> None:
    root = planted(installed("alembic") / "runtime", tmp_path)
    before = check_layout(root, 25)
    host = root / "planted.py"
    host.write_text(DUPLICATE.format("subprocess.call(command, shell=True)\n    subprocess.call(command, shell=True)"))
    assert compare(before, found(root)) == (1, 0)
    host.write_text(DUPLICATE.format(""))
    assert compare(before, found(root)) == (0, 1)


@pytest.mark.deep
@pytest.mark.study
def test_layout_changes_none_of_five_hundred(tmp_path: Path) -> None:
    check_layout(planted(installed("prefect"), tmp_path), 500)


def prints(source: str | bytes, *places: CodePlace, path: str = "a.py") -> list[str]:
    content = source if isinstance(source, bytes) else source.encode()
    return [one.key for one in code_fingerprints(path, content, places)]


def place(line: int, column: int = 0, end: int = 9, *, last: int = 0, rule: str = "B102") -> CodePlace:
    return CodePlace(rule, line, column, end, line, last or line)


def test_same_code_in_one_scope_is_counted_in_the_order_of_the_file() -> None:
    once = prints("exec('a')\n", place(1))
    twice = prints("exec('a')\nexec('a')\n", place(2), place(1))
    assert twice[1] == once[0] and twice[0] != once[0]
    assert prints("exec('a')\nexec('b')\nexec('a')\n", place(1), place(3)) == twice[::-1]


@pytest.mark.parametrize(
    ("source", "at"),
    [
        ("def f():\n    exec('a')\n", place(2, 4, 13)),
        ("class C:\n    def f():\n        exec('a')\n", place(3, 8, 17)),
        ("exec('b')\n", place(1)),
        ("exec('a')\n", place(1, rule="B307")),
    ],
)
def test_scope_code_and_rule_tell_findings_apart(source: str, at: CodePlace) -> None:
    assert prints(source, at) != prints("exec('a')\n", place(1))


def test_layout_comments_and_quotes_do_not() -> None:
    same = 'import os  # why\n\n(\n    exec(  # here\n        u"a",\n    )\n)\n'
    assert prints(same, place(4, 4, 5, last=6)) == prints("exec('a')\n", place(1))


def test_the_body_of_a_function_is_no_part_of_what_is_wrong_with_its_head() -> None:
    one, other = (f"@bad(\n  1)\ndef f(password='x'):\n    return {n}\n" for n in (1, 2))
    at = CodePlace("B107", 3, 0, 12, 1, 4)
    assert prints(one, at) == prints(other, at) != prints(one.replace("'x'", "'y'"), at)
    assert prints(one, at) != prints(one, place(3, rule="B107"))  # what has no node is found by its line


def test_the_path_is_in_the_key_alone() -> None:
    one, other = (code_fingerprints(path, b"exec('a')\n", [place(1)])[0] for path in ("a.py", "b/a.py"))
    assert one.body == other.body and one.key != other.key and len(one.key) == len(one.body) == 64
    assert fingerprint(Kind.CODE, "a", "b").key != fingerprint(Kind.SECRET, "a", "b").key


@pytest.mark.parametrize(
    "before",
    [b"def broken(:\n", b"caf\xe9 = 1\n", b"x = 1\0\n", b"x = " + b"-" * 50_000 + b"1\n", b"#" * 4_200_000 + b"\n"],
    ids=["syntax", "encoding", "null", "nesting", "size"],
)
def test_without_a_tree_it_is_the_code_without_its_white_space(before: bytes) -> None:
    plain = prints(before + b"exec('a')\n", place(2))
    assert prints(before + b"\n\n   exec('a')  \n", place(4, 3, 12)) == plain
    assert prints(before + b"exec('b')\n", place(2)) != plain
    assert prints(before + b"exec('a')\nexec('a')\n", place(2), place(3))[1] != plain[0]


def test_a_place_beyond_the_source_has_a_fingerprint_too() -> None:
    assert len(prints(b"", place(7), place(9))) == 2
