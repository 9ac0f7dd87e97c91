"""The real bandit: whether it looked at everything is decided first, and nothing in the tree changes what it does."""

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.processes import run
from tasks.security.facts.scans import Completeness, Confidence, Kind, Rating, Scan
from tasks.security.scanners.code.bandit import bandit_job
from tasks.security.settings import Source
from tasks.security.tree.read import read_tree
from tests.deep import rows

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
SHELL = "import subprocess\n\n\ndef run(command):\n    subprocess.call(command, shell=True)\n"
COMPLETE, PARTIAL, FAILED = Completeness.COMPLETE, Completeness.PARTIAL, Completeness.FAILED


def scanned(root: Path, *, python: str = sys.executable, **settings: Any) -> Scan:
    source = Source(path=root, **settings)
    return bandit_job(read_tree(source, root, Deadline.after(60)), source, python=python).run(NOW)


def put(root: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        place = root / f"{name}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def left_out(scan: Scan) -> dict[str, str]:
    return {left.what: left.reason.text.format(**left.reason.params) for left in scan.coverage.left_out}


def instead(folder: Path, body: str) -> str:
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return str(program)


def test_a_whole_scan_finds_what_a_bare_one_finds(tmp_path: Path) -> None:
    root = tmp_path / "CVS" / "shop"  # bandit passes over whatever has CVS in its path
    put(root, app=SHELL, clean="x = 1\n", mark="import pickle  # nosec\nimport telnetlib  # nosec B401\n")
    (root / "tool.pyw").write_text(SHELL)
    (root / "-q.py").write_text("assert 1\n")
    scan = scanned(root)
    bare = run([sys.executable, "-m", "bandit", "-x", "", "-r", str(root), "-f", "json", "-q"], deadline_s=60)
    results = json.loads(bare.stdout)["results"]
    assert [(f.path, f.rule, f.line) for f in scan.findings] == sorted(
        (Path(r["filename"]).name, r["test_id"], r["line_number"]) for r in results
    )
    assert (scan.completeness, scan.coverage.asked, scan.coverage.scanned, scan.coverage.lines) == (COMPLETE, 5, 5, 10)
    assert scan.suppressed == 2 and scan.target.subject == "bandit shop"
    worst = next(f for f in scan.findings if f.path == "app.py" and f.rule == "B602")
    assert (worst.kind, worst.rule, worst.path, worst.line) == (Kind.CODE, "B602", "app.py", 5)
    assert (worst.rating, worst.confidence) == (Rating.HIGH, Confidence.HIGH)


def test_settings_and_modules_of_the_tree_change_nothing(tmp_path: Path) -> None:
    names = ("bandit", "ast", "json", "sitecustomize", "yaml", "stevedore")
    planted = dict.fromkeys(names, "open(__file__ + '.ran', 'w')\n")
    root = put(tmp_path / "tree", app=SHELL, **planted)
    (root / ".bandit").write_text("[bandit]\nskips: B602,B404\nexclude: app.py\n")
    (root / "pyproject.toml").write_text('[tool.bandit]\nskips = ["B602"]\n')
    (root / "setup.cfg").write_text("[bandit]\nskips: B602\n")
    scan = scanned(root)
    assert scan.completeness is COMPLETE and {f.rule for f in scan.findings} == {"B404", "B602"}
    assert not list(root.glob("*.ran"))


BAD: dict[str, tuple[bytes, str]] = {
    "syntax": (b"def broken(:\n", "A syntax error, or not UTF-8"),
    "latin-1": (b"name = 'caf\xe9'\n", "A syntax error, or not UTF-8"),
    "null bytes": (b"x = 1\0\n", "A syntax error"),
    "parentheses": (b"(" * 100_000 + b")" * 100_000, "A syntax error"),
    "nesting": (b"x = " + b"-" * 100_000 + b"1\n", "bandit failed on it"),
    "unknown coding": (b"# coding: klingon\n", "A syntax error"),
    "sums": (b"x = " + b"+".join([b"1"] * 3000) + b"\n", "bandit failed on it"),
}


@pytest.mark.parametrize("bad", rows(BAD, ["latin-1", "nesting"]))
def test_a_file_that_cannot_be_parsed_makes_it_partial(tmp_path: Path, bad: tuple[bytes, str]) -> None:
    content, why = bad
    scan = scanned(put(tmp_path, app=SHELL, bad=content))
    assert scan.completeness is PARTIAL and left_out(scan)["bad.py"].startswith(why)
    assert (scan.coverage.asked, scan.coverage.scanned) == (2, 1) and len(scan.findings) == 2


def test_latin_1_with_its_coding_line_is_scanned(tmp_path: Path) -> None:
    assert scanned(put(tmp_path, a=b"# coding: latin-1\nassert 'caf\xe9'\n")).completeness is COMPLETE


def test_what_the_tree_left_out_is_missed_if_it_is_python(tmp_path: Path) -> None:
    put(tmp_path, app=SHELL, large=b"#" * 3000)
    (tmp_path / "large.bin").write_bytes(b"#" * 3000)
    scan = scanned(tmp_path, max_file_kb=2)
    assert scan.completeness is PARTIAL and list(left_out(scan)) == ["large.py"]
    assert scanned(tmp_path, max_file_kb=2, exclude=("large.py",)).completeness is COMPLETE


def test_a_file_that_vanishes_before_the_scan_is_missed(tmp_path: Path) -> None:
    source = Source(path=tmp_path)
    job = bandit_job(read_tree(source, put(tmp_path, app=SHELL, gone=SHELL), Deadline.after(60)), source)
    (tmp_path / "gone.py").unlink()
    scan = job.run(NOW)
    assert scan.completeness is PARTIAL
    assert left_out(scan) == {"gone.py": "bandit could not read it: No such file or directory"}


def test_nothing_to_scan_is_a_failure_unless_it_is_declared(tmp_path: Path) -> None:
    why = "a Node service"
    failed = scanned(tmp_path)
    assert failed.completeness is FAILED and "set no_python" in failed.reason.text
    declared = scanned(tmp_path, no_python=why)
    assert (declared.completeness, declared.coverage.asked) == (COMPLETE, 0) and declared.reason.params["reason"] == why
    empty = scanned(put(tmp_path, empty=""))
    assert empty.completeness is FAILED and empty.reason.text.startswith("No line of code")
    broken = scanned(put(tmp_path, empty="def :"), no_python=why)
    assert broken.completeness is FAILED and broken.reason.text.startswith("None of {asked}")
    found = scanned(put(tmp_path, empty=SHELL), no_python=why)
    assert found.completeness is COMPLETE and found.findings


DAMAGED = {
    "nothing": (":", "wrote nothing: exit status 0"),
    "status": ("echo '{{}}'; exit 2", "ended with exit status 2"),
    "truncated": ('exec {python} "$@" | head -c 300; exit 1', "output is damaged, at JSON"),
    "html": ("echo '<html>'", "output is damaged, at JSON"),
    "other": ('echo \'{{"results": [], "errors": []}}\'', "output is damaged, at metrics"),
    "contradiction": ('echo \'{{"results": [], "errors": [], "metrics": {{}}}}\'; exit 1', "contradict each other"),
    "not asked": (
        'exec {python} "$@" | sed \'s/"metrics": {{/&"x.py": {{"loc": 1, "nosec": 0, "skipped_tests": 0}},/\'; exit 1',
        "files that it was not asked for",
    ),
    "killed": ("kill -9 $$", "ended by signal 9"),
    "finds nothing": ('echo \'{{"results": [], "errors": [], "metrics": {{}}}}\'', "did not find the flaws"),
}


@pytest.mark.parametrize("damaged", rows(DAMAGED, ["nothing", "truncated", "contradiction"]))
def test_an_output_that_is_not_whole_is_no_scan(tmp_path: Path, damaged: tuple[str, str]) -> None:
    body, why = damaged
    root = put(tmp_path / "tree", app=SHELL)
    python = instead(tmp_path, body.format(python=sys.executable))
    with pytest.raises(ObservationError, match=why):
        scanned(root, python=python)


def test_a_file_without_metrics_was_not_scanned(tmp_path: Path) -> None:
    root = put(tmp_path / "tree", app=SHELL, other="x = 1\n")
    silent = "import json,sys; o = json.load(sys.stdin); del o['metrics'][sys.argv[1]]; print(json.dumps(o))"
    body = f'{sys.executable} "$@" | {sys.executable} -c "{silent}" {root}/other.py; exit 1'
    scan = scanned(root, python=instead(tmp_path, body))
    assert scan.completeness is PARTIAL and left_out(scan) == {"other.py": "bandit does not report on it"}


def test_a_bandit_that_misses_what_was_planted_proves_nothing(tmp_path: Path) -> None:
    root = put(tmp_path / "tree", app="x = 1\n")
    python = instead(tmp_path, f'shift 3; exec {sys.executable} -I -m bandit -s B602 "$@"')
    with pytest.raises(ObservationError, match="did not find the flaws that were planted"):
        scanned(root, python=python)


def test_a_file_that_changes_while_it_is_scanned_was_not_scanned(tmp_path: Path) -> None:
    root = put(tmp_path / "tree", app=SHELL, other="x = 1\n")
    body = f'{sys.executable} "$@"; status=$?; echo "y = 1" > {root}/other.py; exit $status'
    scan = scanned(root, python=instead(tmp_path, body))
    assert scan.completeness is PARTIAL and left_out(scan) == {"other.py": "It changed while it was scanned"}


LARGE = b"x = {\n" + b"".join(b"    %d: 'word %d',\n" % (n, n) for n in range(100_000)) + b"}\n"


def test_the_deadline_of_a_scan_holds(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="did not end within"):
        scanned(put(tmp_path, large=LARGE), max_file_kb=20_000, deadline_min=0.3 / 60)


@pytest.mark.deep
def test_a_file_that_needs_too_much_memory_is_left_out(tmp_path: Path) -> None:
    scan = scanned(put(tmp_path, app=SHELL, large=LARGE), max_file_kb=20_000, max_memory_mb=256)
    assert scan.completeness is PARTIAL and list(left_out(scan)) == ["large.py"] and len(scan.findings) == 2


def test_a_test_that_crashes_is_not_passed_over(tmp_path: Path) -> None:
    body = f'{sys.executable} "$@"; status=$?; echo "Bandit internal error running: x on file $F at line 3: bad" >&2'
    root = put(tmp_path / "tree", app=SHELL, other="x = 1\n")
    python = instead(tmp_path, body.replace("$F", str(root / "other.py")) + "; exit $status")
    assert left_out(scanned(root, python=python)) == {"other.py": "A test of bandit failed on it"}


def test_no_code_stands_in_a_finding(tmp_path: Path) -> None:
    planted = "Tr0ub4dor&3"
    code = f"import os\npassword = '{planted}'\nlogin(password='{planted}')\nos.chmod('/{planted}', 0o777)\n"
    scan = scanned(put(tmp_path, app=f"{code}def f(password='{planted}'): pass\n"))
    assert {"B103", "B105", "B106", "B107"} <= {f.rule for f in scan.findings}
    assert planted not in repr(scan) and hashlib.sha1(planted.encode()).hexdigest() not in repr(scan)
    assert "Possible hardcoded password" in {f.title for f in scan.findings}


def test_many_files_are_scanned_in_several_runs(tmp_path: Path) -> None:
    long = "f" * 200
    root = tmp_path
    for _ in range(12):
        root /= long
    for number in range(300):
        put(root, **{f"{number}": "assert 1\n" if number % 100 == 0 else ""})
    scan = scanned(tmp_path)
    assert scan.completeness is COMPLETE and (scan.coverage.asked, len(scan.findings)) == (300, 3)


def test_the_digest_names_what_the_result_rests_on(tmp_path: Path) -> None:
    def digest(**settings: Any) -> str:
        source = Source(path=tmp_path, **settings)
        return bandit_job(read_tree(source, tmp_path, Deadline.after(60)), source).digest

    put(tmp_path, app=SHELL)
    first = digest()
    (tmp_path / "notes.txt").write_text("no Python")
    assert digest() == first == digest(deadline_min=1)
    others = [digest(no_python="none at all"), digest(exclude=("app.py",))]
    put(tmp_path, app=SHELL + "\n")
    others.append(digest())
    assert len({first, *others}) == 4


def test_bandit_that_is_not_installed_was_not_run(tmp_path: Path) -> None:
    python = instead(tmp_path, f'exec {sys.executable} -I -S "$2" "$3"')
    with pytest.raises(ObservationError, match="bandit was not run: it is not installed"):
        scanned(put(tmp_path, app=SHELL), python=python)
