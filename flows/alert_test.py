"""アラートのテスト送信 / a test of an alert level through every channel, from a form or from the command line."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict, Field

from flows.delivery import deliver
from flows.messages import ALERT_TEST
from flows.timing import Timing
from tasks.alerts.addresses import addresses, is_sent
from tasks.alerts.outgoing import INSTEAD_OF, SEVERITY, message_to
from tasks.alerts.reach import unreached
from tasks.alerts.recipients import turn_now
from tasks.alerts.settings import SEVERITIES, LevelName
from tasks.check_result import Scalar, Severity
from tasks.configuration import ConfigurationError
from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.history.engine import History
from tasks.history.opened import history_of
from tasks.history.outbox import Standing, put_now, read_standing
from tasks.round import utc_now
from tasks.settings import Settings, find_service

TIMING = Timing(deadline=timedelta(minutes=5))
_SENDING_S: Final = 60.0
_POLL_S = 0.5


class AlertTestOptions(BaseModel):
    """The form of a test."""

    model_config = ConfigDict(extra="forbid", title="テスト / Test")

    level: LevelName = Field(
        title="レベル / Level",
        description="information 1 情報、warning 2 警告、emergency 3 緊急 / levels 1, 2 and 3",
        json_schema_extra={"position": 1},
    )
    by: str = Field(
        min_length=1,
        max_length=100,
        title="実行者 / Started by",
        description="名前。メッセージに表示 / your name; shown in the message",
        json_schema_extra={"position": 2},
    )


@flow(
    name="test-alerts",
    flow_run_name="{service} {test.level}",
    retries=0,
    timeout_seconds=TIMING.deadline.total_seconds(),
)
async def alert_test(service: str, test: AlertTestOptions) -> State[Any]:
    """アラートのテスト送信: そのレベルの全宛先に送る / Alert test: sends a test to everybody whom a level notifies.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        test: どのレベルを、誰が試すか / which level, and who tests it
    """
    settings = await asyncio.to_thread(find_service, service)
    history = await asyncio.to_thread(history_of, settings)
    standings = await send_test(settings, history, SEVERITIES[test.level], test.by, get_run_logger().warning)
    text = "; ".join(described(settings, standing) for standing in standings)
    if all(is_delivered(settings, standing) for standing in standings):
        return Completed(name="Delivered", message=text)
    return Failed(name="NotDelivered", message=text)


async def send_test(
    settings: Settings, history: History, level: Severity, by: str, warn: Callable[[str], None]
) -> tuple[Standing, ...]:
    """What became of a test to everybody whom a level tells, and of what went in place of it.

    Raises ConfigurationError for a level that tells nobody.
    """
    now, service = utc_now(), settings.service.name
    person = (await asyncio.to_thread(turn_now, settings, history, now)).person
    found = addresses(settings, level, person)
    if not found:
        raise ConfigurationError(settings.path, unreached(settings) or ["[mail] to: nobody is there to be notified"])
    cause = f"{ALERT_TEST}/{service}/{level}/{now:%Y%m%dT%H%M%S.%f}Z"
    payload: dict[str, Scalar] = {SEVERITY: int(level), "at": now.isoformat(), "by": by}
    messages = [message_to(address, ALERT_TEST, cause, payload) for address in found]
    await asyncio.to_thread(put_now, history, service, messages, now)
    deadline = Deadline.after(_SENDING_S)
    try:
        await deliver(settings, history, warn, _SENDING_S)
    except ExplainedError as error:  # what it could not send waits
        warn(str(error))
    return await _settled(history, service, cause, deadline)


def is_delivered(settings: Settings, standing: Standing) -> bool:
    """True for a message that was sent; what is written to a file is not."""
    return standing.state == "sent" and is_sent(settings, standing.message.channel)


def described(settings: Settings, standing: Standing) -> str:
    """What became of one message, on one line."""
    message = standing.message
    instead = message.payload.get(INSTEAD_OF)
    place = "" if instead is None else f" in place of {instead}"
    became = f"{standing.state}: {standing.answer or 'not tried yet'}"
    if standing.state == "sent" and not is_delivered(settings, standing):
        became = f"written to {standing.answer}, not sent: set [mail] smtp"
    return f"{message.channel} {message.recipient}{place}: {became}"


async def _settled(history: History, service: str, cause: str, deadline: Deadline) -> tuple[Standing, ...]:
    """Once nobody is sending any of them: the monitoring may have taken some."""
    while True:
        standings = await asyncio.to_thread(read_standing, history, service, f"{cause}/")
        if deadline.passed or not any(standing.is_leased for standing in standings):
            return standings
        await asyncio.sleep(_POLL_S)
