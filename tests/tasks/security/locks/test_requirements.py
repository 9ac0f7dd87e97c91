"""requirements.txt as people write it, and what is not one."""

import codecs
import random
from pathlib import Path

import pytest

from tasks.check_result import in_english
from tasks.observation import printable
from tasks.security.locks.interface import Lock
from tasks.security.locks.requirements import read_requirements

HASH = "sha256:" + "a" * 64


def read(write, text: str | bytes, **more: str) -> Lock:
    return read_requirements(write({"requirements.txt": text} | more), "requirements.txt")


def pins(lock: Lock) -> list[str]:
    return [f"{package.name}=={package.version}" for package in lock.packages]


def problems(lock: Lock) -> list[str]:
    return [in_english(problem) for problem in lock.problems]


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("Jinja2==2.10\n", ["jinja2==2.10"]),
        ("jinja2 == 2.10  # a comment\n# jinja2==3\n", ["jinja2==2.10"]),
        (f"jinja2==2.10 \\\n    --hash={HASH} \\\n    --hash={HASH}\nflask==1.0\n", ["jinja2==2.10", "flask==1.0"]),
        ("uvicorn[standard,extra]==0.30.0\n", ["uvicorn==0.30.0"]),
        ('a==1 ; python_version >= "3"\nb==1 ; python_version < "3"\n', ["a==1"]),
        ("a===1.0\nb==2,>=1\nc==1.0.0-alpha.1+local\n", ["a==1.0", "b==2", "c==1.0.0a1+local"]),
        ("zope.interface==5\nzope_interface==5\nZope-Interface==5\n", ["zope-interface==5"]),
        ("a==1\na==2\n", ["a==1", "a==2"]),
        ("a==1\r\nb==2\r\n", ["a==1", "b==2"]),
        ("a==1 --config-settings=x=y\n", ["a==1"]),
        ("-i https://user:hunter2@index.example/simple\n--pre\n-fhttps://x\na==1\n", ["a==1"]),
        (codecs.BOM_UTF8 + b"a==1\n", ["a==1"]),
        ("a==1\nb==2\n".encode("utf-16"), ["a==1", "b==2"]),
        ("a==1 \\", ["a==1"]),
        ("", []),
    ],
)
def test_pins(write, text: str | bytes, pinned: list[str]) -> None:
    lock = read(write, text)
    assert pins(lock) == pinned
    assert lock.problems == () and lock.unmatched == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("jinja2", "jinja2 is not pinned: write jinja2==VERSION"),
        ("jinja2>=2.10", "jinja2 is not pinned: write jinja2==VERSION"),
        ("jinja2==2.*", "jinja2 is not pinned: write jinja2==VERSION"),
        ("jinja2==2.10,==2.11", "jinja2 is not pinned: write jinja2==VERSION"),
        ("-e .", "an editable requirement (-e) has no version to ask about"),
        ("--editable=git+https://u:hunter2@host/x.git#egg=x", "an editable requirement (-e) has no version"),
        ("x @ https://u:hunter2@host/x.whl", "a requirement at an address has no version"),
        ("git+ssh://u:hunter2@host/x.git", "a requirement at an address has no version"),
        ("https://u:hunter2@host/x.zip", "a requirement at an address has no version"),
        ("x @ file:///srv/x.whl", "a requirement in a file or folder has no version"),
        ("./vendor/x", "a requirement in a file or folder has no version"),
        ("vendor/x-1.0-py3-none-any.whl", "a requirement in a file or folder has no version"),
        ("x-1.0-py3-none-any.whl", "a requirement in a file or folder has no version"),
        ("--no-such-option hunter2", "this option is unknown"),
        ("jinja2==${VERSION}", "this is not a requirement"),
        ("<p>hunter2</p>", "this is not a requirement"),
        ("-r ../outside.txt", "leads out of the source tree"),
        ("-r https://u:hunter2@host/r.txt", "a file at an address is not included"),
        ("-r missing.txt", "missing.txt does not exist"),
    ],
)
def test_a_line_that_pins_nothing_is_a_problem_with_its_line(write, line: str, said: str) -> None:
    (Path(write({})).parent / "outside.txt").write_text("b==1\n")
    lock = read(write, f"# first\na==1\n{line}\n")
    assert pins(lock) == ["a==1"]
    [problem] = problems(lock)
    assert said in problem and "hunter2" not in problem
    if not line.startswith("-r") or "://" in line:
        assert "requirements.txt, line 3: " in problem


