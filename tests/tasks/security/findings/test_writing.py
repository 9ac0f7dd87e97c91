"""A waiver that is added leaves the rest of the file as it is, and a refused one leaves all of it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tasks.security.facts.scans import Kind
from tasks.security.findings.reasons import Scope
from tasks.security.findings.waiver_file import read_waivers
from tasks.security.findings.writing import (
    WaiverRefused,
    known_finding,
    new_waiver,
    scope_of,
    waive,
)
from tests import known_findings

TODAY = date(2026, 11, 25)
CODE, PACKAGE, SECRET = (known_findings.known_finding(n, kind) for n, kind in enumerate(Kind, 1))
KNOWN = (CODE, PACKAGE, SECRET)
HOSTILE = "he said \"no\"\n[[waiver]]\\ \t\x1b[31m \u202e 入力 '''"


def given(scope: dict[str, str] | None = None, **more: Any) -> Any:
    values: Any = {"reason": "risk_accepted", "owner": "kim", "expires": date(2027, 1, 31)} | more
    return new_waiver({"finding": CODE.fingerprint} if scope is None else scope, **values)


def test_a_file_is_made_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    recorded = waive(path, given(note="behind the proxy"), KNOWN, TODAY)
    assert (recorded.place, recorded.findings) == (1, 1)
    assert read_waivers(path) == (recorded.waiver,)
    assert path.read_text().startswith("# B602 app/run.py: subprocess call with shell=True\n[[waiver]]\n")


def test_comments_and_rights_of_the_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    waive(path, given(), KNOWN, TODAY)
    before = f"# of the team\n{path.read_text()}# to be looked at in March"
    path.write_text(before)
    path.chmod(0o664)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    waive(link, given(scope_of(PACKAGE, Scope.PACKAGE)), KNOWN, TODAY)
    assert path.read_text().startswith(before) and link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o664
    assert [waiver.package for waiver in read_waivers(path)] == [None, "jinja2"]


def test_hostile_text_stays_a_text(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    evil = known_findings.known_finding(7, title=HOSTILE, path=f"a/{HOSTILE}")
    waive(path, given({"rule": "B602"}, note=HOSTILE, owner="k\x00im"), [evil], TODAY)
    [read] = read_waivers(path)
    assert (read.note, read.owner) == (HOSTILE, "k\x00im")
    assert "\x1b" not in path.read_text()


@pytest.mark.parametrize(
    ("waiver", "why"),
    [
        (given({"finding": "f" * 64}), "no open finding is covered by finding ffffffff"),
        (given({"package": "flask"}), "no open finding is covered by package flask"),
        (given(expires=date(2026, 11, 24)), "expires: 2026-11-24 is past; today is 2026-11-25"),
    ],
)
def test_a_waiver_that_waives_nothing_is_refused(tmp_path: Path, waiver: Any, why: str) -> None:
    path = tmp_path / "waivers.toml"
    with pytest.raises(WaiverRefused, match=why):
        waive(path, waiver, KNOWN, TODAY)
    assert not path.exists()


def test_a_waiver_may_end_today(tmp_path: Path) -> None:
    assert waive(tmp_path / "w.toml", given(expires=TODAY), KNOWN, TODAY).waiver.holds(TODAY)


def test_a_file_with_a_mistake_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text('[[waiver]]\nrule = "B1"\n')
    with pytest.raises(WaiverRefused, match="correct it first: waiver 1: reason: is required"):
        waive(path, given(), KNOWN, TODAY)
    assert path.read_text() == '[[waiver]]\nrule = "B1"\n'
    with pytest.raises(WaiverRefused, match="cannot be written: its folder does not exist"):
        waive(tmp_path / "gone" / "waivers.toml", given(), KNOWN, TODAY)
    assert list(tmp_path.iterdir()) == [path]


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: waive(path, given(note=str(n)), KNOWN, TODAY), range(40)))
    assert sorted(int(waiver.note) for waiver in read_waivers(path)) == list(range(40))
    assert [file.name for file in tmp_path.iterdir()] == ["waivers.toml"]


def test_scopes_seen_from_a_finding() -> None:
    assert scope_of(CODE, Scope.RULE) == {"rule": "B602", "path": "app/run.py"}
    assert scope_of(PACKAGE, Scope.ADVISORY) == {"advisory": "CVE-2019-10906"}
    for known, scope in ((CODE, Scope.PACKAGE), (CODE, Scope.ADVISORY), (PACKAGE, Scope.RULE)):
        with pytest.raises(WaiverRefused):
            scope_of(known, scope)


def test_a_finding_is_named_by_enough_of_its_fingerprint() -> None:
    assert known_finding(KNOWN, CODE.fingerprint[:8].upper()) == CODE
    twin = known_findings.known_finding(1, rule="B603")
    for known, name, why in (
        (KNOWN, "ffffffff", "no finding has the fingerprint ffffffff"),
        (KNOWN, "0000000", "the first 8 or more characters"),
        (KNOWN, "%" * 8, "the first 8 or more characters"),
        ((CODE, twin), CODE.fingerprint[:8], "several findings begin with 00000001"),
    ):
        with pytest.raises(WaiverRefused, match=why):
            known_finding(known, name)


def test_a_wrong_value_is_named() -> None:
    with pytest.raises(WaiverRefused, match="owner: String should have at least 1 character"):
        given(owner=" ")
