"""What the judges of a restored database have in common, and the drills that their tests are made of."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.backups.facts import (
    Backup,
    Contents,
    Drill,
    DrillStep,
    Form,
    Manifest,
    StepOutcome,
    StepResult,
    TableContents,
)
from tasks.backups.judge.restored.content import judge_content
from tasks.backups.judge.restored.counts import judge_counts
from tasks.backups.judge.restored.expected import MOST_ROWS, bounded, named
from tasks.backups.judge.restored.invariants import judge_invariants
from tasks.backups.judge.restored.newest import judge_newest_row
from tasks.backups.judge.restored.schema import judge_schema
from tasks.backups.limits import BackupLimits
from tasks.backups.reasons import NO_LIVE
from tasks.check_result import CheckResult, Message, Severity, Status, Table, msg
from tasks.observation import Unobserved

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
MADE = datetime(2026, 12, 1, 2, tzinfo=UTC)
LIMITS = BackupLimits()
NO_MANIFEST = Unobserved(msg("There is no manifest"))
UNREACHABLE = Unobserved(msg("The live database does not answer"))
SCHEMA = (
    "table public.items",
    "table public.orders",
    "column public.orders.id bigint NOT NULL",
    "column public.orders.total numeric",
    "constraint public.orders.orders_pkey PRIMARY KEY (id)",
    "index public.orders_by_day ON public.orders (created_at)",
)


def table(name: str, rows: int, **more: Any) -> TableContents:
    """A table of so many rows."""
    return TableContents(f"public.{name}", rows, **more)


def contents(*tables: TableContents, schema: Sequence[str] = SCHEMA, encoding: str = "UTF8", **more: Any) -> Contents:
    """The contents of a database; two tables if none are given."""
    return Contents(
        "shop", "15.4", encoding, tuple(schema), tables or (table("items", 7), table("orders", 120)), **more
    )


def manifest(recorded: Contents | None, *, exact: bool = True) -> Manifest:
    """A manifest with what was recorded."""
    return Manifest("shop", MADE, MADE + timedelta(minutes=3), (), "pg_dump 15.4", recorded, exact)


def drill(copy: Contents | None, recorded: Manifest | Unobserved, live: Contents | Unobserved, **more: Any) -> Drill:
    """A drill that came to its end."""
    return Drill(
        backup=Backup(Path("shop.dump"), MADE, 4096),
        form=more.pop("form", Form.CUSTOM),
        steps=more.pop("steps", (StepResult(DrillStep.RESTORE, StepOutcome.PASSED, msg("Restored")),)),
        started_at=NOW,
        seconds=12.0,
        manifest=recorded,
        contents=copy,
        live=live,
        **more,
    )


def text(message: Message) -> str:
    """A message in English."""
    return message.text.format(**message.params)


def rows(result: CheckResult) -> list[list[str]]:
    """The cells of a result's only table, in English."""
    (evidence,) = result.evidence
    assert isinstance(evidence, Table)
    return [[text(cell) if isinstance(cell, Message) else str(cell) for cell in row] for row in evidence.rows]


def observed(result: CheckResult) -> float | str:
    """What was observed."""
    assert result.observed is not None
    value = result.observed.value
    return text(value) if isinstance(value, Message) else value


JUDGES: dict[str, Callable[[Drill], CheckResult]] = {
    "schema": lambda seen: judge_schema("database:shop", seen, NOW),
    "counts": lambda seen: judge_counts("database:shop", seen, LIMITS, NOW),
    "content": lambda seen: judge_content("database:shop", seen, "sampled", NOW),
    "invariants": lambda seen: judge_invariants("database:shop", seen, (), NOW),
    "newest-row": lambda seen: judge_newest_row("database:shop", seen, LIMITS, 26.0, NOW),
}


@pytest.mark.parametrize("name", JUDGES)
def test_a_drill_that_restored_nothing_judges_nothing(name: str) -> None:
    failed = StepResult(DrillStep.DECODE, StepOutcome.FAILED, msg("broken"))
    result = JUDGES[name](drill(None, manifest(contents()), contents(), steps=(failed,)))
    assert result.status is Status.UNKNOWN and result.check == f"backups.{name}"
    assert text(result.reason) == "Not reached: an earlier step failed and ended the restore drill"
    assert (result.subject, result.severity, result.observed) == ("database:shop", Severity.EMERGENCY, None)


@pytest.mark.parametrize("name", ["schema", "counts", "content", "newest-row"])
def test_nothing_to_compare_with_is_unknown(name: str) -> None:
    for recorded in (NO_MANIFEST, manifest(None)):
        assert JUDGES[name](drill(contents(), recorded, UNREACHABLE)).status is Status.UNKNOWN


@pytest.mark.parametrize("name", ["schema", "counts"])
def test_the_reason_is_why_the_live_database_was_not_seen(name: str) -> None:
    result = JUDGES[name](drill(contents(), NO_MANIFEST, UNREACHABLE))
    assert text(result.reason) == "The live database does not answer"
    assert rows(result)[0] == ["Manifest", "There is no manifest"]
    unset = JUDGES[name](drill(contents(), manifest(None), Unobserved(NO_LIVE)))
    assert text(unset.reason).startswith("Nothing to compare with: set live, or take backups with a manifest")
    assert rows(unset)[0] == ["Manifest", "The manifest records no database contents"]


@pytest.mark.parametrize("name", JUDGES)
def test_a_copy_that_is_right_passes(name: str) -> None:
    hashed = tuple(
        replace(one, content="c0ffee", newest=(("created_at", MADE - timedelta(minutes=5)),))
        for one in contents().tables
    )
    same = contents(*hashed, content_rule="1/16")
    assert JUDGES[name](drill(same, manifest(same), same)).status is Status.PASS


def test_many_names_are_cut_and_counted() -> None:
    assert named(["a", "b", "c", "d", "e"]) == "a, b, c, d, e"
    assert named(["a", "b", "c", "d", "e", "f", "g"]) == "a, b, c, d, e, … (+2)"
    assert named(["a\u202eb\n"]) == "a\\u202eb\\u000a"


def test_many_rows_are_cut_and_counted() -> None:
    columns = (msg("Table"), msg("Live"))
    assert len(bounded(msg("t"), columns, [(n, n) for n in range(MOST_ROWS)]).rows) == MOST_ROWS
    cut = bounded(msg("t"), columns, [(n, n) for n in range(MOST_ROWS + 3)]).rows
    assert len(cut) == MOST_ROWS + 1
    last = cut[-1][0]
    assert isinstance(last, Message) and text(last) == "3 more"
