"""バックアップの検証 / backups: files every day, a restore drill on demand."""

from datetime import timedelta
from functools import partial
from typing import Any

from prefect import State, flow

from flows.options import BackupOptions
from flows.rounds import begin_round, close_round, look
from flows.sections.backups import verify_backups
from flows.timing import Timing
from tasks.backups.checks import CHECKS, FILE_CHECKS

TIMING = Timing(max_lateness=timedelta(hours=12), deadline=timedelta(hours=6))


@flow(name="backup-verification", retries=0, timeout_seconds=TIMING.deadline.total_seconds())
async def backup_verification(service: str, options: BackupOptions = BackupOptions()) -> State[Any]:  # noqa: B008
    """バックアップの検証: リストア訓練、またはファイルの確認 / Backups: a restore drill, or a look at the files only.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / how deep, of which database, and whether to mail
    """
    round_ = await begin_round("backup-verification", service, options, TIMING)
    if isinstance(round_, State):
        return round_
    verify = partial(verify_backups, depth=options.depth, only=options.database)
    checks = CHECKS if options.depth == "full" else FILE_CHECKS
    return await close_round(round_, [await look(round_, verify, checks)])  # バックアップの検証
