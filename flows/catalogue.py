"""The one list of checklists: command line, schedules and tests read it."""

from dataclasses import dataclass
from typing import Any, Final

from prefect import Flow

from flows import backup_verification, daily_checklist, monthly_checklist, slo_report, weekly_checklist
from flows.checklist import Checklist
from tasks.round import RoundRefused


@dataclass(frozen=True, slots=True)
class Entry:
    """A checklist and the flow that runs it."""

    checklist: Checklist
    flow: Flow[..., Any]


_LISTED: Final = (
    Entry(daily_checklist.CHECKLIST, daily_checklist.daily_checklist),
    Entry(weekly_checklist.CHECKLIST, weekly_checklist.weekly_checklist),
    Entry(backup_verification.CHECKLIST, backup_verification.backup_verification),
    Entry(slo_report.CHECKLIST, slo_report.slo_report),
    Entry(monthly_checklist.CHECKLIST, monthly_checklist.monthly_checklist),
)
CATALOGUE: Final = {entry.checklist.name: entry for entry in _LISTED}


def entry_of(name: str) -> Entry:
    """The checklist of this name; raises RoundRefused naming those that there are."""
    if name not in CATALOGUE:
        raise RoundRefused(f"there is no flow {name!r}; there are: {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
