"""The form that puts somebody else on call."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flows.oncall import OverrideOptions, override_oncall
from tasks.oncall.facts import Override
from tasks.oncall.store.overrides import read_overrides

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

pytestmark = pytest.mark.usefixtures("prefect")
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    """A service with one person who can be on call."""
    return operate(guide='[oncall]\ntimezone = "UTC"\n[[oncall.person]]\nname = "kim"\nmail = "kim@example.com"\n')


def send(shop: "Operated", **options: Any) -> tuple[str, str]:
    """How the form's run ended, and its message."""
    state: Any = asyncio.run(override_oncall(shop.name, OverrideOptions(**options), return_state=True))
    return state.name, str(state.message)


def test_an_override_is_recorded_with_its_number(shop: "Operated") -> None:
    local = (NOW + HOUR).astimezone(shop.settings.zone).replace(tzinfo=None)  # as the service's people write it
    sent = {"person": " kim ", "starts_at": local, "ends_at": NOW + 2 * HOUR, "reason": "dentist", "by": "lee"}
    name, message = send(shop, **sent)
    [kept] = read_overrides(shop.history, shop.name, NOW)
    assert kept == Override(kept.id, "kim", NOW + HOUR, NOW + 2 * HOUR, "dentist", "lee")
    span = f"from {NOW + HOUR:%Y-%m-%d %H:%M} UTC to {NOW + 2 * HOUR:%Y-%m-%d %H:%M} UTC (UTC)"
    assert (name, message) == ("Recorded", f"recorded: override {kept.id}: kim {span}")


def test_an_impossible_override_fails_with_the_reason(shop: "Operated") -> None:
    span = {"starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR, "reason": "dentist", "by": "lee"}
    name, message = send(shop, person="max", **span)
    assert name == "Failed" and "no person 'max' in [[oncall.person]]; known: kim" in message
    name, message = send(shop, person="kim", **{**span, "ends_at": NOW})
    assert name == "Failed" and "an override must end after it starts" in message
    assert read_overrides(shop.history, shop.name, NOW - HOUR) == ()
