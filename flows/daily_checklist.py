"""日次チェックリスト / the guide's daily checklist."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.checklist import Checklist, run_checklist
from flows.options import DailyOptions
from flows.timing import Schedule, Timing
from tasks.check_result import msg
from tasks.health.section import HEALTH
from tasks.logs.section import LOGS
from tasks.resources.section import RESOURCE_USAGE
from tasks.schedule.section import SCHEDULE

CHECKLIST = Checklist(
    name="daily-checklist",
    title=msg("Daily checklist"),  # 日次チェックリスト
    guide="daily",
    systems=(
        HEALTH,  # ヘルスチェックの確認
        LOGS,  # エラーログのレビュー
        RESOURCE_USAGE,  # リソース使用率の確認
    ),
    additional=(SCHEDULE,),  # 監視と定期実行の確認
    form=DailyOptions,
    timing=Timing(max_lateness=timedelta(hours=12), deadline=timedelta(minutes=30)),
    schedule=Schedule("0 9 * * *", "daily-0900"),
)


@flow(name=CHECKLIST.name, flow_run_name=CHECKLIST.run_name, retries=0, timeout_seconds=CHECKLIST.deadline_s)
async def daily_checklist(service: str, options: DailyOptions = DailyOptions()) -> State[Any]:  # noqa: B008
    """日次チェックリスト: ヘルスチェック、エラーログ、リソース / The daily checklist: health, error log, resources.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / which day, and whether to mail
    """
    return await run_checklist(CHECKLIST, service, options)
