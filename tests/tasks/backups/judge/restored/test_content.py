"""The hashes of the restored rows."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.backups.facts import Contents, TableContents
from tasks.backups.judge.restored.content import judge_content
from tasks.check_result import CheckResult, Status
from tests.tasks.backups.judge.restored.test_expected import (
    NO_MANIFEST,
    NOW,
    UNREACHABLE,
    contents,
    drill,
    manifest,
    observed,
    rows,
    table,
    text,
)


def hashed(orders: str = "beef", rule: str = "1/16", number: int = 120) -> Contents:
    return contents(table("items", 7, content="c0de"), table("orders", number, content=orders), content_rule=rule)


def judged(copy: Any, recorded: Any, content: str = "sampled") -> CheckResult:
    return judge_content("database:shop", drill(copy, recorded, UNREACHABLE), content, NOW)


def test_rows_are_not_compared_with_content_off() -> None:
    result = judged(hashed(), manifest(hashed()), "off")
    assert (result.status, text(result.reason)) == (Status.SKIPPED, 'content = "off": rows are not compared')


def test_the_reason_names_what_was_compared() -> None:
    sampled = judged(hashed(), manifest(hashed()))
    assert (sampled.status, observed(sampled)) == (Status.PASS, 0)
    assert text(sampled.reason) == "A sample of the rows (1/16) of 2 tables matches the backup"
    for setting in ("whole", "sampled"):
        whole = judged(hashed(rule="whole"), manifest(hashed(rule="whole")), setting)
        assert whole.status is Status.PASS
        assert text(whole.reason) == "All rows of 2 tables match the backup"


def test_a_table_of_which_no_row_is_in_the_sample_is_named() -> None:
    empty = hashed(orders="0:0")
    result = judged(empty, manifest(empty))
    assert (result.status, text(result.reason)) == (
        Status.PASS,
        "A sample of the rows of 1 tables matches the backup; not compared, as no row of theirs is in the sample: "
        "public.orders",
    )
    assert rows(result) == [["public.orders"]]
    no_rows = hashed(orders="0:0", number=0)
    assert judged(no_rows, manifest(no_rows)).evidence == ()


def test_large_objects_are_compared_where_both_sides_have_them() -> None:
    before = replace(hashed(), large_objects=TableContents("pg_largeobject", 2, content="2:a"))
    other = replace(before, large_objects=TableContents("pg_largeobject", 2, content="2:b"))
    assert "pg_largeobject differ" in text(judged(other, manifest(before)).reason)
    assert judged(before, manifest(before)).status is Status.PASS
    assert judged(before, manifest(hashed())).status is judged(hashed(), manifest(before)).status is Status.PASS


def test_a_sample_is_not_the_whole_that_is_asked_for() -> None:
    result = judged(hashed(), manifest(hashed()), "whole")
    assert result.status is Status.WARN and "Only a sample of the rows was recorded (1/16)" in text(result.reason)


def test_changed_rows_of_the_same_number_are_named() -> None:
    result = judged(hashed("dead"), manifest(hashed()))
    assert (result.status, observed(result)) == (Status.FAIL, 1)
    assert text(result.reason) == ("Row contents of public.orders differ from the backup, though the row counts match")
    assert rows(result) == [["public.orders", "120", "120"]]


def test_rows_of_another_number_are_not_called_the_same() -> None:
    result = judged(hashed("dead", number=119), manifest(hashed()))
    assert text(result.reason) == "Row contents of public.orders differ from the backup"
    gone = judged(contents(table("items", 7, content="c0de"), content_rule="1/16"), manifest(hashed()))
    assert gone.status is Status.FAIL and rows(gone) == [["public.orders", "missing", "120"]]


@pytest.mark.parametrize(
    ("copy", "recorded", "expected"),
    [
        (hashed(), NO_MANIFEST, "No row hashes were recorded"),
        (hashed(), manifest(None), "No row hashes were recorded"),
        (hashed(), manifest(contents()), "No row hashes were recorded"),
        (hashed(), manifest(contents(), exact=False), "No row hashes were recorded"),
        (hashed(), manifest(hashed(), exact=False), "at another time"),
        (hashed(rule="whole"), manifest(hashed()), "manifest 1/16, restored database whole"),
        (hashed(rule=""), manifest(hashed()), "were not hashed"),
        (hashed(""), manifest(hashed()), "No row hashes were computed for public.orders"),
        (hashed(), manifest(hashed("")), "No row hashes were computed for public.orders"),
        (contents(content_rule="1/16"), manifest(contents(content_rule="1/16")), "No row hashes were recorded"),
    ],
)
def test_rows_without_a_hash_are_unknown(copy: Contents, recorded: Any, expected: str) -> None:
    result = judged(copy, recorded)
    assert result.status is Status.UNKNOWN and expected in text(result.reason)


def test_changed_rows_fail_even_where_others_have_no_hash() -> None:
    copy = contents(table("items", 7, content=""), table("orders", 120, content="dead"), content_rule="1/16")
    assert judged(copy, manifest(hashed())).status is Status.FAIL


def test_an_empty_table_needs_no_hash() -> None:
    one = contents(table("items", 7, content="c0de"), table("orders", 0), content_rule="whole")
    assert judged(one, manifest(one)).status is Status.PASS
