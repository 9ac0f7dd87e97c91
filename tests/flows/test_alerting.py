"""From samples to people: alerts of a service, told by a real mail server."""

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from tasks.activities.facts import Kind
from tasks.activities.store.activities import own_activity
from tasks.alerts import watch
from tasks.alerts.facts import Condition, Phase, Policy, Said, Signal
from tasks.alerts.judge.minute import Rulebook
from tasks.alerts.look.burn import SOURCE as SLO
from tasks.alerts.store.minute import Reach, keep_minute
from tasks.alerts.watch import AlertWatch
from tasks.check_result import Severity, in_english, msg
from tasks.observation import ObservationError, Unobserved
from tasks.records.facts import Maintenance
from tasks.records.store.records import store_records
from tasks.silences.facts import Silence
from tasks.silences.store.silences import add_silence
from tests.alerting import DOWN, UP, Alerting, Samples
from tests.operated import Answer, Operate, Operated, PostOffice, Site

Play = Callable[..., Alerting]
RULES = Rulebook(lambda _: Policy(None, None, timedelta(minutes=30)), lambda _: "")
TEAM = """
[alerts]
%s
[[oncall.person]]
name = "yui"
mail = "yui@shop.example"
locale = "ja"
[[oncall.person]]
name = "ken"
mail = "ken@shop.example"
locale = "en"
timezone = "America/New_York"
[[oncall.shift]]
people = ["ken"]
"""


@pytest.fixture
def play(operate: Operate, post: PostOffice) -> Play:
    def write(alerts: str = "", team: str = TEAM, more: str = "") -> Alerting:
        operated = operate(mail=f'smtp = "{post.url}"\n', more=f"{team % alerts}\n{more}")
        return Alerting(operated.settings, operated.history)

    return write


def told(post: PostOffice) -> list[tuple[str, str]]:
    """Who got which subject, in order."""
    return [(to, str(mail["Subject"])) for to, mail in post.kept]


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_a_service_that_is_not_ready_wakes_the_team_once_and_its_end_is_told(play: Play, post: PostOffice) -> None:
    alerting = play()
    for minute in range(3):
        alerting.plays(minute)
    for minute in range(3, 8):
        alerting.plays(minute, DOWN)
    for minute in range(8, 12):
        alerting.plays(minute)
    assert told(post) == [
        ("yui@shop.example", "[緊急] shop: Readiness（受付可能） – service"),
        ("ken@shop.example", "[Emergency] shop: Readiness – service"),
        ("yui@shop.example", "[解決] shop: Readiness（受付可能） – service"),
        ("ken@shop.example", "[Resolved] shop: Readiness – service"),
    ]
    [episode] = alerting.episodes()
    print(text_of(post.kept[1][1]))
    print(text_of(post.kept[0][1]))
    assert alerting.warned == []
    assert episode.since == alerting.at(3).replace(second=0)


def test_case_14_maintenance_that_ends_while_it_fails_pages_then(play: Play, post: PostOffice) -> None:
    alerting = play()
    window = Maintenance(alerting.at(-60), alerting.at(20), None, "new disks", alerting.at(-90), "ken")
    store_records(alerting.history, "shop", [window], "ken", alerting.at(-90))
    for minute in range(20):
        alerting.plays(minute, DOWN)
    assert told(post) == []
    [episode] = alerting.episodes()
    assert (episode.phase, episode.suppressed) == (Phase.FIRING, "maintenance: new disks (ken)")
    alerting.plays(20, DOWN)
    assert [to for to, _ in told(post)] == ["yui@shop.example", "ken@shop.example"]


def test_a_silence_keeps_an_alert_from_people_until_it_ends(play: Play, post: PostOffice) -> None:
    alerting = play()
    silence = Silence(0, "health.*", "*", alerting.at(-1), alerting.at(10), "known", "yui")
    add_silence(alerting.history, "shop", silence, alerting.at(-1))
    for minute in range(10):
        alerting.plays(minute, DOWN)
    assert told(post) == []
    alerting.plays(10, DOWN)
    assert len(told(post)) == 2


