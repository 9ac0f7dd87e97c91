"""日次チェックリスト / the guide's daily checklist."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.options import DailyOptions
from flows.rounds import Timing, begin_round, close_round
from flows.sections.health import health_check

TIMING = Timing(max_lateness=timedelta(hours=12), deadline=timedelta(minutes=30))


@flow(name="daily-checklist", retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def daily_checklist(service: str, options: DailyOptions = DailyOptions()) -> State[Any]:  # noqa: B008
    """日次チェックリスト: ヘルスチェックの確認 / The daily checklist: confirm the health check.

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
            await health_check(round_),  # ヘルスチェックの確認
        ],
    )
