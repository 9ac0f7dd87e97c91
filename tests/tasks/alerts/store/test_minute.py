"""A minute of alerts in one transaction, on both databases: once, whole, and whoever is first."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from tasks.alerts.addresses import Address
from tasks.alerts.facts import Condition, Phase, Policy, Said, Signal, Told
from tasks.alerts.judge.machine import Acknowledged
from tasks.alerts.judge.minute import Rulebook
from tasks.alerts.store import minute as store
from tasks.alerts.store.minute import (
    Kept,
    Reach,
    acknowledge_alerts_of,
    acknowledge_group,
    keep_minute,
    read_known,
)
from tasks.alerts.store.prune import remove_alerts
from tasks.alerts.store.read import read_episodes, read_notice
from tasks.alerts.store.rows import episode_of
from tasks.alerts.tables import alert_episodes
from tasks.check_result import Limit, Quantity, Severity, msg
from tasks.history.engine import HistoryError, reading, writing
from tasks.incidents.events import Assess, Mend, Merge, Resolve
from tasks.incidents.store.change import change_by_all
from tasks.incidents.store.read import read_incident

NOON = datetime(2026, 11, 24, 12, 0, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = Policy(timedelta(minutes=15), timedelta(minutes=10), timedelta(minutes=30))
RULES = Rulebook(lambda _: POLICY, lambda _: "")
YUI = Address("mail", "yui@shop.example", "ja", "Asia/Tokyo")
TEAM = (YUI, Address("mail", "ken@shop.example", "en", "UTC"))
REACH = Reach(lambda level: TEAM if level == Severity.EMERGENCY else (YUI,), Severity.EMERGENCY)


def a_signal(said: Said, at: datetime, subject: str = "host/disk:/", level: int = 2, **labels: str) -> Signal:
    return Signal(
        condition=Condition("monitoring", "resources.disk", subject, tuple(labels.items())),
        said=said,
        at=at,
        title=msg("Disk usage"),
        reason=msg("{bad} of the last {of} samples", bad=3, of=5),
        level=Severity(level) if said is Said.BAD else None,
        since=at if said is Said.BAD else None,
        observed=Quantity(91.5, "%"),
        limit=Limit("<", 90.0, "%", msg("the alert rule")),
    )


def keep(history: Engine, signals: Sequence[Signal], now: datetime = NOON) -> Kept:
    return keep_minute(history, "shop", signals, now, RULES, REACH)


def messages(history: Engine) -> list[tuple[str, str]]:
    with reading(history) as connection:
        rows = connection.execute(text("SELECT dedupe_key, recipient FROM outbox ORDER BY id"))
        return [(row.dedupe_key.rpartition("/")[0], row.recipient) for row in rows]


def test_an_episode_is_read_as_it_was_written(history: Engine) -> None:
    kept = keep(history, [a_signal(Said.BAD, NOON, device="sda")])
    [episode] = read_known(history, "shop", NOON)
    assert kept.open == (episode,)
    assert (episode.policy, episode.told_at, episode.condition.labels) == (POLICY, NOON, (("device", "sda"),))


def test_what_is_told_is_written_with_its_cause(history: Engine) -> None:
    assert keep(history, [a_signal(Said.BAD, NOON)]).messages == 1
    assert keep(history, [a_signal(Said.BAD, NOON + MINUTE)], NOON + MINUTE).messages == 0
    assert messages(history) == [("alert/1/1", YUI.recipient)]
    notice = read_notice(history, "shop", 1)
    assert notice is not None
    assert (notice.told, [e.count for e in notice.episodes]) == (Told.FIRING, [2])
    assert read_notice(history, "other", 1) is None


def test_the_end_is_told_to_those_who_were_told_and_to_nobody_else(history: Engine) -> None:
    keep(history, [a_signal(Said.BAD, NOON)])
    keep(history, [a_signal(Said.BAD, NOON + MINUTE, level=3)], NOON + MINUTE)
    keep(history, [a_signal(Said.GOOD, NOON + 2 * MINUTE)], NOON + 2 * MINUTE)
    assert messages(history)[1:] == [
        ("alert/1/2", "yui@shop.example"),
        ("alert/1/2", "ken@shop.example"),
        ("alert/1/3", "yui@shop.example"),
        ("alert/1/3", "ken@shop.example"),
    ]


def test_one_that_never_fired_leaves_nothing(history: Engine) -> None:
    keep(history, [a_signal(Said.PENDING, NOON)])
    assert [e.phase for e in read_episodes(history, "shop", NOON)] == [Phase.PENDING]
    keep(history, [a_signal(Said.GOOD, NOON + MINUTE)], NOON + MINUTE)
    assert read_episodes(history, "shop", NOON - MINUTE) == ()


def test_case_6_two_workers_race_for_50_rounds_and_there_is_one_episode_and_one_message(history: Engine) -> None:
    keep(history, [])  # the service is known
    with ThreadPoolExecutor(2) as pool:
        for number in range(50):
            signal, together = a_signal(Said.BAD, NOON, f"host/disk:/{number}"), Barrier(2)

            def race(signal: Signal = signal, together: Barrier = together) -> int:
                together.wait()
                return keep(history, [signal]).messages

            told = [future.result() for future in [pool.submit(race), pool.submit(race)]]
            assert sorted(told) == [0, 1]
    episodes = read_episodes(history, "shop", NOON)
    assert len({e.condition.key for e in episodes}) == len(episodes) == len(messages(history)) == 50


def test_a_second_open_episode_is_refused_by_the_database(history: Engine) -> None:
    keep(history, [a_signal(Said.BAD, NOON)])
    with reading(history) as connection:
        row = dict(connection.execute(select(alert_episodes)).one()._mapping)
    del row["id"]
    with pytest.raises((IntegrityError, HistoryError)), writing(history) as connection:
        connection.execute(insert(alert_episodes).values(**row))
    with writing(history) as connection:
        connection.execute(insert(alert_episodes).values(**{**row, "phase": "resolved"}))
        rows = connection.execute(select(alert_episodes)).all()
    assert [episode_of(found).phase for found in rows] == [Phase.FIRING, Phase.RESOLVED]


def test_case_5_killed_before_the_commit_leaves_neither_episode_nor_message(
    history: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            keep(history, [a_signal(Said.BAD, NOON)])
    assert (read_known(history, "shop", NOON), messages(history)) == ((), [])
    assert keep(history, [a_signal(Said.BAD, NOON)]).messages == 1


def test_case_16_a_storm_of_200_alerts_of_one_root_is_one_message(history: Engine) -> None:
    root = a_signal(Said.BAD, NOON, "database")
    modules = [a_signal(Said.BAD, NOON, f"module:m{number}") for number in range(199)]
    rules = Rulebook(
        lambda _: POLICY, lambda _: "", depends_on={f"module:m{number}": ("database",) for number in range(199)}
    )
    half = NOON + timedelta(seconds=27)
    first = keep_minute(history, "shop", [root, *modules[:100]], NOON, rules, REACH)
    second = keep_minute(history, "shop", modules[100:], half, rules, REACH)
    assert (first.messages, second.messages) == (1, 0)
    notice = read_notice(history, "shop", 1)
    assert notice is not None
    assert (len(notice.episodes), notice.episodes[0].condition.subject) == (101, "database")
    later = NOON + timedelta(minutes=20)
    assert keep_minute(history, "shop", [], later, rules, REACH).messages == 2, "escalated as one, to both of the team"
    over = [a_signal(Said.GOOD, later, f"module:m{number}") for number in range(199)]
    assert keep_minute(history, "shop", over, later + MINUTE, rules, REACH).messages == 0, "the root goes on"
    last = keep_minute(
        history, "shop", [a_signal(Said.GOOD, later + MINUTE, "database")], later + 2 * MINUTE, rules, REACH
    )
    assert last.messages == 2
    end = read_notice(history, "shop", 3)
    assert end is not None
    assert (end.told, len(end.episodes)) == (Told.RESOLVED, 200)


def test_the_end_of_one_that_has_begun_anew_is_not_told_hours_later(history: Engine) -> None:
    rules = Rulebook(lambda _: POLICY, lambda _: "", depends_on={"module:a": ("database",)})

    def minute(number: int, root: Said, module: Said) -> int:
        now = NOON + number * MINUTE
        signals = [a_signal(root, now, "database", 1), a_signal(module, now, "module:a", 1)]
        return keep_minute(history, "shop", signals, now, rules, REACH).messages

    assert minute(0, Said.BAD, Said.BAD) == 1
    assert minute(1, Said.BAD, Said.GOOD) == 0, "the root goes on"
    assert minute(20, Said.BAD, Said.BAD) == 0, "an alert of its own, in the root's message"
    assert minute(21, Said.GOOD, Said.GOOD) == 1
    assert [minute(number, Said.GOOD, Said.GOOD) for number in (22, 60, 90, 120)] == [0, 0, 0, 0]


def test_an_acknowledgement_is_of_all_that_the_message_stood_for(history: Engine) -> None:
    rules = Rulebook(lambda _: POLICY, lambda _: "", depends_on={"module:a": ("database",)})
    keep_minute(
        history,
        "shop",
        [a_signal(Said.BAD, NOON, "database"), a_signal(Said.BAD, NOON, "module:a")],
        NOON,
        rules,
        REACH,
    )
    taken = acknowledge_group(history, "shop", 1, Acknowledged("yui"), NOON + MINUTE, REACH)
    assert taken is not None
    assert [(e.id, e.phase, e.acknowledged_by) for e in taken.taken] == [
        (1, Phase.ACKNOWLEDGED, "yui"),
        (2, Phase.ACKNOWLEDGED, "yui"),
    ]
    assert acknowledge_group(history, "shop", 99, Acknowledged("yui"), NOON, REACH) is None
    assert acknowledge_group(history, "other", 1, Acknowledged("yui"), NOON, REACH) is None


def test_a_grave_alert_opens_an_incident_and_its_timeline_follows(history: Engine) -> None:
    assert keep(history, [a_signal(Said.BAD, NOON)]).incidents == ()
    later = NOON + 16 * MINUTE
    assert keep(history, [a_signal(Said.BAD, later)], later).incidents == (1,)
    taken = acknowledge_alerts_of(history, "shop", 1, Acknowledged("ken"), later + MINUTE, REACH)
    assert [e.acknowledged_by for e in taken.taken] == ["ken"]
    over = later + 2 * MINUTE
    assert keep(history, [a_signal(Said.GOOD, over)], over).incidents == (1,)
    record = read_incident(history, "shop", 1)
    assert record.incident.impact_at == NOON
    assert [entry.text.partition(": ")[2] for entry in record.timeline if entry.kind == "alert"] == [
        "host/disk:/): escalated, level 3",
        "host/disk:/): resolved, level 3",
    ]
    assert record.outages == (), "a full disk is no downtime"


def test_one_that_joins_the_message_of_others_belongs_to_their_incident(history: Engine) -> None:
    rules = Rulebook(lambda _: POLICY, lambda _: "", depends_on={"module:a": ("database",)})
    root, joined = a_signal(Said.BAD, NOON, "database", level=3), a_signal(Said.BAD, NOON + MINUTE, "module:a")
    assert keep_minute(history, "shop", [root], NOON, rules, REACH).incidents == (1,)
    kept = keep_minute(history, "shop", [joined], NOON + MINUTE, rules, REACH)
    assert (kept.messages, kept.incidents) == (0, (1,))
    assert [e.incident for e in read_episodes(history, "shop", NOON)] == [1, 1]
    assert read_incident(history, "shop", 1).timeline[-1].text == "alert 2 (Disk usage: module:a): joined, level 2"
    again = keep_minute(history, "shop", [joined], NOON + 2 * MINUTE, rules, REACH)
    assert (again.messages, again.incidents) == (0, ())


def test_what_comes_back_within_a_day_is_the_same_incident_reopened(history: Engine) -> None:
    keep(history, [a_signal(Said.BAD, NOON, level=3)])
    keep(history, [a_signal(Said.GOOD, NOON + MINUTE)], NOON + MINUTE)
    with writing(history) as connection:
        resolved = NOON + 2 * MINUTE
        connection.execute(
            text("UPDATE incidents SET state = 'resolved', resolved_at = :at"), {"at": resolved.isoformat(" ")}
        )
    later = NOON + timedelta(hours=5)
    assert keep(history, [a_signal(Said.BAD, later, level=3)], later).incidents == (1,)
    assert read_incident(history, "shop", 1).incident.state == "reopened"


def down(said: Said, minute: float, since: float | None = None) -> Signal:
    """Liveness on every instance, bad since a minute after noon."""
    began = NOON + (minute if since is None else since) * MINUTE if said is Said.BAD else None
    at = NOON + minute * MINUTE
    condition = Condition("monitoring", "health.liveness", "service")
    return replace(a_signal(said, at, level=3), condition=condition, since=began)


def at_minute(history: Engine, minute: float, *signals: Signal, rules: Rulebook = RULES) -> None:
    keep_minute(history, "shop", signals, NOON + minute * MINUTE, rules, REACH)


def outages_of(history: Engine, number: int = 1) -> list[tuple[float, float | None]]:
    """Minutes after noon from which and to which the incident's outages lasted."""
    return [
        (
            (o.started_at - NOON).total_seconds() // 60,
            None if o.ended_at is None else (o.ended_at - NOON).total_seconds() // 60,
        )
        for o in read_incident(history, "shop", number).outages
    ]


