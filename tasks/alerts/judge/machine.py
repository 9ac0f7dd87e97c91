"""The life of an alert: state, event and now give the new state and what people are told. Pure.

pending → firing → acknowledged → recovering → resolved. Who is told follows from what is true and what was told before,
so that a silence that ends, a level that rises and a message that joined another one need no case of their own.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tasks.alerts.facts import Episode, Notice, Phase, Policy, Said, Signal, Step, Told
from tasks.check_result import Severity, msg

_CLOCK = timedelta(seconds=90)
"""A clock that goes back by less is not worth a flag."""
_FAILING = (Phase.FIRING, Phase.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class GroupTold:
    """What people were told of other open episodes with the same root: the highest level, when, and who takes care."""

    level: int
    at: datetime
    acknowledged_by: str = ""
    acknowledged_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody takes care; `until` None is as long as the policy says."""

    by: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ineffective:
    """An action was taken, and newer samples are as bad as before."""

    action: str


def observe(
    episode: Episode | None,
    signal: Signal,
    now: datetime,
    policy: Policy,
    *,
    suppressed: str = "",
    group: str = "",
) -> Step:
    """What a signal makes of the open episode of its condition, or of the one that ended last, or of none.

    `suppressed` says why nobody is told; nobody is told here: `tell` follows, once all signals of a minute are in.
    """
    if episode is None or not episode.open:
        return _begin(episode, signal, now, policy, suppressed, group)
    now, behind = _forward(episode, now)
    seen = replace(keep_back(episode, suppressed), updated_at=now, clock=episode.clock or behind)
    if episode.last_bad_at is not None and signal.at <= episode.last_bad_at and signal.said is not Said.NO_DATA:
        return Step(seen)  # a resolve older than the firing sample, or the same sample once more
    match signal.said:
        case Said.BAD:
            return Step(_bad(seen, signal, now))
        case Said.NO_DATA:
            return Step(replace(_again(seen, now), no_data=True, reason=signal.reason))
        case Said.GONE:  # ended, but not by anything good
            return Step(replace(_resolved(replace(seen, reason=signal.reason), now), no_data=True))
        case Said.GOOD:
            return _good(seen, signal, now)
        case Said.RECOVERING if seen.phase in (Phase.FIRING, Phase.ACKNOWLEDGED):
            return Step(replace(_shown(seen, signal), phase=Phase.RECOVERING))
        case Said.BETWEEN | Said.RECOVERING if seen.phase is Phase.PENDING:
            return Step(None)  # never fired: nobody was told, and nothing is kept
        case Said.PENDING | Said.BETWEEN if seen.phase is Phase.RECOVERING:
            return Step(_again(_shown(seen, signal), now))
    return Step(_shown(seen, signal))


def keep_back(episode: Episode, suppressed: str) -> Episode:
    """What a silence or a maintenance window keeps from people, and is told to them when that ends."""
    told = 0 if episode.suppressed and not suppressed else episode.told_level
    return replace(episode, suppressed=suppressed, told_level=told)


def acknowledge(episode: Episode, event: Acknowledged, now: datetime) -> Step:
    """Somebody takes care of it; a late one is noted and reopens nothing."""
    if not episode.open:
        late = msg("Acknowledged by {by} after it was resolved: nothing changes", by=event.by)
        return Step(episode, remarks=(late,))
    now, behind = _forward(episode, now)
    until = event.until or now + episode.policy.acknowledged_for
    phase = Phase.ACKNOWLEDGED if episode.phase is Phase.FIRING else episode.phase
    taken = replace(
        episode,
        phase=phase,
        acknowledged_at=now,
        acknowledged_by=event.by,
        acknowledged_until=until,
        updated_at=now,
        clock=episode.clock or behind,
    )
    if taken.told_level < Severity.EMERGENCY or taken.suppressed:
        return Step(taken)
    return _say(taken, Told.ACKNOWLEDGED, now)  # the whole team was woken


