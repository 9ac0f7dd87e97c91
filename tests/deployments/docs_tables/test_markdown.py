"""Anchors are those of GitHub; tables survive what is written into them."""

import pytest

from deployments.docs_tables.markdown import anchor, table


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Two commands", "two-commands"),
        ("A service of your own in five minutes", "a-service-of-your-own-in-five-minutes"),
        ("`rounds up`", "rounds-up"),
        ("Deploys, outages, maintenance", "deploys-outages-maintenance"),
        ("The guide's lines", "the-guides-lines"),
        ("`[logs.source.fields]`", "logssourcefields"),
        ("`[queues.depth]`, `[queues.oldest_s]`", "queuesdepth-queuesoldest_s"),
        ("サービスレベル目標", "サービスレベル目標"),
        ("設定 (TOML)", "設定-toml"),
        ("ログ・メール", "ログメール"),
        ("10⁹ バイト", "10-バイト"),
        ("Day – week", "day--week"),
    ],
)
def test_anchor(heading: str, expected: str) -> None:
    assert anchor(heading) == expected


def test_a_bar_does_not_end_a_cell() -> None:
    assert table(["a"], [["x | y"]]) == "| a |\n| --- |\n| x \\| y |\n"
