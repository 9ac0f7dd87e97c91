"""What is done about alerts: claimed once, its output kept, its effect verified by newer samples."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from tasks.alerts.facts import Episode, Phase
from tasks.alerts.judge.machine import Ineffective
from tasks.alerts.look.samples import SOURCE as FIGURES
from tasks.alerts.settings import Action
from tasks.alerts.store.rows import episode_of
from tasks.alerts.tables import alert_actions, alert_episodes
from tasks.history.engine import History, writing
from tasks.history.services import locked_service
from tasks.incidents.events import Note
from tasks.incidents.facts import EntryKind
from tasks.incidents.store.change import change_in

BY: Final = "monitoring"
_DAY = timedelta(days=1)
_GRACE = timedelta(minutes=2)
_LONGEST_AWAITED = timedelta(hours=1)
"""What is neither good nor bad for so long was not helped."""
_MOST_NOTED = 500


class ActionState(StrEnum):
    """What became of an action."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    """Its process was killed: whether it was done is not known, and it is not done again."""

    DRY_RUN = "dry-run"
    HELD_BACK = "held-back"
    """By its cool-down or its daily limit."""


class Effect(StrEnum):
    """What newer samples say."""

    NONE = "none"
    AWAITED = "awaited"
    EFFECTIVE = "effective"
    INEFFECTIVE = "ineffective"
    UNKNOWN = "unknown"
    """The alert ended without a sample that is newer than the action."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An action that this process alone is to take, for an episode."""

    id: int
    episode: int
    action: Action


@dataclass(frozen=True, slots=True)
class NotTaken:
    """An action that is on record without having been taken, and that in a line."""

    state: ActionState
    text: str


def claim_actions(
    connection: Connection, service: int, fired: Iterable[Episode], actions: Mapping[str, Action], now: datetime
) -> tuple[Claimed, ...]:
    """The actions of episodes that begin to fire, unless a cool-down or a daily limit holds them back.

    In the transaction that lets them fire: a process that is killed afterwards has taken them, and nobody repeats them.
    """
    due = ((e, actions[e.action]) for e in fired if e.action in actions and not e.suppressed)
    found = (_claim(connection, service, episode, action, now) for episode, action in due)
    return tuple(claimed for claimed in found if isinstance(claimed, Claimed))


def claim_by_hand(
    history: History, service: str, number: int, action: Action, by: str, now: datetime
) -> Claimed | NotTaken | None:
    """An action that somebody takes for an alert; its limits hold all the same.

    None for a number that there is not. Raises HistoryError.
    """
    with writing(history) as connection:
        key = locked_service(connection, service)
        c = alert_episodes.c
        row = connection.execute(select(alert_episodes).where(c.service_id == key, c.id == number)).one_or_none()
        if row is None:
            return None
        _note(connection, key, number, f"action {action.name} was asked for by {by}", now)
        return _claim(connection, key, episode_of(row), action, now)


def _claim(connection: Connection, service: int, episode: Episode, action: Action, now: datetime) -> Claimed | NotTaken:
    held = _held_back(connection, service, action, now)
    state = ActionState.HELD_BACK if held else ActionState.DRY_RUN if action.dry_run else ActionState.STARTED
    output = held or (described(action) if action.dry_run else "")
    ended = None if state is ActionState.STARTED else now
    values = {"episode_id": episode.id, "name": action.name, "state": state.value, "started_at": now}
    row = insert(alert_actions).values(**values, ended_at=ended, output=output, effect=Effect.NONE.value)
    number = int(connection.execute(row.returning(alert_actions.c.id)).scalar_one())
    if state is ActionState.STARTED:
        return Claimed(number, episode.id, action)
    text = f"action {action.name}: {state.value}: {output}"
    _note(connection, service, episode.id, text, now)
    return NotTaken(state, text)


def finish_action(
    history: History, service: str, claimed: Claimed, state: ActionState, output: str, now: datetime
) -> None:
    """Keep what an action came to; one that was done awaits its effect. Raises HistoryError."""
    done = state is ActionState.DONE
    output = output.replace("\x00", "\ufffd")
    with writing(history) as connection:
        key = locked_service(connection, service)  # first, as monitoring does, which may wait for the same row
        mine = update(alert_actions).where(alert_actions.c.id == claimed.id)
        effect = Effect.AWAITED if done else Effect.NONE
        connection.execute(mine.values(state=state.value, ended_at=now, output=output, effect=effect.value))
        text = f"action {claimed.action.name}: {state.value}: {output[:_MOST_NOTED]}"
        _note(connection, key, claimed.episode, text, now)


