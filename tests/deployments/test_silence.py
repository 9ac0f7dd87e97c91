"""`rounds silence`: added, listed and ended, straight in the history."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from tasks.silences.store.silences import read_silences

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOSTILE = "[red]<b>\x1b[31m‮ boo\nof"


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    return operate()


def silence(shop: "Operated", *arguments: str) -> tuple[int, str]:
    """A command's exit status and all that it printed."""
    result = CliRunner().invoke(app, ["silence", *arguments, "--service", str(shop.settings.path)])
    return result.exit_code, result.output


def add(shop: "Operated", end: datetime, *more: str, reason: str = "new disks") -> tuple[int, str]:
    local = end.astimezone(shop.settings.zone)
    given = ("--ends", f"{local:%Y-%m-%dT%H:%M:%S}", "--reason", reason, "--by", "kim")
    return silence(shop, "add", *given, *more)


def test_a_silence_begins_at_once_and_ends_early(shop: "Operated") -> None:
    status, output = add(shop, NOW + HOUR, "--check", "resources.*", "--subject", "host/*")
    [kept] = read_silences(shop.history, shop.name, NOW)
    assert (kept.check, kept.subject, kept.ends_at, kept.reason, kept.by) == (
        "resources.*", "host/*", NOW + HOUR, "new disks", "kim",
    )  # fmt: skip
    zone = shop.settings.zone
    start, end = (f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}" for at in (kept.starts_at, kept.ends_at))
    what = f"silence {kept.id}: check resources.*, subject host/*, from {start}"
    assert (status, output) == (0, f"recorded: {what} to {end} ({zone.key})\n")
    status, output = silence(shop, "end", str(kept.id))
    assert status == 0 and f"silence {kept.id}" in output
    assert read_silences(shop.history, shop.name, datetime.now(UTC)) == ()


def test_a_planned_silence_that_is_ended_never_was(shop: "Operated") -> None:
    add(shop, NOW + DAY, "--subject", "host/*", "--starts", f"{NOW + HOUR:%Y-%m-%dT%H:%MZ}")
    [kept] = read_silences(shop.history, shop.name, NOW)
    assert kept.starts_at == (NOW + HOUR).replace(second=0) and kept.check == "*"
    assert silence(shop, "end", str(kept.id)) == (0, f"removed: silence {kept.id}\n")


def test_the_list_has_current_planned_and_past_ones(shop: "Operated", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    add(shop, NOW + HOUR, "--check", "resources.*", reason=HOSTILE)
    add(shop, NOW + 2 * DAY, "--check", "logs.*", "--starts", f"{NOW + DAY:%Y-%m-%dT%H:%MZ}")
    add(shop, NOW + HOUR, "--check", "health.*")
    for age, number in ((5, 3), (35, 2)):
        shop.rows(
            "UPDATE silences SET starts_at = :start, ends_at = :end WHERE id = :id",
            start=f"{NOW - age * DAY - HOUR:%Y-%m-%d %H:%M:%S.000000}",
            end=f"{NOW - age * DAY:%Y-%m-%d %H:%M:%S.000000}",
            id=number,
        )
    add(shop, NOW + 2 * DAY, "--check", "logs.*", "--starts", f"{NOW + DAY:%Y-%m-%dT%H:%MZ}")
    status, listed = silence(shop, "list")
    assert status == 0 and listed.startswith(f"3 silences, {shop.settings.zone.key}")
    rows = [line.split()[:3] for line in listed.splitlines()[2:]]
    assert rows == [["3", "past", "health.*"], ["1", "current", "resources.*"], ["4", "planned", "logs.*"]]
    assert "[red]<b>\\u001b[31m\\u202e boo of" in listed and "\x1b" not in listed
    assert "4 silences" in silence(shop, "list", "--days", "36")[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("add --check x --starts 2099-01-02T00:00 --ends 2099-01-01T00:00", "a silence must end after it starts"),
        ("add --check x --ends 2026-01-01T00:00", "a silence must end after it starts"),
        ("add --check x --starts 2025-12-31T00:00 --ends 2026-01-01T00:00", "the silence is wholly in the past"),
        ("add --ends 2099-01-01T00:00", "this would silence everything: name a check or a subject"),
        ("add --check [x --ends 2099-01-01T00:00", "'[x' opens a [ that it does not close"),
        ("add --check x --ends soon", "--ends: 'soon' is not a time"),
        ("end 7", "see `rounds silence list`"),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_to_do(shop: "Operated", arguments: str, expected: str) -> None:
    more = ("--reason", "quiet", "--by", "kim") if arguments.startswith("add") else ()
    status, output = silence(shop, *arguments.split(), *more)
    assert status == 2 and expected in output
    assert shop.rows("SELECT COUNT(*) FROM silences")[0][0] == 0
