"""デプロイ、障害停止、計画メンテナンスの記録 / deploys, outages and maintenance as people record them, as forms."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from prefect import State, flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from flows.timing import Timing
from tasks.history.opened import history_of
from tasks.records.facts import Deploy, DeployOutcome, Maintenance, Origin, Outage
from tasks.records.store.records import Record, store_records
from tasks.records.words import described, placed
from tasks.round import utc_now
from tasks.settings import Settings, find_service

TIMING = Timing(deadline=timedelta(minutes=2))
_ZONE = "オフセットがなければ対象サービスのタイムゾーン / without an offset: the service's time zone"
_BY = "名前 / your name"
_MODULE = "空欄はサービス全体 / empty: the whole service"


def _at(position: int) -> dict[str, Any]:
    return {"position": position}


class DeployOptions(BaseModel):
    """The form of a deploy."""

    model_config = ConfigDict(extra="forbid", title="デプロイ / Deploy")

    version: str = Field(min_length=1, title="バージョン / Version", json_schema_extra=_at(1))
    by: str = Field(min_length=1, title="記録する人 / Recorded by", description=_BY, json_schema_extra=_at(2))
    outcome: DeployOutcome = Field(default=DeployOutcome.SUCCEEDED, title="結果 / Outcome", json_schema_extra=_at(3))
    started_at: datetime | None = Field(
        default=None,
        title="開始 / Started at",
        description="空欄は今 / empty: now",
        json_schema_extra=_at(4),
    )
    ended_at: datetime | None = Field(
        default=None,
        title="終了 / Ended at",
        description="空欄は今 / empty: now",
        json_schema_extra=_at(5),
    )
    commit_at: datetime | None = Field(
        default=None,
        title="コミットの時刻 / Time of the commit",
        description="任意。変更のリードタイムに使用 / optional, for the lead time for changes",
        json_schema_extra=_at(6),
    )
    environment: str = Field(
        default="",
        title="環境 / Environment",
        description="空欄はサービスファイルの環境 / empty: that of the service file",
        json_schema_extra=_at(7),
    )


class OutageOptions(BaseModel):
    """The form of an outage."""

    model_config = ConfigDict(extra="forbid", title="停止 / Outage")

    started_at: datetime = Field(title="開始 / Started at", description=_ZONE, json_schema_extra=_at(1))
    ended_at: datetime | None = Field(
        default=None,
        title="終了 / Ended at",
        description="継続中は空欄。終了後に同じ開始時刻で再登録 / empty while it goes on; send again to end it",
        json_schema_extra=_at(2),
    )
    cause: str = Field(
        min_length=1,
        title="原因 / Cause",
        description="推定でも可 / a suspected cause is enough",
        json_schema_extra=_at(3),
    )
    by: str = Field(min_length=1, title="記録する人 / Recorded by", description=_BY, json_schema_extra=_at(4))
    module: str = Field(default="", title="モジュール / Module", description=_MODULE, json_schema_extra=_at(5))


class MaintenanceOptions(BaseModel):
    """The form of a maintenance window."""

    model_config = ConfigDict(extra="forbid", title="計画メンテナンス / Maintenance")

    starts_at: datetime = Field(title="開始 / Starts at", description=_ZONE, json_schema_extra=_at(1))
    ends_at: datetime = Field(title="終了 / Ends at", description=_ZONE, json_schema_extra=_at(2))
    reason: str = Field(min_length=1, title="理由 / Reason", json_schema_extra=_at(3))
    by: str = Field(min_length=1, title="登録する人 / Registered by", description=_BY, json_schema_extra=_at(4))
    module: str = Field(default="", title="モジュール / Module", description=_MODULE, json_schema_extra=_at(5))
    late_reason: str = Field(
        default="",
        title="事後登録の理由 / Why it is late",
        description="開始後に登録するときは必須 / required if it has already begun",
        json_schema_extra=_at(6),
    )


@flow(
    name="record-deploy",
    flow_run_name="{service} {deploy.version}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def record_deploy(service: str, deploy: DeployOptions) -> State[Any]:
    """デプロイの記録 / Record a deploy and its outcome.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        deploy: 何が、いつ、どう終わったか / what was deployed, when, and how it ended
    """
    settings, now = await _found(service)
    started_at = _placed(deploy.started_at, settings, "started_at") or now
    record = Deploy(
        version=deploy.version,
        environment=deploy.environment or settings.service.environment,
        started_at=started_at,
        ended_at=_placed(deploy.ended_at, settings, "ended_at") or max(started_at, now),
        outcome=deploy.outcome,
        origin=Origin.RECORDED,
        commit_at=_placed(deploy.commit_at, settings, "commit_at"),
    )
    return await _recorded(settings, record, deploy.by, now)


@flow(
    name="record-outage",
    flow_run_name="{service} {outage.started_at}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def record_outage(service: str, outage: OutageOptions) -> State[Any]:
    """停止の記録 / Record an outage or its end.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        outage: いつ、どこが、なぜ / when, which part, and why
    """
    settings, now = await _found(service)
    record = Outage(
        started_at=placed(outage.started_at, settings.zone, "started_at"),
        ended_at=_placed(outage.ended_at, settings, "ended_at"),
        module=outage.module or None,
        cause=outage.cause,
    )
    return await _recorded(settings, record, outage.by, now)


@flow(
    name="record-maintenance",
    flow_run_name="{service} {maintenance.starts_at}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def record_maintenance(service: str, maintenance: MaintenanceOptions) -> State[Any]:
    """計画メンテナンスの登録 / Register a maintenance window before it begins.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        maintenance: いつ、どこを、なぜ / when, which part, and why
    """
    settings, now = await _found(service)
    record = Maintenance(
        starts_at=placed(maintenance.starts_at, settings.zone, "starts_at"),
        ends_at=placed(maintenance.ends_at, settings.zone, "ends_at"),
        module=maintenance.module or None,
        reason=maintenance.reason,
        declared_at=now,
        declared_by=maintenance.by,
        late_reason=maintenance.late_reason,
    )
    return await _recorded(settings, record, maintenance.by, now)


async def _found(service: str) -> tuple[Settings, datetime]:
    return await asyncio.to_thread(find_service, service), utc_now()


def _placed(at: datetime | None, settings: Settings, column: str) -> datetime | None:
    return None if at is None else placed(at, settings.zone, column)


async def _recorded(settings: Settings, record: Record, by: str, now: datetime) -> State[Any]:
    history = await asyncio.to_thread(history_of, settings)
    modules = settings.known_modules()
    [written] = await asyncio.to_thread(store_records, history, settings.service.name, [record], by, now, modules)
    return Completed(name="Recorded", message=f"{written}: {described(record, settings.zone)}")
