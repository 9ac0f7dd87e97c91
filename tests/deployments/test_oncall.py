"""`rounds oncall`: who is on call now and next, and overrides, straight from the history."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from tasks.oncall.judge.rota import next_turns, person_zone
from tasks.oncall.store.overrides import read_overrides
from tasks.oncall.words import when

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOSTILE = "[red]<b>\x1b[31m‮ boo\nof"
TEAM = """
[[oncall.person]]
name = "kim"
mail = "kim@example.com"
timezone = "America/New_York"
[[oncall.person]]
name = "lee"
mail = "lee@example.com"
"""
ROTA = f'[oncall]\ntimezone = "UTC"\n{TEAM}[[oncall.shift]]\npeople = ["kim", "lee"]\n'

Shop = Callable[[str], "Operated"]


@pytest.fixture
def shop(operate: "Operate") -> Shop:
    """A service with this team and rota."""
    return lambda oncall: operate(guide=oncall)


def oncall(shop: "Operated", *arguments: str) -> tuple[int, str]:
    """A command's exit status and all that it printed."""
    result = CliRunner().invoke(app, ["oncall", *arguments, "--service", str(shop.settings.path)])
    return result.exit_code, result.output


def override(shop: "Operated", person: str, start: datetime, end: datetime, *more: str) -> tuple[int, str]:
    span = ("--starts", f"{start:%Y-%m-%dT%H:%M:%SZ}", "--ends", f"{end:%Y-%m-%dT%H:%M:%SZ}")
    return oncall(shop, "override", person, *span, "--by", "ann", *(more or ("--reason", "dentist")))


def test_it_says_who_is_on_call_now_and_next(shop: Shop) -> None:
    here = shop(ROTA)
    now, after = next_turns(here.settings.oncall, (), here.settings.zone, datetime.now(UTC), 2)
    lines = []
    for title, turn in (("on call", now), ("next", after)):
        assert turn.person is not None and turn.until is not None
        line = f"{title}: {turn.person.name}, until {turn.until:%Y-%m-%d} 09:00 UTC (UTC)"
        zone = person_zone(turn.person, here.settings.zone)
        lines.append(f"{line}, for {turn.person.name} {when(turn.until, zone)} ({zone.key})")
    assert oncall(here) == (0, "\n".join(lines) + "\n")


def test_an_override_is_shown_with_its_reason_until_it_is_removed(shop: Shop) -> None:
    here = shop(ROTA)
    before = oncall(here)
    status, output = override(here, "lee", NOW - HOUR, NOW + HOUR)
    [kept] = read_overrides(here.history, here.name, NOW)
    span = f"from {NOW - HOUR:%Y-%m-%d %H:%M} UTC to {NOW + HOUR:%Y-%m-%d %H:%M} UTC (UTC)"
    assert (status, output) == (0, f"recorded: override {kept.id}: lee {span}\n")
    assert (kept.reason, kept.by) == ("dentist", "ann")
    shown = oncall(here)[1].splitlines()
    assert shown[0].startswith(f"on call: lee, until {NOW + HOUR:%Y-%m-%d %H:%M} UTC (UTC)")
    assert shown[1] == f"  override {kept.id} of ann: dentist"
    status, output = oncall(here, "remove", str(kept.id))
    assert status == 0 and output.startswith(f"ended: override {kept.id}: lee from ")
    assert oncall(here) == before
    override(here, "lee", NOW + HOUR, NOW + 2 * HOUR)
    [planned] = read_overrides(here.history, here.name, datetime.now(UTC))
    assert oncall(here, "remove", str(planned.id)) == (0, f"removed: override {planned.id}\n")


