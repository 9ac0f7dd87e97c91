"""The forms that silence alerts and end a silence."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flows.silences import EndOptions, SilenceOptions, end_silence, silence_alerts
from tasks.silences.facts import Silence
from tasks.silences.store.silences import read_silences

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

pytestmark = pytest.mark.usefixtures("prefect")
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    return operate()


def send(flow: Any, shop: "Operated", options: Any) -> tuple[str, str]:
    """How a form's run ended, and its message."""
    state: Any = asyncio.run(flow(shop.name, options, return_state=True))
    return state.name, str(state.message)


def test_a_silence_begins_at_once_and_is_ended_by_its_number(shop: "Operated") -> None:
    options = SilenceOptions(ends_at=NOW + 2 * HOUR, reason="new disks", by="kim", subject="host/*")
    name, message = send(silence_alerts, shop, options)
    [kept] = read_silences(shop.history, shop.name, NOW - HOUR)
    assert kept == Silence(kept.id, "*", "host/*", kept.starts_at, NOW + 2 * HOUR, "new disks", "kim")
    assert NOW <= kept.starts_at <= datetime.now(UTC)
    assert name == "Recorded" and message.startswith(f"recorded: silence {kept.id}: check *, subject host/*, from ")
    name, message = send(end_silence, shop, EndOptions(number=kept.id))
    assert name == "Recorded" and f"silence {kept.id}" in message
    assert read_silences(shop.history, shop.name, datetime.now(UTC)) == ()


def test_a_planned_silence_starts_in_the_services_zone(shop: "Operated") -> None:
    local = (NOW + HOUR).astimezone(shop.settings.zone).replace(tzinfo=None)
    options = SilenceOptions(ends_at=NOW + 2 * HOUR, reason="new disks", by="kim", check="resources.*", starts_at=local)
    assert send(silence_alerts, shop, options)[0] == "Recorded"
    [kept] = read_silences(shop.history, shop.name, NOW)
    assert kept.starts_at == NOW + HOUR
    assert send(end_silence, shop, EndOptions(number=kept.id)) == ("Recorded", f"removed: silence {kept.id}")


def test_what_is_impossible_fails_with_the_reason(shop: "Operated") -> None:
    everything = SilenceOptions(ends_at=NOW + HOUR, reason="quiet", by="kim")
    name, message = send(silence_alerts, shop, everything)
    assert name == "Failed" and "this would silence everything" in message
    ended = everything.model_copy(update={"check": "resources.*", "starts_at": NOW + 2 * HOUR})
    name, message = send(silence_alerts, shop, ended)
    assert name == "Failed" and "a silence must end after it starts" in message
    name, message = send(end_silence, shop, EndOptions(number=1))
    assert name == "Failed" and f"no silence 1 of {shop.name}" in message
    assert read_silences(shop.history, shop.name, NOW - HOUR) == ()