def resolve(history: Engine, minute: float) -> None:
    at = NOON + minute * MINUTE
    change_by_all(history, "shop", 1, [Mend("restarted"), Resolve("it answers", at)], "kim", at)


def test_a_second_outage_of_an_incident_that_is_still_open_is_another_of_its_outages(history: Engine) -> None:
    at_minute(history, 3, down(Said.BAD, 3, since=0))
    at_minute(history, 20, down(Said.GOOD, 20))
    assert outages_of(history) == [(0, 4)]
    at_minute(history, 83, down(Said.BAD, 83, since=80))
    assert outages_of(history) == [(0, 4), (80, None)]
    at_minute(history, 129, down(Said.BAD, 129))
    at_minute(history, 131, down(Said.GOOD, 131))
    assert outages_of(history) == [(0, 4), (80, 130)]


def test_an_incident_that_comes_back_is_down_from_the_impact_on(history: Engine) -> None:
    at_minute(history, 3, down(Said.BAD, 3, since=0))
    at_minute(history, 20, down(Said.GOOD, 20))
    resolve(history, 30)
    at_minute(history, 89, down(Said.BAD, 89, since=80))
    found = read_incident(history, "shop", 1)
    [back] = [entry for entry in found.timeline if entry.kind == "reopened"]
    assert (found.incident.state, back.at) == ("reopened", (NOON + 80 * MINUTE).replace(microsecond=0))
    assert outages_of(history) == [(0, 4), (80, None)]
    at_minute(history, 90, down(Said.GOOD, 90))
    resolve(history, 95)
    late = 95 + 25 * 60
    at_minute(history, late, down(Said.BAD, late, since=late - 9))
    assert read_incident(history, "shop", 2).incident.impact_at == NOON + (late - 9) * MINUTE
    assert outages_of(history, 2) == [(late - 9, None)]