def escalate(episode: Episode, event: Ineffective, now: datetime) -> Step:
    """An action did not help: one level up, acknowledged or not."""
    if not episode.open:
        return Step(episode)
    now, behind = _forward(episode, now)
    level = Severity(min(episode.level + 1, Severity.EMERGENCY))
    reason = msg("The action {action} had no effect", action=event.action)
    return Step(replace(episode, level=level, reason=reason, updated_at=now, clock=episode.clock or behind))


def tell(episode: Episode, now: datetime, joined: GroupTold | None = None) -> Step:
    """What people are told of an episode as it stands; deadlines that have passed are part of it.

    `joined`: others with the same root were told already; a level that was told is not told again.
    """
    now, _ = _forward(episode, now)
    if episode.phase is Phase.RESOLVED or episode.suppressed:
        return Step(episode)
    until = episode.acknowledged_until
    if episode.phase is Phase.ACKNOWLEDGED and until is not None and until <= now:
        expired = replace(episode, phase=Phase.FIRING, acknowledged_until=None)
        return _say(expired, Told.EXPIRED, now) if expired.told_level else tell(expired, now, joined)
    if episode.phase not in _FAILING:  # one that recovers may be over in a minute
        return Step(episode)
    if episode.level > episode.told_level:
        return _tell_level(episode, now, joined)
    if episode.phase is not Phase.FIRING or episode.told_at is None:
        return Step(episode)
    waited, policy = now - episode.told_at, episode.policy
    if episode.level == Severity.WARNING and policy.escalate_after is not None and waited >= policy.escalate_after:
        higher = replace(episode, level=Severity.EMERGENCY)
        return _say(higher, Told.ESCALATED, now) if joined is None else _join(higher, joined, now, Told.ESCALATED)
    if episode.level == Severity.EMERGENCY and policy.repeat is not None and waited >= policy.repeat:
        return _say(episode, Told.REPEATED, now)
    return Step(episode)


def tell_end(episode: Episode, now: datetime) -> Step:
    """That it is over, to those who were told of it."""
    if episode.open or episode.end_told:
        return Step(episode)
    notice = Notice(Told.RESOLVED, _severity(episode.told_level), episode.step + 1)
    return Step(replace(episode, end_told=True, step=episode.step + 1), (notice,))


def _begin(before: Episode | None, signal: Signal, now: datetime, policy: Policy, suppressed: str, group: str) -> Step:
    """A new episode, or the last one again; nothing for a signal that is not bad."""
    if signal.said not in (Said.BAD, Said.PENDING, Said.NO_DATA):
        return Step(before)
    if before is not None and before.resolved_at is not None and before.fired_at is not None:
        again = now - before.resolved_at < before.policy.reopen_within
        newer = before.last_bad_at is None or signal.at > before.last_bad_at
        if not newer:
            return Step(before)
        if again:  # pending, it waits: as a new episode it would never be seen to flap
            return Step(before if signal.said is Said.PENDING else _reopened(before, signal, now, suppressed))
    level = signal.level or Severity.WARNING
    new = Episode(
        condition=signal.condition,
        policy=policy,
        title=signal.title,
        reason=signal.reason,
        level=level,
        phase=Phase.PENDING,
        since=min(signal.since or signal.at, now),
        updated_at=now,
        last_bad_at=signal.last_bad,
        suppressed=suppressed,
        observed=signal.observed,
        limit=signal.limit,
        group=group or signal.condition.key,
        action=signal.action or "",
    )
    if signal.said is Said.PENDING:
        return Step(new)
    if signal.said is Said.NO_DATA:
        new = replace(new, no_data=True)
    return Step(replace(_fired(new, now), count=1))


def _reopened(before: Episode, signal: Signal, now: datetime, suppressed: str) -> Episode:
    times = before.reopened + 1
    flapping = times >= before.policy.flapping_after
    again = replace(
        before,
        phase=Phase.FIRING,
        resolved_at=None,
        acknowledged_at=None,
        acknowledged_by="",
        acknowledged_until=None,
        reopened=times,
        flapping=flapping,
        no_data=signal.said is Said.NO_DATA,
        suppressed=suppressed,
        updated_at=max(now, before.updated_at),
        level=signal.level or Severity.WARNING,
        told_level=0,
    )
    return replace(
        _shown(again, signal), last_bad_at=signal.last_bad, count=before.count + 1, action=signal.action or ""
    )


