"""A minute of all alerts of a service in one transaction: episodes, what is told of them, incidents, actions due."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select

from tasks.alerts.addresses import Address
from tasks.alerts.facts import Episode, Notice, Phase, Signal, Told
from tasks.alerts.judge.machine import Acknowledged, acknowledge
from tasks.alerts.judge.minute import GroupNotice, Rulebook, judge_minute
from tasks.alerts.outgoing import SEVERITY, message_to
from tasks.alerts.settings import Action
from tasks.alerts.store.actions import Claimed, claim_actions, note_effects, verify_actions
from tasks.alerts.store.incidents import join_incidents, note_incidents
from tasks.alerts.store.rows import episode_of, forget_episode, save_episode, supersede_others
from tasks.alerts.tables import alert_episodes, alert_notice_episodes, alert_notices
from tasks.check_result import Message, Severity, msg
from tasks.history.engine import History, reading, writing
from tasks.history.outbox import put
from tasks.history.services import locked_service
from tasks.history.tables import outbox, services
from tasks.incidents.store.rows import with_merged

ALERT = "alert"
"""The kind of their messages."""
REMEMBERED = timedelta(hours=1)
"""An episode that ended is looked at for so long: it may come back."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom messages reach and whether they are sent there, from which level on an alert opens an incident (None: none
    does), and what can be done.
    """

    addresses: Callable[[Severity], Sequence[Address]]
    incident_level: Severity | None = None
    actions: Mapping[str, Action] = field(default_factory=dict)
    is_sent: Callable[[Address], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Kept:
    """What a minute came to: the episodes that are open, and how many messages were written."""

    open: tuple[Episode, ...]
    messages: int
    claimed: tuple[Claimed, ...] = ()
    """Actions that are to be taken now."""

    incidents: tuple[int, ...] = ()
    """Numbers of those that changed."""

    unreached: tuple[Message, ...] = ()
    """Alerts that reach nobody, as the service file is."""


def read_known(history: History, service: str, now: datetime) -> tuple[Episode, ...]:
    """The open episodes and those that ended a short while ago. Raises HistoryError."""
    with reading(history) as connection:
        key = connection.execute(select(services.c.id).where(services.c.name == service)).scalar()
        return () if key is None else _known(connection, key, now)


def keep_minute(
    history: History, service: str, signals: Collection[Signal], now: datetime, rulebook: Rulebook, reach: Reach
) -> Kept:
    """Let signals happen to the episodes, and write what is to be told in the same transaction. Raises HistoryError."""
    with writing(history) as connection:
        key = locked_service(connection, service)
        before = {episode.condition.key: episode for episode in _known(connection, key, now)}
        useless = verify_actions(connection, key, tuple(before.values()), reach.actions, now)
        step = judge_minute(before.values(), signals, now, replace(rulebook, useless=useless))
        for episode in step.forgotten:
            forget_episode(connection, episode)
        episodes = _saved(connection, key, step.episodes, before)
        ended = {e.id: e for k, e in episodes.items() if not e.open and k in before and before[k].open}
        note_effects(connection, key, ended, now)
        told = {notice.lead: _tell(connection, key, notice, episodes, now, reach) for notice in step.notices}
        unreached = (_unreached(episodes[lead]) for lead, to in told.items() if not any(map(reach.is_sent, to)))
        incidents = note_incidents(connection, key, step.notices, episodes, now, reach.incident_level)
        incidents += join_incidents(connection, key, episodes.values(), now)
        fired = tuple(e for k, e in episodes.items() if _is_firing(e) and not _is_firing(before.get(k)))
        for episode in fired:
            supersede_others(connection, key, episode)
        claimed = claim_actions(connection, key, fired, reach.actions, now)
        firing = tuple(e for e in episodes.values() if _is_firing(e))
        return Kept(firing, sum(map(len, told.values())), claimed, incidents, tuple(unreached))


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What an acknowledgement did: the episodes that it took, and why it changed nothing of others."""

    taken: tuple[Episode, ...]
    remarks: tuple[Message, ...] = field(default=())

    @property
    def incidents(self) -> tuple[int, ...]:
        """The incidents that they belong to."""
        return tuple(dict.fromkeys(e.incident for e in self.taken if e.incident is not None))


def acknowledge_group(
    history: History, service: str, number: int, event: Acknowledged, now: datetime, reach: Reach
) -> Acknowledgement | None:
    """Somebody takes care of an episode and of all that its message stood for; None for a number that there is not.

    Raises HistoryError.
    """
    with writing(history) as connection:
        key = locked_service(connection, service)
        c = alert_episodes.c
        row = connection.execute(select(alert_episodes).where(c.service_id == key, c.id == number)).one_or_none()
        if row is None:
            return None
        named = episode_of(row)
        same = select(alert_episodes).where(c.service_id == key, c.group == named.group, c.phase != "resolved")
        others = [episode_of(found) for found in connection.execute(same) if found.id != number]
        return _acknowledged(connection, key, [named, *others], event, now, reach)