def test_case_8_what_was_resolved_by_a_clock_that_is_ahead_comes_back_and_is_told(history: Engine) -> None:
    at_minute(history, 3, down(Said.BAD, 3, since=0))
    at_minute(history, 4, down(Said.GOOD, 4))
    resolve(history, 40)
    before = len(messages(history))
    at_minute(history, 20, down(Said.BAD, 20, since=18))
    assert read_incident(history, "shop", 1).incident.state == "reopened"
    assert len(messages(history)) > before


def test_a_module_that_was_down_before_the_whole_service_stays_down_after_it(history: Engine) -> None:
    rules = Rulebook(lambda _: POLICY, lambda _: "", depends_on={"service": ("module:cart",)})
    at_minute(history, 0, a_signal(Said.BAD, NOON, "module:cart", level=3), rules=rules)
    change_by_all(history, "shop", 1, [Assess("", down=True)], "kim", NOON + MINUTE)
    at_minute(history, 5, down(Said.BAD, 5, since=3), rules=rules)
    assert outages_of(history) == [(0, None), (3, None)]
    at_minute(history, 9, down(Said.GOOD, 9), rules=rules)
    at_minute(history, 10, a_signal(Said.GOOD, NOON + 10 * MINUTE, "module:cart"), rules=rules)
    assert outages_of(history) == [(0, None), (3, 6)], "nobody has said that the module works again"
    resolve(history, 12)
    assert outages_of(history) == [(0, 12), (3, 6)]