def test_a_load_test_and_a_drill_of_our_own_wake_nobody_for_what_they_cause(play: Play, post: PostOffice) -> None:
    alerting = play(more="[resources]\n")
    busy: Samples = {**UP, "memory.used": {"host": 99.0}, "probe.ready.latency": {"service": 40_000.0}}

    async def drilled() -> None:
        async with own_activity(
            alerting.history,
            "shop",
            Kind.RESTORE_DRILL,
            on_service=False,
            until=alerting.at(60),
            now=lambda: alerting.at(-1),
        ):
            for minute in range(12):
                await asyncio.to_thread(alerting.plays, minute, busy)

    asyncio.run(drilled())
    assert {mail.partition("–")[0] for _, mail in told(post)} == {"[Warning] shop: Response time compliance "}
    assert {e.condition.check: e.suppressed for e in alerting.episodes() if e.suppressed} == {
        "resources.memory": f"own restore-drill since {alerting.at(-1):%H:%MZ}"
    }


@pytest.mark.parametrize("team", ["", '[[oncall.person]]\nname = "yui"\nmail = "yui@shop.example"\n'])
def test_case_15_an_empty_rota_tells_the_whole_team_and_raises_a_configuration_alarm(
    play: Play, post: PostOffice, team: str
) -> None:
    alerting = play(team=f"[alerts]\n%s\n{team}")
    whole = {"yui@shop.example"} if team else {"oncall@shop.example", "lead@shop.example"}
    alerting.plays(0)
    assert {(to, "alerts" in text_of(mail)) for to, mail in post.kept} == {(to, True) for to in whole}
    [alarm] = alerting.episodes()
    assert (alarm.condition.check, alarm.condition.subject) == ("alerts.configuration", "oncall")
    post.kept.clear()
    slow: Samples = {**UP, "probe.ready.latency": {"service": 40_000.0}}
    for minute in range(1, 10):
        alerting.plays(minute, slow)
    assert {to for to, _ in told(post)} == whole, "level 2"


