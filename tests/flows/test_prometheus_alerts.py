"""Alerts of a Prometheus's own rules as episodes, from a server that answers as a test says, and from a real one."""

import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from tasks.alerts.facts import Episode, Phase
from tasks.processes import Child, free_port
from tasks.settings import load_settings
from tests.alerting import Alerting
from tests.operated import Answer, Operate, PostOffice, Site

PATH = "/api/v1/alerts"
TEAM = """
[metrics]
prometheus_url = "%s"
[[slo.objective]]
name = "uptime"
kind = "uptime"
target = 0.999
alerts = false
[[oncall.person]]
name = "yui"
mail = "yui@shop.example"
[[oncall.shift]]
people = ["yui"]
[alerts]
prometheus = true
"""
Play = Callable[..., Alerting]


@pytest.fixture
def play(operate: Operate, post: PostOffice, site: Site) -> Play:
    def write(url: str = site.url, more: str = "") -> Alerting:
        operated = operate(mail=f'smtp = "{post.url}"\n', locales='["en"]', more=f"{TEAM % url}{more}")
        return Alerting(operated.settings, operated.history)

    return write


def an_alert(alerting: Alerting, state: str = "firing", summary: str = "", **labels: str) -> dict[str, object]:
    named = {"alertname": "DiskFull", "instance": "db-1:9100", "severity": "critical", **labels}
    return {
        "labels": named,
        "annotations": {"summary": summary} if summary else {},
        "state": state,
        "activeAt": f"{alerting.at(-3):%Y-%m-%dT%H:%M:%S}.123456789Z",
        "value": "1e+00",
    }


def answers(site: Site, *alerts: dict[str, object]) -> None:
    site.answers[PATH] = Answer(body={"status": "success", "data": {"alerts": list(alerts)}})


def subjects(post: PostOffice) -> list[str]:
    return [str(mail["Subject"]) for _, mail in post.kept]


def prometheus_episodes(alerting: Alerting) -> list[Episode]:
    return [e for e in alerting.episodes() if e.condition.source == "prometheus"]


def test_an_alert_of_prometheus_is_an_episode_until_its_rule_no_longer_fires(
    play: Play, post: PostOffice, site: Site
) -> None:
    alerting = play()
    answers(site, an_alert(alerting, "pending", device="sda"))
    alerting.plays(0)
    assert (post.kept, [e.phase for e in prometheus_episodes(alerting)]) == ([], [Phase.PENDING])
    answers(site, an_alert(alerting, summary="db-1 has 2 % left", device="sda"), an_alert(alerting, device="sdb"))
    alerting.plays(1)
    sda, sdb = prometheus_episodes(alerting)
    assert sda.condition.labels == (("device", "sda"), ("instance", "db-1:9100"))
    assert (sda.condition.subject, int(sda.level), sda.reason.params["text"]) == (
        "DiskFull db-1:9100",
        3,
        "db-1 has 2 % left",
    )
    assert sda.since == alerting.at(-3) and sda.condition != sdb.condition
    assert subjects(post) == ["[Emergency] shop: DiskFull – DiskFull db-1:9100 and 1 more"]
    answers(site)
    for minute in (2, 3):
        alerting.plays(minute)
        assert {e.phase for e in prometheus_episodes(alerting)} == {Phase.RECOVERING}, "it may just have started"
    alerting.plays(4)
    assert {e.phase for e in prometheus_episodes(alerting)} == {Phase.RESOLVED}
    assert len(post.kept) == 2 and subjects(post)[1].startswith("[Resolved] shop: DiskFull")


def test_alerts_of_a_prometheus_that_is_not_asked_any_more_end_by_nothing_good(play: Play, site: Site) -> None:
    alerting = play()
    answers(site, an_alert(alerting))
    alerting.plays(0, sends=False)
    path = alerting.settings.path
    path.write_text(path.read_text().replace("prometheus = true", "prometheus = false"))
    alerting.settings = load_settings(path)
    alerting.plays(1, sends=False)
    assert [(e.phase, e.no_data) for e in prometheus_episodes(alerting)] == [(Phase.RESOLVED, True)]


@pytest.mark.parametrize(("severity", "level"), [("critical", 3), ("warning", 2), ("info", 1), ("odd", 2), ("", 2)])
def test_the_label_severity_says_the_level(play: Play, site: Site, severity: str, level: int) -> None:
    alerting = play()
    answers(site, an_alert(alerting, severity=severity))
    alerting.plays(0, sends=False)
    assert [int(e.level) for e in prometheus_episodes(alerting)] == [level]


def test_levels_of_the_service_file_take_their_place(play: Play, site: Site) -> None:
    alerting = play(more='prometheus_levels = { critical = "information" }\n')
    answers(site, an_alert(alerting))
    alerting.plays(0, sends=False)
    assert [int(e.level) for e in prometheus_episodes(alerting)] == [1]


GONE_WRONG = {
    "500": Answer(500, {"status": "error", "errorType": "internal", "error": "storage"}),
    "another page": Answer(body=["hello"]),
    "no list": Answer(body={"status": "success", "data": {"alerts": {}}}),
    "no activeAt": Answer(
        body={"status": "success", "data": {"alerts": [{"labels": {"alertname": "x"}, "state": "firing"}]}}
    ),
    "too many": Answer(
        body={
            "status": "success",
            "data": {
                "alerts": [
                    {"labels": {"n": str(n)}, "state": "firing", "activeAt": "2026-01-01T00:00:00Z"}
                    for n in range(2_001)
                ]
            },
        }
    ),
}