def acknowledge_alerts_of(
    history: History, service: str, incident: int, event: Acknowledged, now: datetime, reach: Reach
) -> Acknowledgement:
    """Somebody takes care of an incident, and so of its open alerts. Raises HistoryError."""
    with writing(history) as connection:
        key = locked_service(connection, service)
        c = alert_episodes.c
        its = c.incident.in_(with_merged(connection, key, incident))
        mine = select(alert_episodes).where(c.service_id == key, its, c.phase != "resolved")
        found = [episode_of(row) for row in connection.execute(mine.order_by(c.id))]
        return _acknowledged(connection, key, found, event, now, reach)


def _acknowledged(
    connection: Connection, service: int, found: Sequence[Episode], event: Acknowledged, now: datetime, reach: Reach
) -> Acknowledgement:
    taken: dict[str, Episode] = {}
    remarks: list[Message] = []
    notices: list[tuple[Notice, str]] = []
    for episode in found:
        step = acknowledge(episode, event, now)
        assert step.episode is not None
        remarks += step.remarks
        if step.episode != episode:
            save_episode(connection, service, step.episode)
            taken[episode.condition.key] = step.episode
        notices += [(notice, episode.condition.key) for notice in step.notices]
    if notices:
        notice, lead = notices[0]
        members = (lead, *(key for key in taken if key != lead))
        _tell(connection, service, GroupNotice(notice, lead, members), taken, now, reach)
    return Acknowledgement(tuple(taken.values()), tuple(remarks))


def _known(connection: Connection, service: int, now: datetime) -> tuple[Episode, ...]:
    """The open ones, and of each other condition the one that ended last, if that is not long ago or not yet told."""
    c = alert_episodes.c
    recent = or_(c.phase != "resolved", c.resolved_at > now - REMEMBERED, c.end_told.is_(False))
    rows = connection.execute(select(alert_episodes).where(and_(c.service_id == service, recent)).order_by(c.id))
    last: dict[str, Row[Any]] = {}
    for row in rows:
        if row.key not in last or last[row.key].phase == "resolved":
            last[row.key] = row
    return tuple(map(episode_of, last.values()))


def _saved(
    connection: Connection, service: int, episodes: Mapping[str, Episode], before: Mapping[str, Episode]
) -> dict[str, Episode]:
    found = {}
    for key, episode in episodes.items():
        changed = episode != before.get(key)
        found[key] = replace(episode, id=save_episode(connection, service, episode)) if changed else episode
    return found


def _unreached(episode: Episode) -> Message:
    return msg(
        "Alert {number} of level {level} reaches nobody: set [alerts.levels], [[oncall.person]], or [mail] smtp and to",
        number=str(episode.id),
        level=int(episode.level),
    )


def _is_firing(episode: Episode | None) -> bool:
    return episode is not None and episode.open and episode.phase is not Phase.PENDING


def _tell(
    connection: Connection,
    service: int,
    told: GroupNotice,
    episodes: Mapping[str, Episode],
    now: datetime,
    reach: Reach,
) -> tuple[Address, ...]:
    """Write one message to each recipient; gives them."""
    lead, notice = episodes[told.lead], told.notice
    values = {
        "episode_id": lead.id,
        "step": notice.step,
        "told": notice.told.value,
        "level": int(notice.level),
        "at": now,
    }
    number = connection.execute(insert(alert_notices).values(**values).returning(alert_notices.c.id)).scalar_one()
    members = list(dict.fromkeys(episodes[key].id for key in told.members))
    connection.execute(insert(alert_notice_episodes), [{"notice_id": number, "episode_id": m} for m in members])
    payload = {"notice": int(number), SEVERITY: int(notice.level)}
    if notice.told in (Told.RESOLVED, Told.ACKNOWLEDGED):
        to = tuple(_those_told(connection, members)) or tuple(
            reach.addresses(notice.level)
        )  # messages are kept for months
    else:
        to = tuple(reach.addresses(notice.level))
    messages = [message_to(address, ALERT, f"{ALERT}/{lead.id}/{notice.step}", payload) for address in to]
    put(connection, service, messages, now)
    return to


def _those_told(connection: Connection, episodes: Sequence[int]) -> Iterator[Address]:
    """Whoever was told anything of these episodes, each once."""
    c = alert_notice_episodes.c
    notices = select(c.notice_id).where(c.episode_id.in_(episodes)).distinct()
    named = connection.execute(
        select(alert_notices.c.episode_id, alert_notices.c.step).where(alert_notices.c.id.in_(notices))
    ).all()
    seen: set[tuple[str, str]] = set()
    for episode, step in named:
        mine = select(outbox).where(outbox.c.dedupe_key.like(f"{ALERT}/{episode}/{step}/%")).order_by(outbox.c.id)
        for row in connection.execute(mine):
            if (row.channel, row.recipient) not in seen:
                seen.add((row.channel, row.recipient))
                yield Address(row.channel, row.recipient, row.locale, str(row.payload["timezone"]))