def verify_actions(
    connection: Connection, service: int, episodes: Sequence[Episode], actions: Mapping[str, Action], now: datetime
) -> dict[str, Ineffective]:
    """Judge the effect of actions by samples newer than they are; gives what did not help, by its condition's key."""
    by_id = {episode.id: episode for episode in episodes}
    c, useless = alert_actions.c, dict[str, Ineffective]()
    under_way = c.effect.in_([Effect.AWAITED.value]) | (c.state == ActionState.STARTED.value)
    mine = select(alert_actions).join(alert_episodes).where(alert_episodes.c.service_id == service, under_way)
    for row in connection.execute(mine.order_by(c.id)).all():
        action, episode = actions.get(row.name), by_id.get(row.episode_id)
        this = update(alert_actions).where(c.id == row.id)
        if row.state == ActionState.STARTED.value:
            longest = timedelta(seconds=action.timeout_s) if action is not None else _GRACE
            if now - row.started_at > longest + _GRACE:
                connection.execute(this.values(state=ActionState.LOST.value, ended_at=now))
                text = f"action {row.name}: lost: its process ended before it was done; it is not repeated"
                _note(connection, service, row.episode_id, text, now)
            continue
        effect = _effect_of(episode, row.ended_at, action, now)
        if effect is Effect.AWAITED:
            continue
        connection.execute(this.values(effect=effect.value))
        _note(connection, service, row.episode_id, f"action {row.name}: {effect.value}", now)
        if effect is Effect.INEFFECTIVE and episode is not None:
            useless[episode.condition.key] = Ineffective(row.name)
    return useless


def note_effects(connection: Connection, service: int, ended: Mapping[int, Episode], now: datetime) -> None:
    """Note what came of the actions of episodes that have just ended: nobody need wait a minute to hear of it."""
    c = alert_actions.c
    awaited = select(alert_actions).where(c.episode_id.in_(ended), c.effect == Effect.AWAITED.value)
    for row in connection.execute(awaited.order_by(c.id)).all():
        effect = _effect_of(ended[row.episode_id], row.ended_at, None, now)
        connection.execute(update(alert_actions).where(c.id == row.id).values(effect=effect.value))
        _note(connection, service, row.episode_id, f"action {row.name}: {effect.value}", now)


def described(action: Action) -> str:
    """What an action does, without its secrets."""
    return f"{action.method} {action.url}" if action.url is not None else " ".join(action.command or ())


def _effect_of(episode: Episode | None, ended_at: datetime, action: Action | None, now: datetime) -> Effect:
    """It helped if the alert has recovered since; it did not if a newer sample is bad, or none came, in its time.

    Newer samples that are good, and too few for an end, are waited for. That there are some is known of an alert that
    recovers, and of figures, as long as they are not missed.
    """
    if episode is None or episode.resolved_at is not None:
        newer = episode is not None and not episode.no_data and (episode.resolved_at or ended_at) > ended_at
        return Effect.EFFECTIVE if newer else Effect.UNKNOWN
    patience = timedelta(minutes=action.verify_min) if action is not None else _GRACE
    newer_is_bad = episode.last_bad_at is not None and episode.last_bad_at > ended_at
    figures = episode.condition.source == FIGURES and not episode.no_data
    newer = figures or episode.phase is Phase.RECOVERING
    longest = max(2 * patience, _LONGEST_AWAITED) if newer else 2 * patience
    useless = now - ended_at >= (patience if newer_is_bad else longest)
    return Effect.INEFFECTIVE if useless else Effect.AWAITED


def _held_back(connection: Connection, service: int, action: Action, now: datetime) -> str:
    c = alert_actions.c
    counted = c.state.not_in([ActionState.HELD_BACK.value])
    of_day = (
        select(func.count(), func.max(c.started_at))
        .select_from(alert_actions.join(alert_episodes))
        .where(alert_episodes.c.service_id == service, c.name == action.name, counted, c.started_at > now - _DAY)
    )
    number, last = connection.execute(of_day).one()
    if number >= action.per_day:
        return f"{number} times in 24 hours; the limit is {action.per_day}"
    cooldown = timedelta(minutes=action.cooldown_min)
    return f"less than {action.cooldown_min:g} min since the last time" if last and now - last < cooldown else ""


def _note(connection: Connection, service: int, episode: int, text: str, now: datetime) -> None:
    """A line in the timeline of the episode's incident, if it has one."""
    incident = connection.execute(select(alert_episodes.c.incident).where(alert_episodes.c.id == episode)).scalar()
    if incident is not None:
        change_in(connection, service, incident, Note(text, EntryKind.ACTION_RUN), BY, now)