def _bad(episode: Episode, signal: Signal, now: datetime) -> Episode:
    level = signal.level or episode.level
    if episode.phase is not Phase.PENDING:  # its level is known only now
        level = max(episode.level, level)
    worse = replace(
        _shown(episode, signal),
        level=Severity(level),
        last_bad_at=max(signal.last_bad, episode.last_bad_at or signal.last_bad),
        since=min(episode.since, signal.since or signal.at),
        no_data=False,
        count=episode.count + 1,
    )
    return _again(worse, now)


def _again(episode: Episode, now: datetime) -> Episode:
    """Firing, or still acknowledged if somebody takes care of it."""
    if episode.phase is Phase.PENDING:
        return _fired(episode, now)
    if episode.phase is not Phase.RECOVERING:
        return episode
    taken = episode.acknowledged_until is not None and episode.acknowledged_until > now
    # The deadlines of one that flaps begin again: they are for one that stays bad.
    told_at = now if episode.flapping and episode.told_at is not None else episode.told_at
    return replace(episode, phase=Phase.ACKNOWLEDGED if taken else Phase.FIRING, told_at=told_at)


def _fired(episode: Episode, now: datetime) -> Episode:
    if episode.phase is not Phase.PENDING:
        return episode
    return replace(episode, phase=Phase.FIRING, fired_at=now)


def _good(episode: Episode, signal: Signal, now: datetime) -> Step:
    if episode.phase is Phase.PENDING:
        return Step(None)
    quiet_since = episode.last_bad_at or episode.updated_at
    if episode.flapping and now - quiet_since < episode.policy.quiet:
        return Step(replace(_shown(episode, signal), phase=Phase.RECOVERING))
    return Step(_resolved(_shown(episode, signal), now))


def _resolved(episode: Episode, now: datetime) -> Episode:
    return replace(episode, phase=Phase.RESOLVED, resolved_at=max(now, episode.since), no_data=False)


def _shown(episode: Episode, signal: Signal) -> Episode:
    return replace(episode, reason=signal.reason, observed=signal.observed, limit=signal.limit)


def _tell_level(episode: Episode, now: datetime, joined: GroupTold | None) -> Step:
    told = Told.RAISED if episode.told_level else Told.FIRING
    if episode.flapping and not episode.told_level:
        told = Told.FLAPPING
    return _say(episode, told, now) if joined is None else _join(episode, joined, now, told)


def _join(episode: Episode, joined: GroupTold, now: datetime, told: Told) -> Step:
    """Told by the message of another, whose deadlines and acknowledgement it then shares, unless it is graver."""
    if joined.level < episode.level:
        return _say(episode, told, now)
    patience = episode.policy.escalate_after
    over = patience is not None and now - joined.at >= patience  # as that of a root that recovers
    same = replace(episode, told_level=int(episode.level), told_at=now if over else joined.at, end_told=False)
    if joined.acknowledged_until is None or joined.acknowledged_until <= now or same.phase is not Phase.FIRING:
        return Step(same)
    taken = replace(same, phase=Phase.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=joined.acknowledged_by)
    return Step(replace(taken, acknowledged_until=joined.acknowledged_until))


def _say(episode: Episode, told: Told, now: datetime) -> Step:
    notice = Notice(told, episode.level, episode.step + 1)
    said = replace(
        episode, step=episode.step + 1, told_level=int(episode.level), told_at=now, end_told=False, updated_at=now
    )
    return Step(said, (notice,))


def _severity(level: int) -> Severity:
    return Severity(max(level, Severity.INFORMATION))


def _forward(episode: Episode, now: datetime) -> tuple[datetime, bool]:
    """Time never goes back within an episode; True if the clock did."""
    return max(now, episode.updated_at), now < episode.updated_at - _CLOCK
