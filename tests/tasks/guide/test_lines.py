"""The built-in guide keeps the words and the order of the team's own."""

from collections import Counter

from flows.catalogue import CHECKLISTS
from flows.daily_checklist import CHECKLIST
from tasks.health.checks import CHECKS

LINES = [system.line for system in CHECKLIST.systems]


def test_the_daily_checklist_has_the_guides_lines_in_its_order() -> None:
    words = [(line.text.text, line.also) for line in LINES]
    guides = [
        ("Confirm the health check", "ヘルスチェックの確認"),
        ("Review the error log", "エラーログのレビュー"),
        ("Check resource usage", "リソース使用率の確認"),
    ]
    assert [line for line in words if line in guides] == guides


def test_every_line_has_names_of_its_own() -> None:
    for checklist in CHECKLISTS.values():
        systems = (*checklist.systems, *checklist.additional)
        names = Counter(name for system in systems for name in system.line.names)
        assert [name for name, times in names.items() if times > 1 or not name] == []


def test_every_health_check_answers_exactly_one_line() -> None:
    for check in CHECKS:
        assert [line.id for line in LINES if line.covers(check.id)] == ["health"]