@pytest.mark.parametrize("wrong", GONE_WRONG)
def test_while_prometheus_does_not_answer_nothing_ends_and_the_minute_says_so(
    play: Play, site: Site, wrong: str
) -> None:
    alerting = play()
    answers(site, an_alert(alerting))
    alerting.plays(0, sends=False)
    site.answers[PATH] = GONE_WRONG[wrong]
    watched = alerting.plays(1, sends=False)
    assert (len(watched.missing) == 1 and "Prometheus" in str(watched.missing)) or "query" in str(watched.missing)
    assert [e.phase for e in prometheus_episodes(alerting)] == [Phase.FIRING]


HOSTILE = {
    "control": "a\x1b[2J\x07\r\nBcc: x@evil.example\x00b",
    "markup": "<script>alert(1)</script><img src=x onerror=1>[red]bold[/red]",
    "rtl": "abc\u202egnp.exe\u2066",
    "long": "x" * 10_000,
    "token": "ghp_" + "a1B2" * 9,
}


def test_hostile_labels_do_nothing_in_messages_and_lists(play: Play, post: PostOffice, site: Site) -> None:
    alerting = play()
    everything = "".join(value for name, value in HOSTILE.items() if name != "long")
    answers(
        site,
        *(an_alert(alerting, summary=value, alertname=f"A{name}", instance=value) for name, value in HOSTILE.items()),
        an_alert(alerting, alertname=everything, summary=everything, **{"job\x1b[1m": everything}),
    )
    alerting.plays(0)
    assert len(prometheus_episodes(alerting)) == len(post.kept) == 6
    for _, mail in post.kept:
        assert mail["Bcc"] is None
        text, html = (part.get_content() for part in mail.iter_parts())  # type: ignore[attr-defined]
        for shown in (str(mail["Subject"]), text, html):
            assert HOSTILE["token"] not in shown
            assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", shown.replace("\r\n", "\n"))
            assert len(shown) < 60_000 and "x" * 1000 not in shown
        assert "<script" not in html and "<img src=x" not in html
    listed = CliRunner(env={"COLUMNS": "2000"}).invoke(
        app, ["alerts", "list", "--service", str(alerting.settings.path)]
    )
    assert listed.exit_code == 0
    assert HOSTILE["token"] not in listed.output and "[red]bold[/red]" in listed.output
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", listed.output)


@pytest.mark.deep
def test_thousands_at_once_are_one_message_for_each_rule(play: Play, post: PostOffice, site: Site) -> None:
    alerting = play()
    answers(site, *(an_alert(alerting, alertname=f"Rule{n % 2}", instance=f"node-{n}") for n in range(2000)))
    alerting.watches(0)
    assert sorted(re.sub(r"node-\d+", "NODE", subject) for subject in subjects(post)) == [
        f"[Emergency] shop: Rule{n} – Rule{n} NODE and 999 more" for n in range(2)
    ]
    answers(site)
    for minute in (1, 2, 3):
        alerting.watches(minute)
    assert len(post.kept) == 4 and {e.phase for e in prometheus_episodes(alerting)} == {Phase.RESOLVED}


RULES = """
groups:
  - name: shop
    interval: 1s
    rules:
      - alert: DiskFull
        expr: %s
        labels: { severity: page, team: storage }
        annotations: { summary: "{{ $labels.instance }} is nearly full" }
"""


@pytest.mark.prometheus
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs an installed Prometheus")
def test_the_alerts_of_a_real_prometheus_come_and_go(play: Play, post: PostOffice, tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    port = free_port()
    url, rules = f"http://127.0.0.1:{port}", folder / "rules.yml"
    rules.write_text(RULES % 'label_replace(vector(1), "instance", "db-1", "", "")')
    (folder / "prometheus.yml").write_text('{"global": {"evaluation_interval": "1s"}, "rule_files": ["rules.yml"]}')
    argv = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    argv += [f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle"]

    def waits(firing: int) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError, KeyError, ValueError):
                if len(httpx.get(url + PATH, timeout=5, trust_env=False).json()["data"]["alerts"]) == firing:
                    return
            time.sleep(0.1)
        raise AssertionError(f"not {firing} alerts within a minute")

    alerting = play(url, more='prometheus_levels = { page = "emergency" }\n')
    with Child(argv, log=folder / "server.log"):
        waits(1)
        alerting.plays(0)
        [episode] = prometheus_episodes(alerting)
        assert episode.condition.labels == (("instance", "db-1"), ("team", "storage"))
        assert (episode.condition.subject, int(episode.level)) == ("DiskFull db-1", 3)
        assert episode.reason.params["text"] == "db-1 is nearly full"
        assert subjects(post) == ["[Emergency] shop: DiskFull – DiskFull db-1"]
        rules.write_text(RULES % "vector(1) > 2")
        httpx.post(f"{url}/-/reload", timeout=10, trust_env=False)
        waits(0)
        for minute in (1, 2, 3):
            alerting.plays(minute)
        assert [e.phase for e in prometheus_episodes(alerting)] == [Phase.RESOLVED]
        rules.write_text(RULES % 'label_replace(vector(1), "instance", "db-2", "", "")')
        httpx.post(f"{url}/-/reload", timeout=10, trust_env=False)
        waits(1)
        alerting.plays(4)
    watched = alerting.plays(5)
    assert [str(reason.text) for reason in watched.missing] != []
    assert [e.phase for e in prometheus_episodes(alerting)] == [Phase.RESOLVED, Phase.FIRING]
