"""What a message about an alert says of the actions that were taken."""

from datetime import UTC, datetime, timedelta

import pytest

from reports.alert_text import ACTION_STATES, EFFECTS, ActionNews, AlertNews, alert_text
from reports.words import Words
from tasks.alerts.facts import Condition, Episode, Phase, Policy, Told
from tasks.alerts.store.actions import ActionState, Effect
from tasks.check_result import Severity, msg

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
EPISODE = Episode(
    condition=Condition("monitoring", "health.readiness", "service"),
    policy=Policy(None, None, timedelta(minutes=30)),
    title=msg("Readiness"),
    reason=msg("Readiness"),
    level=Severity.WARNING,
    phase=Phase.FIRING,
    since=NOON,
    updated_at=NOON,
)


@pytest.mark.parametrize(
    ("state", "effect", "en", "ja"),
    [
        ("done", "awaited", "restart: done, effect: awaited", "restart: 完了済み、効果: 確認待ち"),
        ("done", "ineffective", "restart: done, effect: ineffective", "restart: 完了済み、効果: なし"),
        ("dry-run", "none", "restart: dry run, nothing was done", "restart: 試行のみ（未実行）"),
    ],
)
def test_an_action_is_described_in_the_readers_language(state: str, effect: str, en: str, ja: str) -> None:
    actions = [ActionNews("restart", state, effect)]
    news = AlertNews("shop", "production", Told.FIRING, Severity.WARNING, [EPISODE], actions)
    for locale, expected in (("en", en), ("ja", ja)):
        facts = alert_text(news, Words(locale, "Asia/Tokyo")).facts
        assert [text for _, text in facts if text.startswith("restart")] == [expected]


@pytest.mark.parametrize(
    ("told", "en", "ja"),
    [
        (Told.ESCALATED, "[Emergency] shop: ", "[緊急] shop: "),
        (Told.ACKNOWLEDGED, "[Acknowledged] shop: ", "[確認済み] shop: "),
        (Told.RESOLVED, "[Resolved] shop: ", "[解決] shop: "),
    ],
)
def test_the_subject_says_whether_one_must_get_up(told: Told, en: str, ja: str) -> None:
    news = AlertNews("shop", "production", told, Severity.EMERGENCY, [EPISODE])
    for locale, expected in (("en", en), ("ja", ja)):
        assert alert_text(news, Words(locale, "Asia/Tokyo")).subject.startswith(expected)


def test_every_state_and_effect_of_the_history_has_its_words() -> None:
    assert ACTION_STATES.keys() == {*ActionState} and {"none", *EFFECTS} == {*Effect}
