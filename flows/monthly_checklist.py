"""月次チェックリスト / the guide's monthly checklist."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.options import MonthlyOptions
from flows.rounds import begin_round, close_round, look
from flows.sections.slo import slo_review
from flows.timing import Timing
from tasks.slo.checks import CHECKS as SLO

TIMING = Timing(max_lateness=timedelta(days=5), deadline=timedelta(minutes=30))


@flow(name="monthly-checklist", retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def monthly_checklist(service: str, options: MonthlyOptions = MonthlyOptions()) -> State[Any]:  # noqa: B008
    """月次チェックリスト: SLO レビュー / The monthly checklist: SLO review.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / for which month, and whether to mail
    """
    round_ = await begin_round("monthly-checklist", service, options, TIMING)
    if isinstance(round_, State):
        return round_
    return await close_round(round_, [await look(round_, slo_review, SLO)])  # SLOレビュー