def test_the_turns_of_the_coming_days(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    here = shop(ROTA)
    override(here, "lee", NOW + 15 * DAY, NOW + 15 * DAY + HOUR)
    listed = oncall(here, "show")[1]
    assert listed.startswith("On call, UTC") and len(listed.splitlines()) in (4, 5) and "dentist" not in listed
    rows = [" ".join(line.split()) for line in oncall(here, "show", "--days", "16")[1].splitlines()]
    [row] = [row for row in rows if "dentist" in row]
    assert row.startswith(f"{NOW + 15 * DAY:%Y-%m-%d %H:%M} UTC ") and "UTC lee " in row and "of ann: dentist" in row
    assert oncall(here, "show", "--days", "0")[0] == 2
    override(here, "lee", NOW - HOUR, NOW + HOUR)
    oncall(here, "remove", "2")
    [removed, _] = read_overrides(here.history, here.name, NOW - HOUR)
    first = oncall(here, "show")[1].splitlines()[2]
    assert first.split()[:2] == f"{removed.ends_at:%Y-%m-%d %H:%M}".split()  # the rota's turn goes on from there


def test_overrides_are_listed_with_their_state(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    here = shop(ROTA)
    override(here, "lee", NOW - HOUR, NOW + HOUR, "--reason", HOSTILE)
    override(here, "kim", NOW + 40 * DAY, NOW + 41 * DAY)
    status, listed = oncall(here, "overrides")
    assert status == 0 and listed.startswith("2 overrides, UTC")
    rows = [line.split() for line in listed.splitlines()[2:]]
    assert [row[:3] for row in rows] == [["1", "current", "lee"], ["2", "planned", "kim"]]
    assert "[red]<b>\\u001b[31m\\u202e boo of" in listed and "\x1b" not in listed
    assert "\\u001b[31m\\u202e boo of" in oncall(here)[1]
    oncall(here, "remove", "1")
    assert oncall(here, "overrides")[1].splitlines()[2].split()[:3] == ["1", "past", "lee"]


def test_case_15_an_empty_rota_notifies_the_whole_team(shop: Shop) -> None:
    here = shop(TEAM)
    nobody = f"there is no [[oncall.shift]] in {here.settings.path}; the whole team is notified: kim, lee"
    assert oncall(here) == (0, f"on call: nobody, with no change ahead\n  {nobody}\n")
    alone = shop("")
    assert "there is no [[oncall.person]] to notify either" in oncall(alone)[1]


def test_an_override_of_somebody_who_left_notifies_the_whole_team(shop: Shop) -> None:
    here = shop(ROTA)
    override(here, "lee", NOW - HOUR, NOW + HOUR)
    here.rows("UPDATE oncall_overrides SET person = 'max'")
    shown = oncall(here)[1].splitlines()
    assert shown[0].startswith("on call: nobody, until ")
    assert (
        shown[2]
        == f"  max is no longer a [[oncall.person]] in {here.settings.path}; the whole team is notified: kim, lee"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("override max --starts 2099-01-01T00:00 --ends 2099-01-02T00:00", "no person 'max' in [[oncall.person]]"),
        ("override kim --starts 2099-01-02T00:00 --ends 2099-01-01T00:00", "an override must end after it starts"),
        ("override kim --starts 2026-01-01T00:00 --ends 2026-01-02T00:00", "the override is wholly in the past"),
        ("override kim --starts tomorrow --ends 2099-01-01T00:00", "--starts: 'tomorrow' is not a time"),
        ("remove 7", "see `rounds oncall overrides`"),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_to_do(shop: Shop, arguments: str, expected: str) -> None:
    here = shop(ROTA)
    more = ("--reason", "dentist", "--by", "ann") if arguments.startswith("override") else ()
    status, output = oncall(here, *arguments.split(), *more)
    assert status == 2 and expected in output
    assert here.rows("SELECT COUNT(*) FROM oncall_overrides")[0][0] == 0


def test_a_service_file_that_a_command_would_not_use_is_refused(shop: Shop) -> None:
    result = CliRunner().invoke(app, ["oncall", "--service", str(shop(ROTA).settings.path), "overrides"])
    assert (result.exit_code, result.output) == (2, "--service FILE goes after `oncall overrides`\n")