def test_a_channel_whose_secret_is_missing_raises_a_configuration_alarm(
    play: Play, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = '[[alerts.channel]]\nname = "chat"\nurl = { env = "SHOP_CHAT_URL" }\n'
    alerting = play(channel)
    alerting.plays(0)
    assert [(e.condition.subject, e.level) for e in alerting.episodes()] == [("alerts.channel.0.url", 2)]
    assert "SHOP_CHAT_URL" in text_of(post.kept[0][1])
    monkeypatch.setenv("SHOP_CHAT_URL", "json://127.0.0.1:9/hidden-token")
    alerting.plays(1)
    assert [e.phase for e in alerting.episodes()] == [Phase.RESOLVED]


def test_a_figure_that_stops_raises_one_alert_and_never_ends_another(play: Play, post: PostOffice) -> None:
    alerting = play(more="[resources]\n")
    both: Samples = {**UP, "memory.used": {"host": 50.0}, "disk.used": {"host/disk:/": 95.0, "host/disk:/var": 50.0}}
    for minute in range(4):
        alerting.plays(minute, both)
    before = len(post.kept)
    assert {e.condition.subject for e in alerting.episodes()} == {"host/disk:/"}
    for minute in range(4, 12):
        alerting.plays(minute)
    silent = [e for e in alerting.episodes() if e.no_data]
    assert {e.condition.subject for e in silent} == {"host", "host/disk:/", "host/disk:/var"}
    assert all(e.phase is Phase.FIRING for e in silent)
    [first, *_] = told(post)[before:]
    assert len(told(post)) - before == 1, told(post)
    assert first[0] == "ken@shop.example"


@pytest.mark.usefixtures("prefect")
def test_what_a_checklist_found_is_one_message_a_level_and_is_told_once(
    play: Play, post: PostOffice, site: Site
) -> None:
    alerting = play("escalate_after_min = 1")
    site.answers["/items"] = Answer(500)
    Operated(alerting.settings, alerting.history).run_daily()
    alerting.sends()
    post.kept.clear()
    now = (datetime.now(UTC) - alerting.begin) / timedelta(minutes=1)
    for minute in range(3):
        alerting.plays(now + minute)
    found = {e.condition.check for e in alerting.episodes()}
    assert found == {"health.errors"}
    assert told(post) == [
        ("yui@shop.example", "[緊急] shop: リクエストのエラー率 – service /items"),
        ("ken@shop.example", "[Emergency] shop: Request error rate – service /items"),
    ]
    assert alerting.episodes()[0].incident is None
    for minute, answer, phase in ((4, Answer(404), Phase.FIRING), (5, Answer(), Phase.RESOLVED)):
        site.answers["/items"] = answer  # not found: whether it fails is unknown
        Operated(alerting.settings, alerting.history).run_daily()
        alerting.plays(now + minute)
        assert [e.phase for e in alerting.episodes()] == [phase]


PROMETHEUS = """
[metrics]
prometheus_url = "%s"
[[slo.objective]]
name = "availability"
kind = "availability"
source = "prometheus"
target = 0.99
"""


def test_a_look_that_is_blind_stops_no_other_ends_nothing_and_is_said_to_be_blind(
    play: Play, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "token-0123456789")
    more = f'{PROMETHEUS % "http://127.0.0.1:9"}[metrics.headers]\nAuthorization = {{ env = "METRICS_TOKEN" }}\n'
    alerting = play("prometheus = true\nno_data_min = 3", more=more)
    burning = [
        a_signal(SLO, "slo.burn-rate", "objective:availability"),
        a_signal("prometheus", "prometheus.alert", "x"),
    ]
    keep_minute(alerting.history, "shop", burning, alerting.at(-1), RULES, Reach(lambda _: ()))
    monkeypatch.delenv("METRICS_TOKEN")
    for minute in range(5):
        watched = alerting.plays(minute, DOWN)
        alerting.watch = AlertWatch(blind=alerting.watch.blind)  # each quarter of an hour begins without a memory
        assert any("METRICS_TOKEN" in str(reason.params) for reason in watched.missing)
    found = {(e.condition.source, e.condition.subject): e.phase for e in alerting.episodes()}
    assert found == {
        ("slo", "objective:availability"): Phase.FIRING,
        ("prometheus", "x"): Phase.FIRING,
        ("monitoring", "service"): Phase.FIRING,
        ("configuration", "slo"): Phase.FIRING,
        ("configuration", "prometheus"): Phase.FIRING,
    }
    monkeypatch.setenv("METRICS_TOKEN", "token-0123456789")  # and nobody listens there
    alerting.plays(5, DOWN)
    assert {
        e.condition.subject: e.phase for e in alerting.episodes() if e.condition.source in ("slo", "configuration")
    } == {
        "objective:availability": Phase.FIRING,
        "slo": Phase.FIRING,
        "prometheus": Phase.FIRING,
    }


def test_a_look_that_takes_longer_is_taken_when_it_ends() -> None:
    asked, ends = [], asyncio.Event()

    async def slow() -> tuple[Signal, ...]:
        asked.append(1)
        await ends.wait()
        return (a_signal(SLO, "slo.burn-rate", "x"),)

    async def minutes() -> list[object]:
        watching = AlertWatch()
        seen: list[object] = [await watching._looked(SLO, slow, 0.01) for _ in range(2)]
        ends.set()
        return [*seen, await watching._looked(SLO, slow, 30.0)]

    async def failing() -> tuple[Signal, ...]:
        await asyncio.sleep(0.02)
        raise ObservationError(msg("too late"))

    async def healthy() -> tuple[Signal, ...]:
        return ()

    async def after_a_late_failure() -> object:
        watching = AlertWatch()
        await watching._looked(SLO, failing, 0.01)
        await asyncio.sleep(0.1)
        return await watching._looked(SLO, healthy, 30.0)

    assert asyncio.run(after_a_late_failure()) == (), "it is asked anew"
    *late, found = asyncio.run(minutes())
    assert all(isinstance(seen, Unobserved) for seen in late)
    assert (found, len(asked)) == ((a_signal(SLO, "slo.burn-rate", "x"),), 1)


def test_a_prometheus_that_hangs_stops_no_other_alert(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_LONGEST_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        alerting = play("prometheus = true", more=PROMETHEUS % url)
        for minute in range(4):
            watched = alerting.plays(minute, DOWN)
    assert [in_english(reason) for reason in watched.missing] == ["No response within 0.5 s"] * 2
    assert [e.condition.source for e in alerting.episodes()] == ["monitoring"]


def a_signal(source: str, check: str, subject: str) -> Signal:
    return Signal(
        condition=Condition(source, check, subject),
        said=Said.BAD,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        title=msg("Burn rate"),
        reason=msg("Burn rate"),
        level=Severity.WARNING,
    )
