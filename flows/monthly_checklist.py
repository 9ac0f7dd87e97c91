"""月次チェックリスト / the guide's monthly checklist."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.checklist import Checklist, run_checklist
from flows.options import MonthlyOptions
from flows.timing import Schedule, Timing
from tasks.capacity.section import CAPACITY
from tasks.check_result import msg
from tasks.incidents.section import INCIDENTS
from tasks.slo.section import SLO

CHECKLIST = Checklist(
    name="monthly-checklist",
    title=msg("Monthly checklist"),  # 月次チェックリスト
    guide="monthly",
    systems=(
        SLO,  # SLOレビュー
        INCIDENTS,  # インシデントの振り返り
        CAPACITY,  # キャパシティプランニング
    ),
    form=MonthlyOptions,
    timing=Timing(max_lateness=timedelta(days=5), deadline=timedelta(minutes=30)),
    schedule=Schedule("0 9 1 * *", "monthly-first-0900"),
)


@flow(name=CHECKLIST.name, flow_run_name=CHECKLIST.run_name, retries=0, timeout_seconds=CHECKLIST.deadline_s)
async def monthly_checklist(service: str, options: MonthlyOptions = MonthlyOptions()) -> State[Any]:  # noqa: B008
    """月次チェックリスト: SLO、インシデント、キャパシティ / The monthly checklist: SLOs, incidents, capacity.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / for which month, and whether to mail
    """
    return await run_checklist(CHECKLIST, service, options)
