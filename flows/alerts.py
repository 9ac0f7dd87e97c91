"""アラートの確認 / what people do about alerts, as a form."""

import asyncio
from datetime import timedelta
from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict, Field

from flows.delivery import deliver
from flows.incident_pages import write_pages
from flows.timing import Timing
from tasks.alerts.acknowledge import acknowledge_alert
from tasks.alerts.act import NOT_DONE, act_by_hand
from tasks.alerts.store.actions import ActionState
from tasks.alerts.words import taken_text
from tasks.history.opened import history_of
from tasks.records.facts import LARGEST_NUMBER
from tasks.round import utc_now
from tasks.settings import find_service

TIMING = Timing(deadline=timedelta(minutes=2))
_SENDING_S = 30.0
_STATES = {
    ActionState.DONE: "Taken",
    ActionState.DRY_RUN: "DryRun",
    ActionState.FAILED: "ActionFailed",
    ActionState.HELD_BACK: "HeldBack",
    ActionState.LOST: "Lost",
}


class AcknowledgementOptions(BaseModel):
    """The form of an acknowledgement."""

    model_config = ConfigDict(extra="forbid", title="アラートの確認 / Acknowledgement")

    alert: int = Field(
        ge=1,
        le=LARGEST_NUMBER,
        title="アラート番号 / Alert",
        description="メッセージにある番号 / the number in the message",
        json_schema_extra={"position": 1},
    )
    by: str = Field(
        min_length=1,
        title="対応者 / Acknowledged by",
        description="名前 / your name",
        json_schema_extra={"position": 2},
    )
    minutes: float = Field(
        default=0,
        ge=0,
        title="有効時間 (分) / Minutes",
        description="0 は設定値。過ぎると再び通知 / 0: as configured; people are notified again when they are over",
        json_schema_extra={"position": 3},
    )


class ActionOptions(BaseModel):
    """The form of an action."""

    model_config = ConfigDict(extra="forbid", title="アクションの実行 / Action")

    alert: int = Field(
        ge=1,
        le=LARGEST_NUMBER,
        title="アラート番号 / Alert",
        description="メッセージにある番号 / the number in the message",
        json_schema_extra={"position": 1},
    )
    action: str = Field(
        min_length=1,
        title="アクション / Action",
        description="[[alerts.action]] の name / the name of an [[alerts.action]]",
        json_schema_extra={"position": 2},
    )
    by: str = Field(
        min_length=1,
        title="実行者 / Taken by",
        description="名前 / your name",
        json_schema_extra={"position": 3},
    )


@flow(
    name="acknowledge-alert",
    flow_run_name="{service} {acknowledgement.alert}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def acknowledge_alert_form(service: str, acknowledgement: AcknowledgementOptions) -> State[Any]:
    """アラートの確認: 対応者を記録し、エスカレーションを止める / Acknowledge an alert: somebody takes care of it.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        acknowledgement: どのアラートに、誰が対応するか / which alert, and who takes care of it
    """
    settings = await asyncio.to_thread(find_service, service)
    history = await asyncio.to_thread(history_of, settings)
    given, now = acknowledgement, utc_now()
    minutes = given.minutes or None
    taken = await asyncio.to_thread(acknowledge_alert, settings, history, given.alert, given.by, minutes, now)
    await deliver(settings, history, get_run_logger().warning, _SENDING_S)
    problem = await write_pages(settings, history, taken.incidents, now)
    return Completed(name="Recorded", message=f"{taken_text(taken, settings.zone)}{problem}")


@flow(
    name="take-alert-action",
    flow_run_name="{service} {action.alert} {action.action}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def take_alert_action(service: str, action: ActionOptions) -> State[Any]:
    """アラートのアクションを手動で実行 / Take an action for an alert; monitoring verifies its effect.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        action: どのアラートに、何を実行するか / for which alert, and which action
    """
    settings = await asyncio.to_thread(find_service, service)
    history = await asyncio.to_thread(history_of, settings)
    became, message = await act_by_hand(settings, history, action.alert, action.action, action.by)
    ends = Failed if became in NOT_DONE else Completed
    return ends(name=_STATES[became], message=message)
