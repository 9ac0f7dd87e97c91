"""Closed months: frozen once, corrected by revisions, and nothing of them changed by hand unseen; on both databases."""

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tasks.history.engine import reading, writing
from tasks.slo.judge.months import FrozenMonth
from tasks.slo.store.months import freeze_month, month_problems

NOW = datetime(2026, 11, 1, 0, 5, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
SHOP, OCTOBER = "shop", "2026-10"
COUNTS = {"good": 9_990, "all": 10_000, "measured_min": 44_000, "expected_min": 44_580}
FIGURES: dict[str, Any] = {
    "month": OCTOBER,
    "timezone": "Asia/Tokyo",
    "from": "2026-09-30T15:00:00Z",
    "to": "2026-10-31T15:00:00Z",
    "objectives": {
        "up": {
            "target": 0.999,
            "window": "calendar-month",
            **COUNTS,
            **{f"{name}_with_maintenance": value + 60 for name, value in COUNTS.items()},
        }
    },
    "incidents": {"2026-10-04T01:00:00Z": None},
    "deploys": {"weekly": {"succeeded": 4, "failed": 1}},
}


def with_up(**changed: Any) -> dict[str, Any]:
    """The month with other figures of its objective."""
    figures = deepcopy(FIGURES)
    figures["objectives"]["up"].update(changed)
    return figures


def rows(history: Engine, sql: str, **values: object) -> list[tuple[Any, ...]]:
    with writing(history) as connection:
        result = connection.execute(text(sql), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def stored(history: Engine) -> list[tuple[Any, ...]]:
    """(period, revision, digest) of all."""
    return rows(history, "SELECT period, revision, digest FROM slo_months ORDER BY service_id, period, revision")


def problems(history: Engine) -> dict[str, list[str]]:
    with reading(history) as connection:
        return month_problems(connection)


def test_a_month_is_frozen_once_and_the_same_figures_change_nothing(history: Engine) -> None:
    first = freeze_month(history, SHOP, OCTOBER, FIGURES, NOW)
    assert (first.revision, first.frozen_at, first.differences, first.less) == (1, NOW, (), False)
    assert freeze_month(history, SHOP, OCTOBER, dict(reversed(FIGURES.items())), LATER) == first
    assert stored(history) == [(OCTOBER, 1, first.digest)]
    assert len(first.digest) == 64


def test_a_correction_is_a_revision_that_says_what_changed(history: Engine) -> None:
    first = freeze_month(history, SHOP, OCTOBER, FIGURES, NOW)
    corrected = with_up(good=9_980, all=9_990)
    corrected["incidents"] = {"2026-10-04T01:00:00Z": "2026-10-04T02:00:00Z", "2026-10-09T01:00:00Z": None}
    del corrected["deploys"]["weekly"]["failed"]
    second = freeze_month(history, SHOP, OCTOBER, corrected, LATER)
    assert (second.revision, second.frozen_at, second.less) == (2, LATER, False)
    assert second.differences == (
        ("deploys weekly failed", 1, None),
        ("incidents 2026-10-04T01:00:00Z", None, "2026-10-04T02:00:00Z"),
        ("objectives up all", 10_000, 9_990),
        ("objectives up good", 9_990, 9_980),
    )
    assert freeze_month(history, SHOP, OCTOBER, corrected, LATER) == FrozenMonth(2, second.digest, LATER)
    assert stored(history) == [(OCTOBER, 1, first.digest), (OCTOBER, 2, second.digest)]


def test_figures_that_go_back_to_what_they_were_are_a_third_revision(history: Engine) -> None:
    first = freeze_month(history, SHOP, OCTOBER, FIGURES, NOW)
    freeze_month(history, SHOP, OCTOBER, with_up(good=9_980), LATER)
    third = freeze_month(history, SHOP, OCTOBER, FIGURES, LATER)
    assert (third.revision, third.digest) == (3, first.digest)
    assert third.differences == (("objectives up good", 9_980, 9_990),)


def test_pruned_data_corrects_nothing(history: Engine) -> None:
    first = freeze_month(history, SHOP, OCTOBER, FIGURES, NOW)
    kept = freeze_month(history, SHOP, OCTOBER, with_up(measured_min_with_maintenance=43_000, good=1), LATER)
    assert (kept.revision, kept.digest, kept.frozen_at, kept.less) == (1, first.digest, NOW, True)
    assert kept.differences == (
        ("objectives up good", 9_990, 1),
        ("objectives up measured_min_with_maintenance", 44_060, 43_000),
    )
    assert stored(history) == [(OCTOBER, 1, first.digest)]
    # A corrected outage moves few minutes: that is no loss.
    assert freeze_month(history, SHOP, "2026-09", FIGURES, NOW).revision == 1
    assert freeze_month(history, SHOP, "2026-09", with_up(measured_min_with_maintenance=44_000), LATER).revision == 2
    # A window that is recorded afterwards takes minutes out of what counts, not out of what was measured.
    assert freeze_month(history, SHOP, OCTOBER, with_up(measured_min=43_000), LATER).revision == 2


def test_an_objective_that_could_not_be_measured_is_corrected_once_it_can_and_not_the_other_way(
    history: Engine,
) -> None:
    unmeasured = {**FIGURES, "objectives": {"up": None}}
    freeze_month(history, SHOP, OCTOBER, unmeasured, NOW)
    second = freeze_month(history, SHOP, OCTOBER, FIGURES, NOW)
    assert (second.revision, second.less) == (2, False)
    assert ("objectives up good", None, 9_990) in second.differences
    third = freeze_month(history, SHOP, OCTOBER, unmeasured, LATER)
    assert (third.revision, third.digest, third.less) == (2, second.digest, True)


def test_an_objective_that_is_gone_is_a_correction(history: Engine) -> None:
    freeze_month(history, SHOP, OCTOBER, FIGURES, NOW)
    second = freeze_month(history, SHOP, OCTOBER, {**FIGURES, "objectives": {}}, LATER)
    assert (second.revision, second.less) == (2, False)
    assert ("objectives up good", 9_990, None) in second.differences


def test_months_and_services_are_frozen_by_themselves(history: Engine) -> None:
    for service, month in ((SHOP, OCTOBER), (SHOP, "2026-09"), ("bar", OCTOBER)):
        assert freeze_month(history, service, month, FIGURES, NOW).revision == 1
    assert freeze_month(history, "bar", OCTOBER, with_up(good=1), LATER).revision == 2
    assert [(period, revision) for period, revision, _ in stored(history)] == [
        ("2026-09", 1),
        (OCTOBER, 1),
        (OCTOBER, 1),
        (OCTOBER, 2),
    ]
    assert problems(history) == {}


def test_concurrent_freezes_freeze_once(history: Engine) -> None:
    months = [f"2026-{number:02}" for number in range(1, 13)]

    def freeze(turn: int) -> int:
        return freeze_month(history, SHOP, months[turn // 8], FIGURES, NOW).revision

    freeze_month(history, SHOP, "2025-12", FIGURES, NOW)  # nobody waits for the service itself to become known
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(freeze, range(8 * len(months)))) == {1}
    assert len(stored(history)) == 1 + len(months)


@pytest.mark.parametrize(
    ("by_hand", "expected"),
    [
        ("UPDATE slo_months SET figures = REPLACE(figures, '9990', '9999') WHERE revision = 2",
         ["frozen month 2026-10 r2: its figures were changed"]),
        ("UPDATE slo_months SET digest = REPLACE(digest, SUBSTR(digest, 1, 1), '-') WHERE revision = 1",
         ["frozen month 2026-10 r1: its figures were changed"]),
        ("DELETE FROM slo_months WHERE revision = 1", ["frozen month 2026-10 r2: revision 1 is missing"]),
        ("DELETE FROM slo_months WHERE revision = 2", ["frozen month 2026-10 r3: revision 2 is missing"]),
    ],
)  # fmt: skip
def test_a_direct_change_of_the_database_is_found(history: Engine, by_hand: str, expected: list[str]) -> None:
    for good in (9_990, 9_980, 9_970):
        freeze_month(history, SHOP, OCTOBER, with_up(good=good, all=9_990), NOW)
    freeze_month(history, "bar", OCTOBER, FIGURES, NOW)
    assert problems(history) == {}
    shop = "service_id = (SELECT id FROM services WHERE name = 'shop')"
    rows(history, f"{by_hand} AND {shop}")
    assert problems(history) == {SHOP: expected}