def test_the_end_of_liveness_ends_no_outage_while_readiness_says_that_it_is_down(history: Engine) -> None:
    ready = Condition("monitoring", "health.readiness", "service")
    at_minute(history, 3, down(Said.BAD, 3, since=0))
    at_minute(history, 4, replace(down(Said.BAD, 4, since=1), condition=ready))
    change_by_all(history, "shop", 1, [Assess("both", severity=Severity.EMERGENCY)], "kim", NOON + 4 * MINUTE)
    with writing(history) as connection:  # both are its
        connection.execute(update(alert_episodes).values(incident=1))
    at_minute(history, 9, down(Said.GOOD, 9))
    assert outages_of(history) == [(0, None)]
    at_minute(history, 12, replace(down(Said.GOOD, 12), condition=ready))
    assert outages_of(history) == [(0, 5)]


def test_what_was_merged_into_it_may_still_be_down(history: Engine) -> None:
    ready = Condition("monitoring", "health.readiness", "service")
    at_minute(history, 3, down(Said.BAD, 3, since=0))
    at_minute(history, 4, replace(down(Said.BAD, 4, since=1), condition=ready))
    change_by_all(history, "shop", 2, [Merge(1, "the same")], "kim", NOON + 5 * MINUTE)
    at_minute(history, 9, down(Said.GOOD, 9))
    assert outages_of(history) == [(0, None), (1, None)]
    taken = acknowledge_alerts_of(history, "shop", 1, Acknowledged("ken"), NOON + 10 * MINUTE, REACH)
    assert [episode.condition.check for episode in taken.taken] == ["health.readiness"]


