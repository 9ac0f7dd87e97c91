"""SLO レポート / the state of the service level objectives, for any week or month."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.checklist import Checklist, run_checklist
from flows.options import SloOptions
from flows.timing import Schedule, Timing
from tasks.check_result import msg
from tasks.slo.section import SLO

CHECKLIST = Checklist(
    name="slo-report",
    title=msg("SLO report"),  # SLO レポート
    guide="monthly",
    systems=(
        SLO,  # SLOレビュー
    ),
    form=SloOptions,
    timing=Timing(max_lateness=timedelta(days=2), deadline=timedelta(minutes=30)),
    schedule=Schedule("0 9 * * 1", "weekly-monday-0900"),
    takes_added_lines=False,
)


@flow(name=CHECKLIST.name, flow_run_name=CHECKLIST.run_name, retries=0, timeout_seconds=CHECKLIST.deadline_s)
async def slo_report(service: str, options: SloOptions = SloOptions()) -> State[Any]:  # noqa: B008
    """SLO レポート: SLI、エラーバジェット、稼働率 / SLO report: SLIs, error budgets, uptime.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / for which week or month, and whether to mail
    """
    return await run_checklist(CHECKLIST, service, options)
