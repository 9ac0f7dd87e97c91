"""アラート通知の一時停止（サイレンス）とその終了 / silences of alerts and their end, as forms."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from prefect import State, flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from flows.timing import Timing
from tasks.history.opened import history_of
from tasks.records.facts import LARGEST_NUMBER
from tasks.records.words import placed
from tasks.round import utc_now
from tasks.settings import find_service
from tasks.silences.facts import Silence
from tasks.silences.store.silences import add_silence
from tasks.silences.store.silences import end_silence as end_stored
from tasks.silences.words import described

TIMING = Timing(deadline=timedelta(minutes=2))
_ZONE = "オフセットがなければ対象サービスのタイムゾーン / without an offset: the service's time zone"


class SilenceOptions(BaseModel):
    """The form of a silence."""

    model_config = ConfigDict(extra="forbid", title="アラート通知の一時停止（サイレンス） / Silence")

    ends_at: datetime = Field(title="終了 / Ends at", description=_ZONE, json_schema_extra={"position": 1})
    reason: str = Field(min_length=1, title="理由 / Reason", json_schema_extra={"position": 2})
    by: str = Field(
        min_length=1,
        title="登録する人 / Registered by",
        description="名前 / your name",
        json_schema_extra={"position": 3},
    )
    check: str = Field(
        default="*",
        title="チェック / Check",
        description="グロブパターン。resources.* など / a glob pattern such as resources.*",
        json_schema_extra={"position": 4},
    )
    subject: str = Field(
        default="*",
        title="対象 / Subject",
        description="グロブパターン。host/* など / a glob pattern such as host/*",
        json_schema_extra={"position": 5},
    )
    starts_at: datetime | None = Field(
        default=None,
        title="開始 / Starts at",
        description="空欄は今 / empty: now",
        json_schema_extra={"position": 6},
    )


class EndOptions(BaseModel):
    """The form that ends a silence."""

    model_config = ConfigDict(extra="forbid", title="サイレンスの終了 / End of a silence")

    number: int = Field(
        ge=1,
        le=LARGEST_NUMBER,
        title="番号 / Number",
        description=(
            "登録時のメッセージか `rounds silence list` にある番号 / "
            "as shown when it was recorded, or by `rounds silence list`"
        ),
        json_schema_extra={"position": 1},
    )


@flow(
    name="silence-alerts",
    flow_run_name="{service} {silence.check} {silence.subject}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def silence_alerts(service: str, silence: SilenceOptions) -> State[Any]:
    """アラート通知の一時停止（サイレンス） / Silence the alerts of some checks or subjects for a while.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        silence: 何を、いつまで、なぜ / what, until when, and why
    """
    settings, now = await asyncio.to_thread(find_service, service), utc_now()
    history = await asyncio.to_thread(history_of, settings)
    asked = Silence(
        id=0,
        check=silence.check,
        subject=silence.subject,
        starts_at=now if silence.starts_at is None else placed(silence.starts_at, settings.zone, "starts_at"),
        ends_at=placed(silence.ends_at, settings.zone, "ends_at"),
        reason=silence.reason,
        by=silence.by,
    )
    added = await asyncio.to_thread(add_silence, history, service, asked, now)
    return Completed(name="Recorded", message=f"recorded: {described(added, settings.zone)}")


@flow(
    name="end-silence",
    flow_run_name="{service} {silence.number}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def end_silence(service: str, silence: EndOptions) -> State[Any]:
    """サイレンスの終了 / End a silence now, before its time.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        silence: どのサイレンスか / which one
    """
    settings, now = await asyncio.to_thread(find_service, service), utc_now()
    history = await asyncio.to_thread(history_of, settings)
    left = await asyncio.to_thread(end_stored, history, service, silence.number, now)
    ended = f"removed: silence {silence.number}" if left is None else f"ended: {described(left, settings.zone)}"
    return Completed(name="Recorded", message=ended)
