"""Phrases that are wrong in every context: none of them stands in a message, a page, a help text or a document."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from deployments.cli.app import app
from reports.catalogues import stored
from reports.words import TRANSLATED

ROOT = Path(__file__).parents[2]
# With the words to use instead. Lower case finds capitals too, a capital only itself.
ENGLISH = {
    "for want of": "because there is no …; OOM kills",
    "(was|were|is|are|be|been) looked at": "checked, read, compared",
    "(is|are|was|were) told": "is given, is shown, knows",
    "tells? (nothing|of now)": "is stale, shows nothing",
    r"lets\b[^.\n]{0,50}\bin": "allows",
    "(is|are) none of": "is not",
    r"(?<!capital )letters?\b(?! only|,? (and |or )?(a )?(digit|number))": "message, mail",
    "processors?": "CPU",
    "second (place|copy)": "off-site copy",
    "bad backups?": "failed backup",
    "good drills?": "passed drill",
    "never drilled": "no restore drill has run",
    "closed months?": "frozen month",
    "chained hash(es)?": "chain hash",
    "Not measured": "Unknown",
    "sampled requests?": "test request",
    "to watch": "need attention",
    "lines? stays? open": "item not confirmed",
    "silent modules?": "log activity by module",
    "own health status": "health reported by the service",
    "answers, one after another": "responses in order",
    "a day are usual": "usually … a day",
    "yet to come": "in the future",
    "no calendar has": "invalid time",
    "three in the morning": "first response",
    "(hold|holds|held) (a|one|no|the|its)( first)?( daily)? rounds?": "run",
    "rounds? (is|are|was|were) held": "run",
    "whole or broken|are whole": "intact, broken",
    "last words": "last log lines",
    "perhaps delivered": "delivery unknown",
    "leave --for out": "takes no --for",
    "dead runs were not": "could not check for dead runs",
    "its own word|smoke test's own": "exit status of the smoke test",
    "least budget": "lowest remaining budget",
}
JAPANESE = {
    "未測定": "判定不能、データなし、–",
    "生存確認": "Liveness（死活）",
    "受付可否": "Readiness（受付可能）",
    "連鎖ハッシュ": "チェーンハッシュ",
    "連番": "実行番号",
    "抽出リクエスト": "テストリクエスト",
    "プロセッサー?": "CPU",
    "プレッシャー": "リソース待ち (PSI)",
    "索引": "インデックス",
    "夜中の三時|夜中の 3 時": "初動対応",
    "締めた|締める月": "確定した、確定月",
    "第 ?2 のコピー": "オフサイトのコピー",
    "終了ステータス": "終了コード",
    "クエリー": "クエリ",
    "復元": "リストア",
    "写し": "コピー",
    "沈黙したモジュール": "モジュール別のログ出力",
    "業務指標": "ビジネス KPI",
    "申告": "登録",
    "(長い|短い)窓": "長期ウィンドウ、短期ウィンドウ",
    "この目標では誰にも": "アラート対象外",
    "特定情報": "エラーの詳細",
    "行儀の悪い": "異常な応答をする",
    "言い分": "応答内容",
    "見守": "監視",
    "第 ?[^ 0-9]?\\{?(number|revision)\\}? ?版": "リビジョン",
    "メジャー版": "メジャーバージョン",
}


def patterns(phrases: dict[str, str], *, words: bool) -> list[re.Pattern[str]]:
    """One for each phrase; of English whole words."""
    return [
        re.compile(rf"\b(?:{text})\b" if words else text, 0 if text[0].isupper() else re.IGNORECASE) for text in phrases
    ]


WRONG = {"en": patterns(ENGLISH, words=True), "ja": patterns(JAPANESE, words=False)}


def wrong(text: str, language: str) -> list[str]:
    """The wrong phrases of a text."""
    return [match[0] for pattern in WRONG[language] for match in pattern.finditer(text)]


def helps(command: object, name: str = "rounds") -> Iterator[tuple[str, str]]:
    """Every help text of a command and of those below it."""
    yield name, str(getattr(command, "help", None) or "")
    for parameter in getattr(command, "params", ()):
        yield f"{name} {parameter.name}", str(getattr(parameter, "help", None) or "")
    if isinstance(command, TyperGroup):
        for below, one in command.commands.items():
            yield from helps(one, f"{name} {below}")


@cache
def texts() -> tuple[tuple[str, str, str], ...]:
    """Where a text stands, its language, and the text."""
    found = [(name, "en", text) for name, text in helps(get_command(app))]
    for locale in TRANSLATED:
        for file, messages in stored(ROOT, locale).items():
            found += [(file, "en", english) for english in messages]
            found += [(file, locale, text) for text in messages.values()]
    documents = [*ROOT.glob("README*.md"), *(ROOT / "docs/en").rglob("*.md"), *(ROOT / "docs/ja").rglob("*.md")]
    documents += (ROOT / "reports/templates").glob("*.j2")
    for path in documents:
        language = "ja" if path.name.endswith(".ja.md") or "ja" in path.parts else "en"
        found.append((path.relative_to(ROOT).as_posix(), language, path.read_text(encoding="utf-8")))
    return tuple(found)


def test_texts_of_every_kind_are_read() -> None:
    places = [place for place, _, _ in texts()]
    for place in ("rounds run full", "reports/locales/ja.po", "docs/ja/checks/slo.kpi.md", "README.ja.md"):
        assert place in places
    assert "reports/templates/report.html.j2" in places and len(places) > 2000


@pytest.mark.parametrize("kind", ["rounds", "reports/", "tasks/", "docs/en/", "docs/ja/", "README"])
def test_no_phrase_is_wrong(kind: str) -> None:
    found = [(place, phrase) for place, language, text in texts() for phrase in wrong(text, language)]
    assert sorted({hit for hit in found if hit[0].startswith(kind)}) == []


def test_japanese_messages_ask_politely() -> None:
    found = [(place, text) for place, language, text in texts() if language == "ja" and place.endswith(".po")]
    assert [(place, text) for place, text in found if re.search("すること。?$", text)] == []


@pytest.mark.parametrize(
    ("language", "text", "phrase"),
    [
        ("en", "Killed for want of memory", "for want of"),
        ("en", "one letter for each recipient", "letter"),
        ("en", "Not measured", "Not measured"),
        ("en", "this server lets this role and machine not in", "lets this role and machine not in"),
        ("ja", "前回の版: 連番 3", "連番"),
    ],
)
def test_a_wrong_phrase_is_found(language: str, text: str, phrase: str) -> None:
    assert wrong(text, language) == [phrase]


@pytest.mark.parametrize("text", ["letters, digits, '.' and '-'", "what is not measured is unknown", "capital letters"])
def test_what_only_looks_like_one_is_not(text: str) -> None:
    assert wrong(text, "en") == []
