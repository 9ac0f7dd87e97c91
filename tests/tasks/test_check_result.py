"""The one result type refuses to say what it does not know."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.check_result import (
    Check,
    Curve,
    Limit,
    Message,
    Quantity,
    Severity,
    Status,
    Table,
    moment,
    msg,
    placeholders,
    verbatim,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CHECK = Check("health.liveness", msg("Liveness"), msg("Is it alive?"), Severity.EMERGENCY)
LIMIT = Limit("=", 100, "%", msg("the guide's daily health check"))
MEASURED = [Status.PASS, Status.WARN, Status.FAIL]


@pytest.mark.parametrize("status", Status)
def test_measured_means_that_a_fact_was_judged_by_a_limit(status: Status) -> None:
    assert status.measured is (status in MEASURED)


@pytest.mark.parametrize("status", MEASURED)
@pytest.mark.parametrize(("observed", "limit"), [(None, LIMIT), (Quantity(1), None), (None, None)])
def test_no_verdict_without_an_observation_and_a_limit(
    status: Status, observed: Quantity | None, limit: Limit | None
) -> None:
    with pytest.raises(ValueError, match=rf"^health\.liveness: {status} needs an observation and a limit"):
        CHECK.judged(status, "a", verbatim("x"), at=NOW, observed=observed, limit=limit)


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.SKIPPED])
def test_what_was_not_measured_needs_neither(status: Status) -> None:
    result = CHECK.judged(status, "a", verbatim("x"), at=NOW)
    assert (result.check, result.title, result.severity) == ("health.liveness", CHECK.title, Severity.EMERGENCY)
    assert (result.observed, result.limit, result.evidence) == (None, None, ())


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^health\.liveness: observed_at has no time zone"):
        CHECK.judged(Status.UNKNOWN, "a", verbatim("x"), at=NOW.replace(tzinfo=None))
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    assert CHECK.judged(Status.UNKNOWN, "a", verbatim("x"), at=tokyo).observed_at == NOW


def test_a_result_does_not_change() -> None:
    result = CHECK.judged(Status.UNKNOWN, "a", verbatim("x"), at=NOW)
    with pytest.raises(FrozenInstanceError):
        result.status = Status.PASS  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "params"),
    [("{n} of {all}", {"n": 1}), ("{n}", {"n": 1, "all": 2}), ("none", {"n": 1}), ("{}", {}), ("{n.real}", {"n": 1})],
)
def test_a_message_and_its_parameters_fit(text: str, params: dict[str, int]) -> None:
    with pytest.raises(KeyError, match="placeholders"):
        Message(text, params)


def test_placeholders() -> None:
    assert placeholders("{a} {b:.1f} {a} {{c}}") == {"a", "b"}
    assert placeholders("none") == set()


@given(st.text())
def test_text_from_outside_is_a_parameter(text: str) -> None:
    message = verbatim(text)
    assert message.text == "{text}"
    assert message.text.format(**message.params) == text


def test_a_table_has_as_many_cells_as_columns() -> None:
    with pytest.raises(ValueError, match="a row of 'T' has not 2 cells"):
        Table(msg("T"), (msg("A"), msg("B")), ((1, 2), (1,)))


class TestCurve:
    AT = tuple(moment(NOW + timedelta(hours=n)) for n in range(3))

    def curve(self, at: tuple[str, ...], values: tuple[float | None, ...], expected: tuple[float, ...] = ()) -> Curve:
        return Curve(msg("T"), msg("F"), "%", at, values, 0.0, expected)

    def test_each_time_has_a_value_or_none(self) -> None:
        assert self.curve(self.AT, (1.0, None, 2.0), (3.0, 2.0, 1.0)).kind == "curve"
        assert self.curve((), ()).values == ()
        with pytest.raises(ValueError, match=r"'T' has 2 values at 3 times"):
            self.curve(self.AT, (1.0, 2.0))
        with pytest.raises(ValueError, match=r"'T' has 2 expected values at 3 times"):
            self.curve(self.AT, (1.0, 2.0, 3.0), (1.0, 2.0))

    @pytest.mark.parametrize("order", [(1, 0, 2), (0, 0, 1), (2, 1, 0)])
    def test_times_rise(self, order: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"the times of 'T' do not rise"):
            self.curve(tuple(self.AT[n] for n in order), (1.0, 2.0, 3.0))

    @pytest.mark.parametrize(
        "text", ["2026-11-24", "2026-11-24T00:00", "2026-11-24T09:00+09:00", "2026-11-24T00:00:00Z"]
    )
    def test_a_time_is_as_moment_writes_it(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"a time of 'T' is not as `moment` writes it"):
            self.curve((text,), (1.0,))

    @pytest.mark.parametrize("text", ["2026-02-31T00:00Z", "yesterday", ""])
    def test_what_is_no_time_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"Invalid isoformat|day is out of range"):
            self.curve((text,), (1.0,))
