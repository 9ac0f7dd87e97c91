"""`rounds incident`: what people do about incidents from the terminal."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from tasks.incidents.facts import Fix, State
from tasks.incidents.store.read import open_incidents, read_incident

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

NOW = datetime.now(UTC).replace(microsecond=0)
HOSTILE = "[red]<b>\x1b[31m\u202e boo"


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    """A service with one module."""
    return operate(guide='[[routes]]\npattern = "/items"\nmodule = "shopping"\n')


def incident(shop: "Operated", *arguments: str) -> tuple[int, str]:
    """A command's exit status and all that it printed."""
    by = [] if arguments[0] in ("list", "show") else ["--by", "kim"]
    result = CliRunner().invoke(app, ["incident", *arguments, "--service", str(shop.settings.path), *by])
    return result.exit_code, result.output


def opened(shop: "Operated", *options: str, title: str = "no database") -> str:
    status, output = incident(shop, "open", title, *options)
    number = open_incidents(shop.history, shop.name)[-1].id
    assert (status, output.startswith(f"incident {number} is detected: ")) == (0, True)
    return str(number)


def local(shop: "Operated", minutes_ago: float) -> str:
    return f"{(NOW - timedelta(minutes=minutes_ago)).astimezone(shop.settings.zone):%Y-%m-%dT%H:%M:%S}"


def test_an_incident_is_worked_on_from_its_opening_to_its_closing(shop: "Operated") -> None:
    times = ("--impact", local(shop, 65), "--detected", local(shop, 60))
    number = opened(shop, "--level", "emergency", "--module", "shopping", "--down", *times)
    for arguments, state in (
        (("ack", number), "assessing"),
        (("note", number, "failing over", "--step", "responding", "--level", "warning"), "responding"),
        (
            ("mitigate", number, "failed over", "--fix", "temporary", "--owner", "lee", "--due", "2027-01-15"),
            "mitigated",
        ),
        (("resolve", number, "p95 80 ms"), "resolved"),
        (("action", "add", number, "a runbook", "--owner", "lee", "--due", "2027-01-15"), "resolved"),
        (("close", number, "--cause", "full disk", "--save-only"), "reviewing"),
        (("close", number, "--went-well", "found at once", "--went-badly", "no runbook"), "closed"),
    ):
        assert incident(shop, *arguments) == (0, f"incident {number} is {state}: no database\n")
    found = read_incident(shop.history, shop.name, int(number))
    assert (found.incident.state, found.incident.fix) == (State.CLOSED, Fix.TEMPORARY)
    assert [outage.started_at for outage in found.outages] == [NOW - timedelta(minutes=65)]
    assert incident(shop, "action", "done", number, str(found.actions[0].id))[0] == 0
    _, shown = incident(shop, "show", number)
    for text in ("(closed): no database", "full disk", "found at once", "permanent fix", local(shop, 60)[11:]):
        assert text in shown
    assert "1/2" in incident(shop, "list")[1]


def test_reopen_dismiss_and_merge(shop: "Operated") -> None:
    first, second = opened(shop), opened(shop, title="no orders")
    assert incident(shop, "merge", second, first)[1] == f"incident {second} is merged: no orders\n"
    incident(shop, "mitigate", first, "disk enlarged", "--fix", "permanent")
    incident(shop, "resolve", first, "it answers")
    assert incident(shop, "reopen", first, "again")[1] == f"incident {first} is reopened: no database\n"
    third = opened(shop, title="no fire")
    assert incident(shop, "dismiss", third, "a drill")[1] == f"incident {third} is false-positive: no fire\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("ack", "99"), "there is no incident 99 of this service: see `rounds incident list`"),
        (("show", "99"), "there is no incident 99 of this service"),
        (("open", "x", "--module", "shoping"), "no module 'shoping' in the service file; known modules: shopping"),
        (("open", "x", "--impact", "yesterday"), "--impact: 'yesterday' is not a time"),
        (("open", " "), "the title is missing"),
        (("action", "add", "1", "x", "--owner", "lee", "--due", "soon"), "--due: 'soon' is not a day such as"),
    ],
)
def test_what_cannot_be_is_explained(shop: "Operated", arguments: tuple[str, ...], text: str) -> None:
    status, output = incident(shop, *arguments)
    assert (status, text in output, "Traceback" in output) == (2, True, False)


def test_a_temporary_fix_without_owner_is_refused_and_what_can_be_done_is_said(shop: "Operated") -> None:
    number = opened(shop)
    status, output = incident(shop, "mitigate", number, "restarted", "--fix", "temporary")
    assert (status, "needs an owner and a due date for the permanent one" in output) == (2, True)
    assert incident(shop, "close", number)[1].startswith(f"cannot close incident {number}: it is detected; what can be")


def test_of_a_note_that_is_refused_nothing_is_kept(shop: "Operated") -> None:
    number = opened(shop)
    status, output = incident(shop, "note", number, "watching", "--step", "verifying", "--level", "warning", "--down")
    assert (status, f"cannot verify incident {number}: it is assessing" in output) == (2, True)
    found = read_incident(shop.history, shop.name, int(number))
    assert (found.incident.state, found.incident.down, len(found.timeline)) == (State.DETECTED, False, 1)


def test_hostile_texts_are_printed_as_text(shop: "Operated") -> None:
    number = opened(shop, title=HOSTILE)
    incident(shop, "note", number, HOSTILE)
    for output in (incident(shop, "show", number)[1], incident(shop, "list")[1]):
        assert "\x1b" not in output and "\u202e" not in output
        assert "[red]<b>" in output.replace("\n", "")
