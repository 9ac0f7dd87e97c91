"""セキュリティスキャン / security: code, packages and secrets scanned, the running system looked at, every night."""

from datetime import timedelta
from typing import Any

from prefect import State, flow

from flows.checklist import Checklist, run_checklist
from flows.options import SecurityOptions
from flows.timing import Schedule, Timing
from tasks.check_result import msg
from tasks.security.section import SECURITY_SCAN, security

CHECKLIST = Checklist(
    name="security-scan",
    title=msg("Security scan"),  # セキュリティスキャン
    guide="weekly",
    systems=(
        SECURITY_SCAN,  # セキュリティアラートのレビュー
    ),
    form=SecurityOptions,
    timing=Timing(max_lateness=timedelta(hours=12), deadline=timedelta(hours=4)),
    schedule=Schedule("0 2 * * *", "daily-0200"),
    takes_added_lines=False,
    only_if_configured=True,
)


@flow(name=CHECKLIST.name, flow_run_name=CHECKLIST.run_name, retries=0, timeout_seconds=CHECKLIST.deadline_s)
async def security_scan(service: str, options: SecurityOptions = SecurityOptions()) -> State[Any]:  # noqa: B008
    """セキュリティスキャン: コード、パッケージ、秘密情報、稼働中のサービス / Code, packages, secrets, the service.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        options: 実行条件 / which part, whether to scan what has not changed, and whether to mail
    """
    systems = (security(options.part, rescan=options.rescan),)
    return await run_checklist(CHECKLIST, service, options, systems)
