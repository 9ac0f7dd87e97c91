"""Names of files that hold secrets, personal data and control characters."""

from datetime import UTC, datetime

import pytest

from tasks.check_result import msg
from tasks.security.facts.scans import Completeness, Confidence, Coverage, Finding, Kind, LeftOut, Rating, Scan, Target
from tasks.security.scanners.names import shown_name, with_shown_names

AT = datetime(2026, 11, 26, tzinfo=UTC)
KEY = "AKIA" + "QWERTYUIOPASDFGH"
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.mark.parametrize("name", ["pkg/a.py", "日本語/b.py", "migrations/0001_20190131143005.py", "v1.2.3/10.0.0.1.py"])
def test_an_ordinary_path_stays(name: str) -> None:
    assert shown_name(name) == name


@pytest.mark.parametrize(
    "name", [f"{KEY}.py", f"{TOKEN}.py", "password=zXq91Lw0pR.py", "kim@example.com.py", "\x1b[31m.py"]
)
def test_secrets_and_control_characters_of_a_path_are_not_shown(name: str) -> None:
    shown = shown_name(name)
    assert (
        shown.isprintable()
        and shown != name
        and all(part not in shown for part in (KEY, TOKEN, "zXq91Lw0pR", "kim@", "\x1b"))
    )


def test_names_that_look_the_same_are_two_and_fit_the_history() -> None:
    first = shown_name("a" * 400)
    assert shown_name("a" * 500, {first}) == f"{first} (2)"
    assert len(shown_name("\x1b" * 400, {shown_name("\x1b" * 400)})) <= 300


def test_a_scan_is_kept_with_shown_names_and_the_keys_of_the_real_ones() -> None:
    finding = Finding(Kind.CODE, "k", "b", "B101", "assert", Rating.LOW, Confidence.HIGH, f"{KEY}.py", 1)
    coverage = Coverage(2, 1, 3, (LeftOut(f"{TOKEN}.py", msg("Cannot be read")),))
    target = Target("bandit", "tree", Kind.CODE)
    scan = with_shown_names(Scan(target, "1", AT, 1.0, Completeness.PARTIAL, msg("x"), coverage, "d", (finding,)))
    assert KEY not in repr(scan) and TOKEN not in repr(scan) and scan.findings[0].key == "k"
