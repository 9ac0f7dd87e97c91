"""週次チェックリスト / the guide's weekly checklist."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.checklist import Checklist, run_checklist
from flows.options import WeeklyOptions
from flows.timing import Schedule, Timing
from tasks.backups.section import BACKUPS
from tasks.check_result import msg
from tasks.performance.section import PERFORMANCE
from tasks.security.review import SECURITY_REVIEW

CHECKLIST = Checklist(
    name="weekly-checklist",
    title=msg("Weekly checklist"),  # 週次チェックリスト
    guide="weekly",
    systems=(
        PERFORMANCE,  # パフォーマンスレポートの作成
        SECURITY_REVIEW,  # セキュリティアラートのレビュー
        BACKUPS,  # バックアップの検証
    ),
    form=WeeklyOptions,
    timing=Timing(max_lateness=timedelta(days=2), deadline=timedelta(hours=6)),
    schedule=Schedule("0 9 * * 1", "weekly-monday-0900"),
)


@flow(name=CHECKLIST.name, flow_run_name=CHECKLIST.run_name, retries=0, timeout_seconds=CHECKLIST.deadline_s)
async def weekly_checklist(service: str, options: WeeklyOptions = WeeklyOptions()) -> State[Any]:  # noqa: B008
    """週次チェックリスト / The weekly checklist: performance, security alerts, backups.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / for which week, and whether to mail
    """
    return await run_checklist(CHECKLIST, service, options)
