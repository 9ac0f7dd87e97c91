"""A waivers file is read as a whole, or waives nothing."""

import os
from datetime import date
from pathlib import Path

import pytest

from tasks.observation import Unobserved, seen_now
from tasks.security.findings.waiver_file import WaiversRejected, read_waivers
from tests.deep import rows

GOOD = '[[waiver]]\nrule = "B602"\nreason = "false_positive"\nowner = "kim"\nexpires = 2027-01-31\n'
BAD = {
    "no expiry": (GOOD.replace("expires = 2027-01-31\n", ""), "waiver 2: expires: is required"),
    "no owner": (GOOD.replace('owner = "kim"\n', ""), "waiver 2: owner: is required"),
    "empty owner": (GOOD.replace('"kim"', '" "'), "waiver 2: owner: String should have at least 1 character"),
    "unknown key": (f"{GOOD}severity = 1\n", "waiver 2: severity: unknown key; known are finding, package,"),
    "expiry as text": (GOOD.replace("2027-01-31", '"2027-01-31"'), "waiver 2: expires: must be a date without quotes"),
    "expiry with time": (GOOD.replace("2027-01-31", "2027-01-31T00:00:00"), "waiver 2: expires: must be a date"),
    "unknown reason": (GOOD.replace("false_positive", "because"), "waiver 2: reason: Input should be 'component_not"),
    "short fingerprint": (GOOD.replace('rule = "B602"', 'finding = "0123abc"'), "waiver 2: finding: String should"),
    "two scopes": (f'{GOOD}finding = "01234567"\n', "waiver 2: one of finding, package, advisory and rule"),
    "number for text": (GOOD.replace('"B602"', "602"), "waiver 2: rule: Input should be a valid string"),
    "not TOML": ("[[waiver]\n", "is not TOML: "),
    "other table": ("[waivers]\na = 1\n", "waivers: unknown key; a waiver stands under [[waiver]]"),
}


def test_no_file_is_no_waivers(tmp_path: Path) -> None:
    assert read_waivers(tmp_path / "waivers.toml") == ()


def test_the_waivers_of_a_file_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(f'# of the team\n{GOOD}{GOOD.replace("B602", "B603")}note = "not reached: 入力なし"\n')
    first, second = read_waivers(path)
    assert (first.rule, first.owner, first.expires, first.note) == ("B602", "kim", date(2027, 1, 31), "")
    assert (second.rule, second.note) == ("B603", "not reached: 入力なし")


@pytest.mark.parametrize("bad", rows(BAD, ["no expiry", "unknown key", "expiry as text", "not TOML"]))
def test_one_mistake_rejects_the_whole_file_and_is_named(tmp_path: Path, bad: tuple[str, str]) -> None:
    text, problem = bad
    path = tmp_path / "waivers.toml"
    path.write_text(GOOD + text)
    with pytest.raises(WaiversRejected) as error:
        read_waivers(path)
    assert problem in str(error.value) and "waivers.toml" in str(error.value)
    assert "waiver 1" not in str(error.value)
    assert isinstance(seen_now(lambda: read_waivers(path)), Unobserved)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(BAD["no owner"][0] + BAD["unknown reason"][0])
    with pytest.raises(WaiversRejected) as error:
        read_waivers(path)
    assert [problem[:16] for problem in error.value.problems] == ["waiver 1: owner:", "waiver 2: reason"]


def test_a_file_that_cannot_be_read_is_rejected_too(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_bytes(b"\xff")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for given in (path, tmp_path, pipe):  # not UTF-8, a folder, and what would be waited for
        with pytest.raises(WaiversRejected):
            read_waivers(given)
    path.write_text("#" * 1_000_001)
    with pytest.raises(WaiversRejected, match="is larger than 1000000 bytes"):
        read_waivers(path)


def test_what_is_shown_of_a_file_holds_no_secret_and_no_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(f'{GOOD}"password=hunter2hunter2 \\u001b[2J" = 1\n')
    with pytest.raises(WaiversRejected) as error:
        read_waivers(path)
    assert "hunter2" not in str(error.value) and "\x1b" not in str(error.value)
