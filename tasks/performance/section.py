"""The weekly performance report as a section of a checklist."""

from typing import Final

from tasks.load.checks import LINE
from tasks.performance.checks import CHECKS
from tasks.round import Round, System
from tasks.section import Section


async def performance_report(run: Round) -> Section:
    """What `tasks.performance.report` finds, which takes 25 MB to import: most processes report on no week."""
    from tasks.performance.report import performance_report as report

    return await report(run)


PERFORMANCE: Final = System(LINE, CHECKS, performance_report)
