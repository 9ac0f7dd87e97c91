"""What people call the verdicts, statuses, severities and rounds, and the symbol beside each."""

from collections.abc import Sequence

from tasks.check_result import Message, Severity, Status, msg, verbatim
from tasks.guide.judge import Verdict

VERDICTS = {
    Verdict.FAILED: msg("Checks failed"),
    Verdict.INCOMPLETE: msg("Incomplete"),
    Verdict.ATTENTION: msg("Attention"),
    Verdict.PASSED: msg("Passed"),
    Verdict.NOT_APPLICABLE: msg("Not applicable"),
}

STATUSES = {
    Status.FAIL: msg("Failed"),
    Status.WARN: msg("Attention"),
    Status.UNKNOWN: msg("Unknown"),
    Status.SKIPPED: msg("Skipped"),
    Status.PASS: msg("Passed"),
}

SEVERITIES = {
    Severity.INFORMATION: msg("Information"),
    Severity.WARNING: msg("Warning"),
    Severity.EMERGENCY: msg("Emergency"),
}

# A tone names the colours in the style sheets; the symbol says the same without colour.
VERDICT_TONES = {
    Verdict.FAILED: "fail",
    Verdict.INCOMPLETE: "unknown",
    Verdict.ATTENTION: "warn",
    Verdict.PASSED: "pass",
    Verdict.NOT_APPLICABLE: "skipped",
}
STATUS_TONES = {
    Status.FAIL: "fail",
    Status.WARN: "warn",
    Status.UNKNOWN: "unknown",
    Status.SKIPPED: "skipped",
    Status.PASS: "pass",
}
SYMBOLS = {"fail": "✕", "warn": "!", "unknown": "?", "skipped": "–", "pass": "✓"}

_UNTITLED = {
    "daily-checklist": msg("Daily checklist"),
    "weekly-checklist": msg("Weekly checklist"),
    "monthly-checklist": msg("Monthly checklist"),
    "backup-verification": msg("Backup verification"),
    "slo-report": msg("SLO report"),
}
"""Of reports that were stored before they carried a title; no flow is added here."""

_TRIGGERS = {"schedule": msg("scheduled"), "hand": msg("manual")}

_LANGUAGES = {"ja": "日本語", "en": "English"}


def flow_name(flow: str, title: Message | None) -> Message:
    """What people call a round: the title that its report carries, else its id."""
    return title or _UNTITLED.get(flow) or verbatim(flow)


def trigger_name(trigger: str) -> Message:
    """How the round was started."""
    return _TRIGGERS.get(trigger) or verbatim(trigger)


def language_name(locale: str) -> str:
    """A language in its own words."""
    return _LANGUAGES.get(locale, locale)


def page_name(stem: str, locale: str, locales: Sequence[str]) -> str:
    """The file of a page in one language; the main language, and one that is not archived, have the plain name."""
    return f"{stem}.html" if locale == locales[0] or locale not in locales else f"{stem}.{locale}.html"