def test_markers_and_old_versions(write) -> None:
    lock = read(
        write, 'colorama==0.4 ; sys_platform == "win32"\npytz==2004d\nx @ https://host/x ; sys_platform == "os2"'
    )
    assert [(left.what, in_english(left.reason)) for left in lock.left_out] == [
        ("requirements.txt:1 colorama", "its marker does not hold for this Python"),
        ("requirements.txt:3 x", "its marker does not hold for this Python"),
    ]
    assert [(left.what, in_english(left.reason)) for left in lock.unmatched] == [
        ("pytz 2004d", "its version cannot be read")
    ]
    assert lock.problems == ()


def test_includes_are_read_once_and_belong_to_the_digest(write) -> None:
    files = {
        "requirements/prod.txt": "-r base.txt\n-c constraints.txt\nb==1\n",
        "requirements/base.txt": "-r prod.txt\n--requirement=../more.txt\na==1\n",
        "more.txt": "c==1\n",
        "requirements/constraints.txt": "d==1\n",
    }
    lock = read_requirements(write(files), "requirements/prod.txt")
    assert sorted(pins(lock)) == ["a==1", "b==1", "c==1"] and lock.problems == ()
    other = read_requirements(write({"more.txt": "c==1\n# changed\n"}), "requirements/prod.txt")
    assert other.packages == lock.packages and other.digest != lock.digest


def test_a_chain_of_includes_ends(write) -> None:
    files = {f"r{n}.txt": f"-r r{n + 1}.txt\na{n}==1\n" for n in range(150)}
    lock = read_requirements(write(files), "r0.txt")
    assert len(lock.packages) == 100
    assert problems(lock) == ["r99.txt, line 1: more than 100 files are included"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a==1\n\x00\x01\x02", "line 2: the file is not text but binary"),
        (b"a==1\n\xff\xff", "line 2: the file is not text in UTF-8"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>\n", "line 1: this is not a requirement"),
        (b"This file lists, in prose, what you should install.\n", "line 1: this is not a requirement"),
        (random.Random(1).randbytes(100_000), "line 1: the file is not text"),
        (b'{"a": 1}', "line 1: this is not a requirement"),
    ],
    ids=["zeros", "not UTF-8", "HTML", "prose", "random", "JSON"],
)
def test_what_is_no_requirements_file_is_a_problem_with_its_line(write, content: bytes, line: str) -> None:
    lock = read(write, content)
    assert line in problems(lock)[0]
    assert lock.packages == ()


def test_a_long_text_is_not_read_to_its_end(write) -> None:
    lock = read(write, "these are words\n" * 200_000)
    assert len(lock.problems) == 101
    assert problems(lock)[-1] == ("requirements.txt has too many lines that cannot be read: it is not a lock file")


def test_a_file_of_50_megabytes_is_refused(write) -> None:
    assert problems(read(write, b"a==1\n" * 10_500_000)) == ["requirements.txt is larger than 20 MB"]


def test_names_from_outside_are_bounded_and_printable(write) -> None:
    lock = read(write, "".join(f"x{n} @ https://u:hunter2@h/x\n" for n in range(3)) + "a\x1b[31m==1\n" + "b" * 900)
    for problem in problems(lock):
        assert printable(problem) == problem and len(problem) < 300


def test_ten_thousand_lines_take_seconds(write) -> None:
    lock = read(write, "".join(f"package-{n}==1.{n}.0\n" for n in range(10_000)))
    assert len(lock.packages) == 10_000


@pytest.mark.parametrize("kind", ["folder", "loop", "link to outside", "pipe"])
def test_what_is_no_file_of_the_tree_is_a_problem(write, kind: str) -> None:
    import os

    root = write({"other.txt": "a==1\n"})
    path = root / "requirements.txt"
    outside = root.parent / "outside.txt"
    outside.write_text("b==1\n")
    match kind:
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case "link to outside":
            path.symlink_to(outside)
        case "pipe":
            os.mkfifo(path)
    lock = read_requirements(root, "requirements.txt")
    assert lock.packages == () and len(lock.problems) == 1 and "requirements.txt" in problems(lock)[0]
