"""What could not be seen, in words that may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.check_result import msg
from tasks.observation import ObservationError, Unobserved, printable


def test_the_error_reads_as_its_reason() -> None:
    error = ObservationError(msg("{file} cannot be read", file="app.log"))
    assert str(error) == "app.log cannot be read"
    assert Unobserved(error.reason).reason == msg("{file} cannot be read", file="app.log")


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("plain ~ 日本語 é 😀", "plain ~ 日本語 é 😀"),
        ("全角\u3000空白", "全角\u3000空白"),
        ("a\tb\r\nc", "a\\u0009b\\u000d\\u000ac"),
        ("\x00\x1b[2J\x7f\x9b", "\\u0000\\u001b[2J\\u007f\\u009b"),
        ("\u202e\u2066\u200b\ufeff", "\\u202e\\u2066\\u200b\\ufeff"),
        ("\ud800\udfff", "\\ud800\\udfff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("<script>&amp;", "<script>&amp;"),
    ],
)
def test_what_cannot_be_seen_is_spelt_out(text: str, spelt: str) -> None:
    assert printable(text) == spelt


@pytest.mark.parametrize(("length", "result"), [(9, "x" * 9), (10, "x" * 10), (11, "x" * 9 + "…")])
def test_long_text_is_cut_with_an_ellipsis(length: int, result: str) -> None:
    assert printable("x" * length, 10) == result


@given(st.text(st.characters()), st.integers(1, 50))
def test_shown_text_is_bounded_one_line_and_can_be_written(text: str, most: int) -> None:
    result = printable(text, most)
    assert len(result) <= most * len("\\u10ffff")
    assert all(c.isprintable() or c == "\u3000" for c in result)
    result.encode()  # no lone surrogate is left
    assert printable(result, 1000) == result
