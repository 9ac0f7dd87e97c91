"""エラーの仕分け / what people decide about errors, as a form."""

import asyncio
from datetime import timedelta
from typing import Any

from prefect import State, flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from flows.timing import Timing
from tasks.history.opened import history_of
from tasks.logs.store.triage import Action, Decision, decide
from tasks.round import utc_now
from tasks.settings import find_service

TIMING = Timing(deadline=timedelta(minutes=2))


class TriageOptions(BaseModel):
    """The form of a decision."""

    model_config = ConfigDict(extra="forbid", title="判断 / Decision")

    error: str = Field(
        min_length=4,
        title="フィンガープリント / Fingerprint",
        description="レポートの表にある 8 文字 / the 8 characters in the report's table",
        json_schema_extra={"position": 1},
    )
    action: Action = Field(
        title="操作 / Action",
        description=(
            "resolve 解決済み、ignore 無視、assign 担当を決める、reopen 元に戻す / "
            "resolve: fixed; ignore: never report; assign: somebody takes care; reopen: undo"
        ),
        json_schema_extra={"position": 2},
    )
    by: str = Field(
        min_length=1, title="判断した人 / Decided by", description="名前 / your name", json_schema_extra={"position": 3}
    )
    release: str = Field(
        default="",
        title="修正したリリース / Release with the fix",
        description="resolve のとき。空欄は今から / for resolve; empty: from now on",
        json_schema_extra={"position": 4},
    )
    assignee: str = Field(
        default="",
        title="担当者 / Assignee",
        description="assign のとき / for assign",
        json_schema_extra={"position": 5},
    )
    note: str = Field(default="", title="メモ / Note", description="任意 / optional", json_schema_extra={"position": 6})


@flow(
    name="error-triage",
    flow_run_name="{service} {decision.error} {decision.action}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def error_triage(service: str, decision: TriageOptions) -> State[Any]:
    """エラーのトリアージ: 解決、無視、担当者の割り当て / Error triage: resolve, ignore or assign an error of the log.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        decision: どのエラーをどうするか / which error, and what becomes of it
    """
    settings = await asyncio.to_thread(find_service, service)
    history = await asyncio.to_thread(history_of, settings)
    chosen = Decision(decision.action, decision.by, decision.release, decision.assignee, decision.note)
    known = await asyncio.to_thread(decide, history, service, decision.error, chosen, utc_now())
    title = f"{known.name}: {known.message}" if known.name else known.message
    return Completed(name="Recorded", message=f"{decision.action} {known.fingerprint[:8]} {title}")
