"""The guide's checklists: which checks answer which line, in the guide's own order.

A new section adds its checks to CHECKS, and a line if the guide's is not listed yet.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tasks.check_result import Check, Message, msg
from tasks.health.checks import CHECKS as HEALTH


@dataclass(frozen=True, slots=True)
class GuideLine:
    """A line of a checklist; `checks` are id patterns, `not_applicable` a reason to leave it out,
    `also` its words in the Japanese guide.
    """

    id: str
    text: Message
    checks: tuple[str, ...]
    not_applicable: str | None = None
    also: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What a service file may call this line: its id, its English or its Japanese words."""
        return (self.id, self.text.text, self.also)

    def covers(self, check: str) -> bool:
        """True when a check answers this line."""
        return any(fnmatchcase(check, pattern) for pattern in self.checks)


CHECKS: tuple[Check, ...] = (*HEALTH,)
"""Every check there is."""

BUILTIN: dict[str, tuple[GuideLine, ...]] = {
    "daily-checklist": (
        GuideLine("health", msg("Confirm the health check"), ("health.*",), also="ヘルスチェックの確認"),
        GuideLine("error-logs", msg("Review the error log"), ("logs.*",), also="エラーログのレビュー"),
        GuideLine("resources", msg("Check resource usage"), ("resources.*",), also="リソース使用率の確認"),
    ),
}
