"""当番の差し替え / an override of the on-call rota, as a form."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from prefect import State, flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from flows.timing import Timing
from tasks.history.opened import history_of
from tasks.oncall.facts import Override
from tasks.oncall.judge.rota import rota_zone
from tasks.oncall.store.overrides import add_override
from tasks.oncall.words import described
from tasks.records.words import placed
from tasks.round import utc_now
from tasks.settings import find_service

TIMING = Timing(deadline=timedelta(minutes=2))
_ZONE = "オフセットがなければ対象サービスのタイムゾーン / without an offset: the service's time zone"


class OverrideOptions(BaseModel):
    """The form of an override."""

    model_config = ConfigDict(extra="forbid", title="当番の差し替え / Override")

    person: str = Field(
        min_length=1,
        title="当番になる人 / Who takes over",
        description="[[oncall.person]] の name / a name of [[oncall.person]]",
        json_schema_extra={"position": 1},
    )
    starts_at: datetime = Field(title="開始 / Starts at", description=_ZONE, json_schema_extra={"position": 2})
    ends_at: datetime = Field(title="終了 / Ends at", description=_ZONE, json_schema_extra={"position": 3})
    reason: str = Field(min_length=1, title="理由 / Reason", json_schema_extra={"position": 4})
    by: str = Field(
        min_length=1,
        title="登録する人 / Registered by",
        description="名前 / your name",
        json_schema_extra={"position": 5},
    )


@flow(
    name="override-oncall",
    flow_run_name="{service} {override.person}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def override_oncall(service: str, override: OverrideOptions) -> State[Any]:
    """当番の差し替え / On-call override: somebody takes over for a while.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        override: 誰が、いつからいつまで、なぜ / who, from when until when, and why
    """
    settings, now = await asyncio.to_thread(find_service, service), utc_now()
    history = await asyncio.to_thread(history_of, settings)
    asked = Override(
        id=0,
        person=override.person.strip(),
        starts_at=placed(override.starts_at, settings.zone, "starts_at"),
        ends_at=placed(override.ends_at, settings.zone, "ends_at"),
        reason=override.reason,
        by=override.by,
    )
    added = await asyncio.to_thread(add_override, history, service, asked, settings.oncall.names, now)
    zone = rota_zone(settings.oncall, settings.zone)
    return Completed(name="Recorded", message=f"recorded: {described(added, zone)}")
