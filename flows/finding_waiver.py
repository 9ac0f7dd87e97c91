"""検出事項の免除 / findings whose alerts people pause, as a form."""

import asyncio
from datetime import date, timedelta
from typing import Any

from prefect import State, flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from flows.timing import Timing
from tasks.history.opened import history_of
from tasks.round import utc_now
from tasks.security.findings.reasons import Scope, WaiverReason
from tasks.security.findings.writing import Wish, record
from tasks.security.store.findings import read_findings
from tasks.settings import find_service

TIMING = Timing(deadline=timedelta(minutes=2))


class WaiverOptions(BaseModel):
    """The form of a waiver."""

    model_config = ConfigDict(extra="forbid", title="免除 / Waiver")

    finding: str = Field(
        min_length=8,
        title="フィンガープリント / Fingerprint",
        description="レポートの表にある 8 文字 / the 8 characters in the report's table",
        json_schema_extra={"position": 1},
    )
    reason: WaiverReason = Field(
        title="理由 / Reason",
        description=(
            "影響なし（VEX の理由 5 つ）、false_positive 誤検出、risk_accepted リスクを受容、fix_planned 修正予定 / "
            "not affected (five reasons of VEX), a false positive, a risk that is accepted, a fix that is planned"
        ),
        json_schema_extra={"position": 2},
    )
    owner: str = Field(
        min_length=1,
        title="責任者 / Owner",
        description="名前かチーム / a name or a team",
        json_schema_extra={"position": 3},
    )
    expires: date = Field(
        title="期限 / Expires",
        description="免除の最終日。対象サービスのタイムゾーン / last day of the waiver, in the service's time zone",
        json_schema_extra={"position": 4},
    )
    scope: Scope = Field(
        default=Scope.FINDING,
        title="範囲 / Scope",
        description=(
            "finding この 1 件、package パッケージ全体、advisory アドバイザリ全体、rule このファイルの同じルール / "
            "this finding; all of its package, of its advisory, or of its rule in its file"
        ),
        json_schema_extra={"position": 5},
    )
    note: str = Field(default="", title="メモ / Note", description="任意 / optional", json_schema_extra={"position": 6})


@flow(
    name="waive-finding",
    flow_run_name="{service} {waiver.finding} {waiver.reason}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def waive_finding(service: str, waiver: WaiverOptions) -> State[Any]:
    """検出事項の免除: 期限付きでアラートを止める / Finding waiver: pause the alerts of a finding until a day.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        waiver: どの検出事項を、なぜ、いつまで免除するか / which finding, why, and until when
    """
    settings = await asyncio.to_thread(find_service, service)
    history = await asyncio.to_thread(history_of, settings)
    known = await asyncio.to_thread(read_findings, history, service)
    wish = Wish(waiver.finding, waiver.reason, waiver.owner, waiver.expires, waiver.note, waiver.scope)
    today = utc_now().astimezone(settings.zone).date()
    written = await asyncio.to_thread(record, settings.waivers, known, wish, today)
    return Completed(name="Recorded", message=written.words)
