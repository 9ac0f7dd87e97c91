"""インシデント対応 / incidents as people work on them, as forms."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.states import Completed

from flows.delivery import deliver
from flows.incident_forms import (
    Acknowledgement,
    Dismissal,
    DoneAction,
    Mitigation,
    NewAction,
    Noting,
    Opening,
    Reopening,
    Resolution,
    Retrospective,
)
from flows.incident_pages import write_pages
from flows.timing import Timing
from tasks.alerts.acknowledge import acknowledge_incident as acknowledge_with_alerts
from tasks.alerts.settings import SEVERITIES
from tasks.history.engine import History
from tasks.history.opened import history_of
from tasks.incidents.events import (
    AddAction,
    Dismiss,
    Event,
    FinishAction,
    Mend,
    Merge,
    Mitigate,
    Reopen,
    Resolve,
    Review,
)
from tasks.incidents.facts import Fix
from tasks.incidents.store.change import Changed, NewIncident, change_by_all, open_by_hand, review_incident
from tasks.incidents.words import described, noted
from tasks.records.rules import checked_module
from tasks.records.words import placed
from tasks.round import utc_now
from tasks.settings import Settings, find_service

TIMING = Timing(deadline=timedelta(minutes=2))
_S = TIMING.deadline.total_seconds()
_SENDING_S = 30.0


@flow(name="open-incident", flow_run_name="{service} {incident.title}", retries=0, timeout_seconds=_S)
async def open_incident(service: str, incident: Opening) -> State[Any]:
    """インシデントの登録 / Open an incident.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        incident: 何が、いつから、どの程度 / what is wrong, since when, and how bad it is
    """
    settings, history, now = await _opened(service)
    new = NewIncident(
        title=incident.title,
        severity=SEVERITIES[incident.level],
        by=incident.by,
        module=checked_module(incident.module, settings.known_modules()),
        detected_at=_placed(incident.detected_at, settings, "detected_at"),
        impact_at=_placed(incident.impact_at, settings, "impact_at"),
        down=incident.down,
        text=incident.text,
    )
    opened = await asyncio.to_thread(open_by_hand, history, service, new, now)
    return await _recorded(settings, history, Changed(opened), now)


@flow(name="acknowledge-incident", flow_run_name="{service} {answer.incident}", retries=0, timeout_seconds=_S)
async def acknowledge_incident(service: str, answer: Acknowledgement) -> State[Any]:
    """インシデントの確認 / Acknowledge an incident: somebody takes care of it.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        answer: どのインシデントを誰が / which incident, and who
    """
    settings, history, now = await _opened(service)
    changed, taken = await asyncio.to_thread(
        acknowledge_with_alerts, settings, history, answer.incident, answer.by, answer.text, now
    )
    if taken.taken:
        await deliver(settings, history, get_run_logger().warning, _SENDING_S)
    return await _recorded(settings, history, changed, now)


@flow(name="note-incident", flow_run_name="{service} {note.incident}", retries=0, timeout_seconds=_S)
async def note_incident(service: str, note: Noting) -> State[Any]:
    """インシデントのメモと評価 / Note something about an incident, assess it, or say which step it has come to.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        note: どのインシデントに何を / which incident, and what
    """
    settings = await asyncio.to_thread(find_service, service)
    severity = None if note.level is None else SEVERITIES[note.level]
    events = noted(note.step, note.text, severity, _placed(note.impact_at, settings, "impact_at"), note.down)
    return await _changed(service, note.incident, note.by, *events)


@flow(name="mitigate-incident", flow_run_name="{service} {mitigation.incident}", retries=0, timeout_seconds=_S)
async def mitigate_incident(service: str, mitigation: Mitigation) -> State[Any]:
    """インシデントの対処: 暫定または恒久 / Say what ended the impact of an incident, for now or for good.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        mitigation: 何をしたか、恒久対応は誰がいつまでに / what was done; who does the permanent fix, and until when
    """
    settings = await asyncio.to_thread(find_service, service)
    at = _placed(mitigation.at, settings, "at")
    event: Event = Mend(mitigation.text, at)
    if mitigation.fix is Fix.TEMPORARY:
        event = Mitigate(mitigation.text, mitigation.owner, mitigation.due, at)
    return await _changed(service, mitigation.incident, mitigation.by, event)


@flow(name="resolve-incident", flow_run_name="{service} {resolution.incident}", retries=0, timeout_seconds=_S)
async def resolve_incident(service: str, resolution: Resolution) -> State[Any]:
    """インシデントの解決 / Resolve an incident once the effect of its fix is verified.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        resolution: どのインシデントか、効果をどう確認したか / which incident, and how the effect was verified
    """
    settings = await asyncio.to_thread(find_service, service)
    event = Resolve(resolution.text, _placed(resolution.at, settings, "at"))
    return await _changed(service, resolution.incident, resolution.by, event)


@flow(name="add-action", flow_run_name="{service} {action.incident}", retries=0, timeout_seconds=_S)
async def add_action(service: str, action: NewAction) -> State[Any]:
    """インシデントのアクションの追加 / Add an action item to an incident.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        action: 何を、誰が、いつまでに / what, who, and until when
    """
    event = AddAction(action.text, action.owner, action.due, action.kind)
    return await _changed(service, action.incident, action.by, event)


@flow(name="finish-action", flow_run_name="{service} {action.incident}", retries=0, timeout_seconds=_S)
async def finish_action(service: str, action: DoneAction) -> State[Any]:
    """インシデントのアクションの完了 / Say that an action item of an incident is done.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        action: どのアクションか / which action item
    """
    return await _changed(service, action.incident, action.by, FinishAction(action.action, action.text))


@flow(name="close-incident", flow_run_name="{service} {retrospective.incident}", retries=0, timeout_seconds=_S)
async def close_incident(service: str, retrospective: Retrospective) -> State[Any]:
    """インシデントの振り返りと完了 / Write the retrospective of an incident, and close it.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        retrospective: 原因と、うまくいったこと、いかなかったこと / its cause, what went well and what went badly
    """
    settings, history, now = await _opened(service)
    review = Review(**{name: getattr(retrospective, name) for name in Review.__dataclass_fields__})
    number, by, close = retrospective.incident, retrospective.by, retrospective.close
    incident = await asyncio.to_thread(review_incident, history, service, number, review, by, now, close=close)
    return await _recorded(settings, history, Changed(incident), now)


@flow(name="reopen-incident", flow_run_name="{service} {reopening.incident}", retries=0, timeout_seconds=_S)
async def reopen_incident(service: str, reopening: Reopening) -> State[Any]:
    """インシデントの再発 / Reopen an incident that came back; after a day a new one that names it is opened.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        reopening: どのインシデントか、何が再発したか / which incident, and what came back
    """
    settings = await asyncio.to_thread(find_service, service)
    event = Reopen(reopening.text, _placed(reopening.at, settings, "at"))
    return await _changed(service, reopening.incident, reopening.by, event)


@flow(name="dismiss-incident", flow_run_name="{service} {dismissal.incident}", retries=0, timeout_seconds=_S)
async def dismiss_incident(service: str, dismissal: Dismissal) -> State[Any]:
    """インシデントの取り下げ: 誤検知または統合 / Dismiss an incident: a false positive, or a part of another one.

    Args:
        service: 対象サービスの名前 / name of the service, as in its service file
        dismissal: どのインシデントを、なぜ / which incident, and why
    """
    event: Event = Dismiss(dismissal.text)
    if dismissal.into is not None:
        event = Merge(dismissal.into, dismissal.text)
    return await _changed(service, dismissal.incident, dismissal.by, event)


async def _opened(service: str) -> tuple[Settings, History, datetime]:
    settings = await asyncio.to_thread(find_service, service)
    return settings, await asyncio.to_thread(history_of, settings), utc_now()


def _placed(at: datetime | None, settings: Settings, column: str) -> datetime | None:
    return None if at is None else placed(at, settings.zone, column)


async def _changed(service: str, number: int, by: str, *events: Event) -> State[Any]:
    settings, history, now = await _opened(service)
    changed = await asyncio.to_thread(change_by_all, history, service, number, events, by, now)
    return await _recorded(settings, history, changed, now)


async def _recorded(settings: Settings, history: History, changed: Changed, now: datetime) -> State[Any]:
    problem = await write_pages(settings, history, changed.numbers, now)
    return Completed(name="Recorded", message=f"{described(changed.shown)}{problem}")
