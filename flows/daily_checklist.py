"""日次チェックリスト / the guide's daily checklist."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.options import DailyOptions
from flows.rounds import begin_round, close_round, look
from flows.sections.error_logs import error_log_review
from flows.sections.health import health_check
from flows.sections.resources import CHECKS as RESOURCES
from flows.sections.resources import resource_usage
from flows.timing import Timing
from tasks.health.checks import CHECKS as HEALTH
from tasks.logs.checks import CHECKS as LOGS

TIMING = Timing(max_lateness=timedelta(hours=12), deadline=timedelta(minutes=30))


@flow(name="daily-checklist", retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def daily_checklist(service: str, options: DailyOptions = DailyOptions()) -> State[Any]:  # noqa: B008
    """日次チェックリスト: ヘルスチェック、エラーログ、リソース / The daily checklist: health, error log, resources.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / what to look at, and whether to mail
    """
    round_ = await begin_round("daily-checklist", service, options, TIMING)
    if isinstance(round_, State):
        return round_
    return await close_round(
        round_,
        [
            await look(round_, health_check, HEALTH),  # ヘルスチェックの確認
            await look(round_, error_log_review, LOGS),  # エラーログのレビュー
            await look(round_, resource_usage, RESOURCES),  # リソース使用率の確認
        ],
    )
