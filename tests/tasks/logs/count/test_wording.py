"""When two messages are one text with other words in it."""

import pytest

from tasks.logs.count.wording import Wording, shared


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("user alice not found", "user bob not found", "user <*> not found"),
        ("user alice not found", "user anna maria not found", "user <*> not found"),
        ("user <*> not found", "user anna maria not found", "user <*> not found"),
        ("refused alice", "refused bob", "refused <*>"),
        ("佐藤さんの注文がありません", "村さんの注文がありません", "<*>さんの注文がありません"),
        ("user alice not found", "card charged twice for one order", None),
        ("payment alice failed for one order", "card charged twice for one order", None),
        ("alpha", "beta", None),
        ("<*> <*> failed", "<*> <*> refused", None),
        ("", "", None),
    ],
)
def test_more_than_half_of_the_words_are_the_same(one: str, other: str, common: str | None) -> None:
    assert shared(Wording.of(one), Wording.of(other)) == common
