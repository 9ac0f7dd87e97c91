"""The restored schema and its encoding."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.backups.facts import Sequence
from tasks.backups.judge.restored.schema import judge_schema
from tasks.check_result import CheckResult, Status
from tests.tasks.backups.judge.restored.test_expected import (
    NO_MANIFEST,
    NOW,
    SCHEMA,
    UNREACHABLE,
    contents,
    drill,
    manifest,
    observed,
    rows,
    table,
    text,
)

FEWER = SCHEMA[:-1]
INDEX = "index public.orders_by_day"


def judged(copy: Any, recorded: Any, live: Any = UNREACHABLE, **more: Any) -> CheckResult:
    return judge_schema("database:shop", drill(copy, recorded, live, **more), NOW)


SINCE = "These came since, or the dump is of another state: compare at the next backup, or use `rounds backup take`"


@pytest.mark.parametrize(
    ("recorded", "live", "status", "word"),
    [
        (manifest(contents()), UNREACHABLE, Status.FAIL, "missing from the restored database"),
        (manifest(contents()), contents(), Status.FAIL, "missing from the restored database"),
        (NO_MANIFEST, contents(), Status.WARN, SINCE),
    ],
)
def test_a_lost_definition_is_named(recorded: Any, live: Any, status: Status, word: str) -> None:
    result = judged(contents(schema=FEWER), recorded, live)
    assert result.status is status and observed(result) == 1
    assert INDEX in text(result.reason) and word in text(result.reason)
    assert rows(result) == [["missing from the backup", SCHEMA[-1]]]


def test_a_lost_table_is_named_without_its_parts() -> None:
    recorded = manifest(contents(table("items", 1), table("orders", 1)))
    result = judged(contents(table("items", 1), schema=SCHEMA[:1]), recorded)
    assert text(result.reason).endswith("restored database: table public.orders, index public.orders_by_day")
    assert observed(result) == 5


def test_something_more_than_was_recorded_fails() -> None:
    result = judged(contents(), manifest(contents(schema=FEWER)))
    assert result.status is Status.FAIL and INDEX in text(result.reason)
    assert rows(result) == [["only in the backup", SCHEMA[-1]]]


def test_something_more_than_the_live_schema_has_warns() -> None:
    result = judged(contents(), NO_MANIFEST, contents(schema=FEWER))
    assert result.status is Status.WARN and observed(result) == 1
    assert "The live schema has changed since the backup, or the backup is of another database" in text(result.reason)


def test_a_live_schema_that_changed_since_is_evidence_only() -> None:
    result = judged(contents(), manifest(contents()), contents(schema=FEWER))
    assert (result.status, observed(result)) == (Status.PASS, 0)
    assert text(result.reason) == "All 6 definitions match the manifest; the live schema has changed since the backup"
    assert rows(result) == [["only in the backup", SCHEMA[-1]]]
    assert judged(contents(), manifest(contents()), contents()).evidence == ()


def test_one_thing_with_another_definition_is_one_difference() -> None:
    other = (*SCHEMA[:3], "column public.orders.total integer", *SCHEMA[4:])
    result = judged(contents(schema=other), manifest(contents()))
    assert result.status is Status.FAIL and observed(result) == 1
    assert text(result.reason) == (
        "column public.orders.total differs: the backup has column public.orders.total integer, expected "
        "column public.orders.total numeric"
    )
    assert rows(result)[0][0] == "differs"
    alone = judged(contents(schema=other), NO_MANIFEST, contents())
    assert alone.status is Status.WARN and SINCE in text(alone.reason)


def test_a_line_that_is_there_only_once_of_twice_is_missing() -> None:
    assert observed(judged(contents(), manifest(contents(schema=(*SCHEMA, SCHEMA[-1]))))) == 1


KINDS = ("comment", "grant", "owner", "revoke", "statistics")
MORE = (
    "comment public.items table aa",
    "comment public.orders table bb",
    "grant public.items to reader select",
    "grant public.orders to reader select",
    "owner public.items app",
    "owner public.orders app",
    "statistics public.st CREATE STATISTICS …",
)


def more(*without: str, kinds: tuple[str, ...] = KINDS, change: str = "") -> Any:
    """A database with other kinds of things too, without some."""
    lines = [line.replace(change, "postgres") if change else line for line in MORE]
    return contents(schema=(*SCHEMA, *(line for line in lines if not line.startswith(without or "-"))), kinds=kinds)


@pytest.mark.parametrize(
    ("copy", "status", "word"),
    [
        (more(), Status.PASS, "All 13 definitions match the manifest"),
        (more("statistics"), Status.FAIL, "statistics public.st"),
        (more("comment public.items"), Status.WARN, "comment public.items"),
        (more("comment"), Status.PASS, "not compared: comment"),
        (more("grant public.items"), Status.WARN, "grant public.items"),
        (more("grant"), Status.PASS, "not compared: grant"),
        (more(change="app"), Status.PASS, "not compared: owner"),
        (more("owner public.items"), Status.WARN, "owner public.items"),
        (contents(), Status.PASS, "6 definitions match the manifest; not compared: comment, grant, owner, statistics"),
    ],
)
def test_what_a_dump_may_leave_out_is_named_and_a_part_of_it_is_a_loss(copy: Any, status: Status, word: str) -> None:
    result = judged(copy, manifest(more()))
    assert result.status is status and word in text(result.reason)


def test_a_manifest_of_an_older_version_is_compared_by_what_it_holds() -> None:
    result = judged(more(), manifest(contents()))
    assert result.status is Status.PASS and "not compared: comment, grant, owner, statistics" in text(result.reason)
    assert judged(more(), manifest(contents(schema=FEWER))).status is Status.FAIL


@pytest.mark.parametrize(
    ("young", "known"), [(("public.orders_by_day",), True), (("public.orders",), False), ((), False)]
)
def test_what_the_live_database_made_since_is_no_fault(young: tuple[str, ...], known: bool) -> None:
    result = judged(contents(schema=FEWER), NO_MANIFEST, contents(young=young))
    assert result.status is Status.WARN and INDEX in text(result.reason)
    assert (SINCE in text(result.reason)) is not known
    assert judged(contents(schema=FEWER), manifest(contents(young=young))).status is Status.FAIL


def test_a_table_made_since_is_no_fault_with_all_that_is_its_own() -> None:
    lines = ("table public.new", "column public.new.id integer", "sequence public.new_id_seq bigint")
    tables = (table("items", 7), table("orders", 120))
    numbers = (Sequence("public.new_id_seq", "public.new.id", 2, 2),)
    for rows_now, since, status in ((0, None, Status.WARN), (2, 2, Status.WARN), (2, 1, Status.FAIL)):
        live = contents(*tables, table("new", rows_now, since=since), schema=(*SCHEMA, *lines), sequences=numbers)
        assert judged(contents(), NO_MANIFEST, live).status is status


@pytest.mark.parametrize(
    ("kept", "live", "status"), [(0, 3, Status.FAIL), (1, 6, Status.WARN), (0, 2, Status.WARN), (0, 0, Status.PASS)]
)
def test_a_dump_without_any_index_or_constraint_fails(kept: int, live: int, status: Status) -> None:
    lines = [f"index public.{'items' if n % 2 else 'orders'}.i{n} USING btree (id)" for n in range(live)]
    copy, now = (contents(schema=(*SCHEMA[:4], *lines[:number])) for number in (kept, live))
    assert judged(copy, NO_MANIFEST, now).status is status
    of_one_table = tuple(line.replace("items", "orders") for line in lines)
    assert judged(contents(schema=SCHEMA[:4]), NO_MANIFEST, contents(schema=(*SCHEMA[:4], *of_one_table))).status in (
        Status.WARN,
        Status.PASS,
    )


def test_new_tables_of_a_small_database_do_not_make_it_another_one() -> None:
    live = contents(table("items", 7), table("new", 0), table("newer", 0), schema=(*SCHEMA, "table public.new"))
    assert judged(contents(table("items", 7)), NO_MANIFEST, live).status is Status.WARN


@pytest.mark.parametrize(("version", "status"), [("18.1", Status.PASS), ("15.9", Status.FAIL)])
def test_another_version_writes_a_view_with_other_words(version: str, status: Status) -> None:
    old = contents(schema=(*SCHEMA, "view public.v AS SELECT items.id FROM public.items"))
    new = contents(schema=(*SCHEMA, "view public.v AS SELECT id FROM public.items"))
    result = judged(replace(new, server_version=version), manifest(old))
    assert result.status is status
    assert ("not compared: text of views" in text(result.reason)) is (status is Status.PASS)
    assert judged(replace(contents(), server_version=version), manifest(old)).status is Status.FAIL


def test_text_that_nobody_checks_is_named() -> None:
    plain, odd = (contents(encoding="SQL_ASCII", not_utf8=names) for names in ((), ("public.items",)))
    checked = judged(plain, manifest(plain))
    assert checked.status is Status.PASS and "PostgreSQL does not check" in text(checked.reason)
    found = judged(odd, manifest(plain))
    assert found.status is Status.WARN and "text in public.items is not UTF-8" in text(found.reason)


def test_another_database_is_called_that() -> None:
    tables = [table(name, 1) for name in ("a", "b", "c", "d")]
    half = judged(contents(*tables[:2]), manifest(contents(*tables)))
    assert half.status is Status.PASS
    result = judged(contents(*tables[:1], schema=FEWER), NO_MANIFEST, contents(*tables))
    assert result.status is Status.FAIL
    assert text(result.reason) == (
        "3 of 4 tables are missing; the backup is of another database, or of only part of it: public.b, "
        "public.c, public.d"
    )


def test_a_copy_without_a_table_fails() -> None:
    empty = contents(schema=())
    empty = type(empty)("shop", "15.4", "UTF8", (), ())
    result = judged(empty, NO_MANIFEST, contents())
    assert (result.status, text(result.reason)) == (
        Status.FAIL,
        "The restored database has no tables; 2 were expected",
    )


def test_an_expectation_without_a_definition_is_none() -> None:
    result = judged(contents(), NO_MANIFEST, contents(schema=()))
    assert result.status is Status.UNKNOWN and "shows no definition" in text(result.reason)
    assert judged(contents(), manifest(contents(schema=())), contents()).status is Status.PASS


@pytest.mark.parametrize(("recorded", "live"), [(manifest(contents()), UNREACHABLE), (NO_MANIFEST, contents())])
def test_another_encoding_fails_and_both_are_named(recorded: Any, live: Any) -> None:
    dumped = judged(contents(), recorded, live, dump_encoding="LATIN1")
    restored = judged(contents(encoding="LATIN1"), recorded, live)
    for result in (dumped, restored):
        assert result.status is Status.FAIL and observed(result) == 1
        assert text(result.reason).startswith("The encoding of the backup is LATIN1, that of the database UTF8")
        assert rows(result)[0][0] == "different encoding"


def test_bytes_of_no_encoding_fail() -> None:
    result = judged(contents(), manifest(contents()), contents(), dump_encoding="SQL_ASCII")
    assert result.status is Status.FAIL
    assert "invalid bytes are restored without an error" in text(result.reason)
    was_so = contents(encoding="SQL_ASCII")
    assert judged(was_so, manifest(was_so), dump_encoding="SQL_ASCII").status is Status.PASS


def test_an_encoding_by_another_spelling_is_the_same() -> None:
    assert judged(contents(), manifest(contents(encoding="utf-8")), dump_encoding="UTF8").status is Status.PASS


@pytest.mark.parametrize(("copy", "recorded", "dumped"), [("", "UTF8", ""), ("UTF8", "", ""), ("UTF8", "", "UTF8")])
def test_an_encoding_that_is_not_known_is_not_right(copy: str, recorded: str, dumped: str) -> None:
    result = judged(contents(encoding=copy), manifest(contents(encoding=recorded)), dump_encoding=dumped)
    assert result.status is Status.UNKNOWN and "encoding" in text(result.reason)
    assert judged(contents(encoding=""), manifest(contents()), dump_encoding="UTF8").status is Status.PASS
