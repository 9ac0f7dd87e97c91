"""週次チェックリスト / the guide's weekly checklist."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.options import WeeklyOptions
from flows.rounds import begin_round, close_round, look
from flows.sections.backups import verify_backups
from flows.timing import Timing
from tasks.backups.checks import CHECKS as BACKUPS

TIMING = Timing(max_lateness=timedelta(days=2), deadline=timedelta(hours=6))


@flow(name="weekly-checklist", retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def weekly_checklist(service: str, options: WeeklyOptions = WeeklyOptions()) -> State[Any]:  # noqa: B008
    """週次チェックリスト: バックアップの検証 / The weekly checklist: backup verification.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / for which week, and whether to mail
    """
    round_ = await begin_round("weekly-checklist", service, options, TIMING)
    if isinstance(round_, State):
        return round_
    return await close_round(round_, [await look(round_, verify_backups, BACKUPS)])  # バックアップの検証
