"""The load test's own options on the command line."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from deployments.cli.run import _flow_options
from flows.options import LoadOptions, options_of
from tasks.round import RoundRefused

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")


def given(**options: str) -> LoadOptions:
    return options_of(LoadOptions, options, NOW, TOKYO)


def test_a_profile_and_production_are_chosen() -> None:
    assert given() == LoadOptions(profile="", production=False)
    assert given(profile="smoke", production="true") == LoadOptions(profile="smoke", production=True)


def test_production_needs_a_plain_yes_or_no() -> None:
    with pytest.raises(RoundRefused, match="--production perhaps"):
        given(production="perhaps")


def test_only_the_present_can_be_tested() -> None:
    with pytest.raises(RoundRefused, match="leave --for out"):
        given(**{"for": "2026-11-21"})


def test_a_switch_needs_no_value_and_everything_else_does() -> None:
    assert given(profile="smoke", production="") == LoadOptions(profile="smoke", production=True)
    assert not given(production="false").production
    with pytest.raises(RoundRefused, match="--profile needs a value"):
        given(profile="")


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--production", "--profile", "smoke"], {"production": "", "profile": "smoke"}),
        (["--profile=smoke", "--production"], {"profile": "smoke", "production": ""}),
        (["--production", "true"], {"production": "true"}),
    ],
)
def test_options_as_they_are_typed(words: list[str], options: dict[str, str]) -> None:
    assert _flow_options(words) == options
