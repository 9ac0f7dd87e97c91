"""The forms in which people work on incidents."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flows.incident import (
    acknowledge_incident,
    add_action,
    close_incident,
    dismiss_incident,
    finish_action,
    mitigate_incident,
    note_incident,
    open_incident,
    reopen_incident,
    resolve_incident,
)
from flows.incident_forms import (
    Acknowledgement,
    Dismissal,
    DoneAction,
    Mitigation,
    NewAction,
    Noting,
    Opening,
    Reopening,
    Resolution,
    Retrospective,
)
from tasks.check_result import Severity
from tasks.incidents.facts import ActionKind, Fix, IncidentRecord, State
from tasks.incidents.store.read import open_incidents, read_incident
from tasks.incidents.words import Step

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

pytestmark = pytest.mark.usefixtures("prefect")
NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)
DUE = date(2027, 1, 15)


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    """A service with one module."""
    return operate(guide='[[routes]]\npattern = "/items"\nmodule = "shopping"\n')


def send(flow: Any, shop: "Operated", options: Any) -> tuple[str, str]:
    """How a form's run ended, and its message."""
    state: Any = asyncio.run(flow(shop.name, options, return_state=True))
    return state.name, str(state.message)


def opened(shop: "Operated", **more: Any) -> int:
    start = NOW - 60 * MINUTE
    given = {"title": "no database", "by": "kim", "down": True, "impact_at": start, "detected_at": start} | more
    assert send(open_incident, shop, Opening(**given))[0] == "Recorded"
    return open_incidents(shop.history, shop.name)[-1].id


def record(shop: "Operated", number: int) -> IncidentRecord:
    return read_incident(shop.history, shop.name, number)


def test_an_incident_is_worked_on_from_its_opening_to_its_closing(shop: "Operated") -> None:
    number = opened(shop, module="shopping", text="since the deploy")
    done: tuple[tuple[Any, Any, str], ...] = (
        (acknowledge_incident, Acknowledgement(incident=number, by="lee"), "assessing"),
        (note_incident, Noting(incident=number, by="lee", text="all orders fail", step=Step.ASSESSING), "assessing"),
        (note_incident, Noting(incident=number, by="lee", text="failing over", step=Step.RESPONDING), "responding"),
        (
            mitigate_incident,
            Mitigation(
                incident=number, by="lee", text="failed over", fix=Fix.TEMPORARY, owner="kim", due=DUE,
                at=NOW - 40 * MINUTE,
            ),
            "mitigated",
        ),
        (note_incident, Noting(incident=number, by="lee", text="watching", step=Step.VERIFYING), "verifying"),
        (resolve_incident, Resolution(incident=number, by="lee", text="p95 80 ms", at=NOW - 30 * MINUTE), "resolved"),
        (add_action, NewAction(incident=number, by="lee", text="a runbook", owner="lee", due=DUE), "resolved"),
        (close_incident, Retrospective(incident=number, by="lee", cause="full disk", close=False), "reviewing"),
        (close_incident, Retrospective(incident=number, by="lee", went_well="w", went_badly="b"), "closed"),
    )  # fmt: skip
    for flow, form, state in done:
        expected = ("Recorded", f"incident {number} is {state}: no database")
        assert send(flow, shop, form) == expected
    found = record(shop, number)
    assert found.incident.state is State.CLOSED
    assert (found.incident.acknowledged_by, found.incident.cause, found.incident.module) == (
        "lee",
        "full disk",
        "shopping",
    )
    assert [(o.started_at, o.ended_at) for o in found.outages] == [(NOW - 60 * MINUTE, NOW - 30 * MINUTE)]
    assert [item.kind for item in found.actions] == [ActionKind.PERMANENT_FIX, ActionKind.PREVENTION]
    [fix, _] = found.actions
    assert send(finish_action, shop, DoneAction(incident=number, action=fix.id, by="kim"))[0] == "Recorded"
    assert record(shop, number).actions[0].done_at is not None
    assert send(reopen_incident, shop, Reopening(incident=number, by="kim", text="again"))[1].startswith(
        f"incident {number} is reopened"
    )


def test_a_note_changes_what_is_known_of_the_scope(shop: "Operated") -> None:
    number = opened(shop, down=False)
    form = Noting(incident=number, by="kim", text="nothing works", step=Step.RESPONDING, level="warning", down=True)
    assert send(note_incident, shop, form)[0] == "Recorded"
    found = record(shop, number)
    assert (found.incident.state, found.incident.severity) == (State.RESPONDING, Severity.WARNING)
    assert [outage.started_at for outage in found.outages] == [NOW - 60 * MINUTE]


def test_an_incident_is_dismissed_or_becomes_a_part_of_another(shop: "Operated") -> None:
    first, second = opened(shop), opened(shop, title="no orders")
    assert send(dismiss_incident, shop, Dismissal(incident=second, by="kim", text="same", into=first))[1] == (
        f"incident {second} is merged: no orders"
    )
    third = opened(shop, title="no fire")
    assert send(dismiss_incident, shop, Dismissal(incident=third, by="kim", text="a drill"))[1] == (
        f"incident {third} is false-positive: no fire"
    )
    assert "it took over incident" in send(dismiss_incident, shop, Dismissal(incident=first, by="kim", text="x"))[1]
    assert [open_one.id for open_one in open_incidents(shop.history, shop.name)] == [first]


def test_an_unknown_incident_and_what_cannot_be_done_end_in_a_sentence(shop: "Operated") -> None:
    name, message = send(acknowledge_incident, shop, Acknowledgement(incident=99, by="kim"))
    assert (name, "there is no incident 99 of this service: see `rounds incident list`" in message) == ("Failed", True)
    number = opened(shop)
    name, message = send(resolve_incident, shop, Resolution(incident=number, by="kim", text="gone"))
    assert (name, f"cannot resolve incident {number}: it is detected; what can be done:" in message) == ("Failed", True)
    name, message = send(close_incident, shop, Retrospective(incident=number, by="kim"))
    assert (name, f"cannot close incident {number}: it is detected" in message) == ("Failed", True)
    name, message = send(open_incident, shop, Opening(title="x", by="kim", module="shoping"))
    assert (name, "no module 'shoping' in the service file" in message) == ("Failed", True)