def test_an_alert_that_opened_no_outage_is_down_once_liveness_joins_it(history: Engine) -> None:
    rules = Rulebook(lambda _: POLICY, lambda _: "", depends_on={"service": ("database",)})
    at_minute(history, 0, a_signal(Said.BAD, NOON, "database", level=3), rules=rules)
    assert outages_of(history) == []
    at_minute(history, 3, down(Said.BAD, 3, since=1), rules=rules)
    assert (read_incident(history, "shop", 1).incident.down, outages_of(history)) == (True, [(1, None)])


def test_a_full_disk_that_comes_back_is_no_outage_though_the_incident_once_was(history: Engine) -> None:
    at_minute(history, 0, a_signal(Said.BAD, NOON, level=3))
    change_by_all(history, "shop", 1, [Assess("", down=True)], "kim", NOON + MINUTE)
    at_minute(history, 5, a_signal(Said.GOOD, NOON + 5 * MINUTE))
    resolve(history, 6)
    at_minute(history, 60, a_signal(Said.BAD, NOON + 60 * MINUTE, level=3))
    assert read_incident(history, "shop", 1).incident.state == "reopened"
    assert outages_of(history) == [(0, 6)]


def test_what_somebody_found_not_to_be_down_stays_so_while_the_alert_goes_on(history: Engine) -> None:
    at_minute(history, 3, replace(down(Said.BAD, 3, since=0), level=Severity.WARNING))
    at_minute(history, 20, replace(down(Said.BAD, 20, since=0), level=Severity.WARNING))
    assert outages_of(history) == [(0, None)]
    change_by_all(history, "shop", 1, [Assess("the probe was wrong", down=False)], "kim", NOON + 21 * MINUTE)
    taken = acknowledge_alerts_of(history, "shop", 1, Acknowledged("ken"), NOON + 22 * MINUTE, REACH)
    assert taken.taken
    at_minute(history, 60, down(Said.BAD, 60, since=0))  # the acknowledgement has expired
    assert "acknowledgement-expired" in read_incident(history, "shop", 1).timeline[-1].text
    assert outages_of(history) == []


def test_old_alerts_are_removed_with_what_was_told_of_them_and_those_of_incidents_stay(history: Engine) -> None:
    for number, level in enumerate((2, 3)):
        keep(history, [a_signal(Said.BAD, NOON, f"host/disk:/{number}", level)])
        keep(history, [a_signal(Said.GOOD, NOON + MINUTE, f"host/disk:/{number}")], NOON + MINUTE)
    keep(history, [a_signal(Said.BAD, NOON, "host/disk:/open")])
    assert sum(remove_alerts(history, "shop", NOON)) == 0
    assert sum(remove_alerts(history, "shop", NOON + timedelta(days=400))) == 1
    assert [(e.condition.subject, e.incident) for e in read_episodes(history, "shop", NOON)] == [
        ("host/disk:/open", None),
        ("host/disk:/1", 1),
    ]
    assert read_notice(history, "shop", 1) is None


def test_an_alert_that_reaches_nobody_is_said_to(history: Engine) -> None:
    kept = keep_minute(history, "shop", [a_signal(Said.BAD, NOON)], NOON, RULES, Reach(lambda _: ()))
    assert [(m.params["number"], m.params["level"]) for m in kept.unreached] == [("1", 2)]


def test_an_alert_that_is_only_written_to_files_is_named_too(history: Engine) -> None:
    written = Reach(REACH.addresses, is_sent=lambda _: False)
    kept = keep_minute(history, "shop", [a_signal(Said.BAD, NOON)], NOON, RULES, written)
    assert kept.messages and [m.params["number"] for m in kept.unreached] == ["1"]
