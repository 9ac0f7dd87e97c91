"""バックアップの検証 / backups: files every day, a restore drill on demand."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.checklist import Checklist, run_checklist
from flows.options import BackupOptions
from flows.timing import Schedule, Timing
from tasks.backups.section import BACKUPS, backups
from tasks.check_result import msg

CHECKLIST = Checklist(
    name="backup-verification",
    title=msg("Backup verification"),  # バックアップの検証
    guide="weekly",
    systems=(
        BACKUPS,  # バックアップの検証
    ),
    form=BackupOptions,
    timing=Timing(max_lateness=timedelta(hours=12), deadline=timedelta(hours=6)),
    schedule=Schedule("0 6 * * *", "daily-0600", {"options": {"depth": "files"}}),
    takes_added_lines=False,
    only_if_configured=True,
)


@flow(name=CHECKLIST.name, flow_run_name=CHECKLIST.run_name, retries=0, timeout_seconds=CHECKLIST.deadline_s)
async def backup_verification(service: str, options: BackupOptions = BackupOptions()) -> State[Any]:  # noqa: B008
    """バックアップの検証: リストア訓練、またはファイルのみの確認 / Backups: restore drills, or the files only.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / how deep, of which database, and whether to mail
    """
    return await run_checklist(CHECKLIST, service, options, (backups(options.depth, options.database),))
