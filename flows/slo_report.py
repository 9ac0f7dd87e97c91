"""SLO レポート / the state of the service level objectives, for any week or month."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.options import SloOptions
from flows.rounds import begin_round, close_round, look
from flows.sections.slo import slo_review
from flows.timing import Timing
from tasks.slo.checks import CHECKS as SLO

TIMING = Timing(max_lateness=timedelta(days=2), deadline=timedelta(minutes=30))


@flow(name="slo-report", retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def slo_report(service: str, options: SloOptions = SloOptions()) -> State[Any]:  # noqa: B008
    """SLO レポート: 指標、エラーバジェット、稼働時間 / SLO report: indicators, error budgets, uptime.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / for which week or month, and whether to mail
    """
    round_ = await begin_round("slo-report", service, options, TIMING)
    if isinstance(round_, State):
        return round_
    return await close_round(round_, [await look(round_, slo_review, SLO)])  # SLOレビュー
