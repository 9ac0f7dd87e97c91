"""The guide's checklists: which checks answer which line, in the guide's own order.

A new section adds its checks to CHECKS, and a line if the guide's is not listed yet.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tasks.backups.checks import CHECKS as BACKUPS
from tasks.check_result import Check, Message, msg
from tasks.database.checks import CHECKS as DATABASE
from tasks.health.checks import CHECKS as HEALTH
from tasks.kpi.checks import CHECKS as NUMBERS
from tasks.logs.checks import CHECKS as LOGS
from tasks.resources.checks import CHECKS as RESOURCES
from tasks.slo.checks import CHECKS as SLO


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


def left_out(lines: Iterable[GuideLine], checks: Collection[Check]) -> bool:
    """True when every line that these checks answer is left out, so that nobody has to look."""
    answered = [line for line in lines if any(line.covers(check.id) for check in checks)]
    return bool(answered) and all(line.not_applicable is not None for line in answered)


CHECKS: tuple[Check, ...] = (*HEALTH, *LOGS, *RESOURCES, *DATABASE, *NUMBERS, *SLO, *BACKUPS)
"""Every check there is."""

_BACKUPS = GuideLine("backups", msg("Verify the backups"), ("backups.*",), also="バックアップの検証")
_SLO_REVIEW = GuideLine("slo", msg("Review the SLOs"), ("slo.*",), also="SLOレビュー")

BUILTIN: dict[str, tuple[GuideLine, ...]] = {
    "daily-checklist": (
        GuideLine("health", msg("Confirm the health check"), ("health.*",), also="ヘルスチェックの確認"),
        GuideLine("error-logs", msg("Review the error log"), ("logs.*",), also="エラーログのレビュー"),
        GuideLine("resources", msg("Check resource usage"), ("resources.*", "kpi.*"), also="リソース使用率の確認"),
    ),
    "weekly-checklist": (_BACKUPS,),
    "backup-verification": (_BACKUPS,),
    "slo-report": (_SLO_REVIEW,),
    "monthly-checklist": (_SLO_REVIEW,),
}
