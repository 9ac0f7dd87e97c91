"""What is done about an alert: once, within its limits, with its effect verified by newer samples."""

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from deployments.cli.app import app
from flows.alerts import ActionOptions, take_alert_action
from tasks.alerts.act import ActionRefused, act_by_hand, take_action
from tasks.alerts.facts import Phase
from tasks.history.engine import reading
from tasks.incidents.store.read import read_incident
from tests.alerting import DOWN, UP, Alerting
from tests.operated import Operate, PostOffice

ACTION = """
[alerts]
[[alerts.rule]]
check = "health.readiness"
sample = "probe.ready"
subject = "service"
worse = "under"
emergency = 0
bad_minutes = 2
of_minutes = 3
good_minutes = 1
action = "restart"
[[alerts.action]]
name = "restart"
%s
"""
Act = Callable[[str], Alerting]


@pytest.fixture
def act(operate: Operate, post: PostOffice) -> Act:
    def write(action: str) -> Alerting:
        operated = operate(mail=f'smtp = "{post.url}"\n', more=ACTION % action)
        return Alerting(operated.settings, operated.history)

    return write


def command(script: str, **more: object) -> str:
    lines = [f"command = ['{sys.executable}', '-c', '''{script}''']", "dry_run = false", "verify_min = 2"]
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in more.items())])


def plays(alerting: Alerting, minutes: range, samples: dict[str, dict[str, float]]) -> list[str]:
    """Minutes, with the actions that they claim taken at once."""

    taken = []
    for minute in minutes:
        for claimed in alerting.plays(minute, samples).kept.claimed:
            taken.append(asyncio.run(take_action(alerting.settings, alerting.history, claimed)))
            with alerting.history.begin() as connection:  # it ended when the minute did, not hours later
                connection.execute(
                    text("UPDATE alert_actions SET ended_at = :at WHERE id = :id"),
                    {"at": f"{alerting.at(minute + 0.2):%Y-%m-%d %H:%M:%S.%f}", "id": claimed.id},
                )
    return taken


def actions(alerting: Alerting) -> list[tuple[str, str]]:
    with reading(alerting.history) as connection:
        return [(r.state, r.effect) for r in connection.execute(text("SELECT * FROM alert_actions ORDER BY id"))]


def test_a_command_is_run_once_its_output_kept_and_its_effect_verified(act: Act, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    alerting = act(command(f'open("{ran}", "a").write("once "); print("restarted")'))
    taken = plays(alerting, range(2), DOWN)
    assert (taken, ran.read_text()) == (["action restart: done: exit status 0; restarted"], "once ")
    assert actions(alerting) == [("done", "awaited")]
    plays(alerting, range(2, 3), UP)  # the alert ends, and so its message says that the action helped
    assert actions(alerting) == [("done", "effective")]
    lines = [entry.text for entry in read_incident(alerting.history, "shop", 1).timeline if entry.kind == "action-run"]
    assert lines == ["action restart: done: exit status 0; restarted", "action restart: effective"]


def test_one_without_effect_escalates_though_somebody_takes_care(act: Act) -> None:
    alerting = act(command("pass"))
    plays(alerting, range(5), DOWN)
    assert actions(alerting) == [("done", "ineffective")]
    [episode] = [e for e in alerting.episodes() if e.condition.check == "health.readiness"]
    assert (episode.level, episode.phase) == (3, Phase.FIRING)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(act: Act, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    alerting = act(f"command = ['touch', '{ran}']")
    assert plays(alerting, range(4), DOWN) == []
    assert (ran.exists(), actions(alerting)) == (False, [("dry-run", "none")])
    [line] = [e.text for e in read_incident(alerting.history, "shop", 1).timeline if e.kind == "action-run"]
    assert line == f"action restart: dry-run: touch {ran}"


def test_a_cool_down_and_a_daily_limit_hold_it_back(act: Act) -> None:
    alerting = act(command("pass", cooldown_min=8, per_day=2))
    for begin in (0, 6, 14, 30):
        plays(alerting, range(begin, begin + 3), DOWN)
        plays(alerting, range(begin + 3, begin + 5), UP)
    assert [state for state, _ in actions(alerting)] == ["done", "held-back", "done", "held-back"]


def test_what_fails_hangs_or_is_not_there_is_said(act: Act) -> None:
    for action, said in (
        (command("raise SystemExit(3)"), "failed: exit status 3"),
        (command("import time; time.sleep(60)", timeout_s=0.5), "failed: ended after 0.5 s"),
        ("command = ['./nowhere']\ndry_run = false", "failed: ./nowhere cannot be run: there is no such program"),
        ('url = "http://127.0.0.1:9/restart"\ndry_run = false', "failed: ConnectError"),
    ):
        alerting = act(action)
        [taken] = plays(alerting, range(3), DOWN)
        assert said in taken
        with alerting.history.begin() as connection:
            for table in ("alert_actions", "alert_notice_episodes", "alert_notices", "alert_episodes"):
                connection.execute(text(f"DELETE FROM {table}"))


def test_one_whose_process_was_killed_is_lost_and_not_repeated(act: Act) -> None:
    alerting = act(command("pass", timeout_s=60))
    for minute in range(7):
        alerting.plays(minute, DOWN)  # claimed, and taken by nobody
    assert actions(alerting) == [("lost", "none")]
    lines = [e.text for e in read_incident(alerting.history, "shop", 1).timeline if e.kind == "action-run"]
    assert lines == ["action restart: lost: its process ended before it was done; it is not repeated"]


def test_a_secret_in_the_output_of_a_command_is_taken_out(act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTART_TOKEN", "tok-123456789-hidden")
    alerting = act(command('import os; print(os.environ["RESTART_TOKEN"])', environment="['RESTART_TOKEN']"))
    [taken] = plays(alerting, range(3), DOWN)
    assert "hidden" not in taken and "exit status 0" in taken


def test_somebody_takes_an_action_by_hand_within_its_limits(act: Act, prefect: object) -> None:
    alerting = act(command('print("restarted")', cooldown_min=9000))
    plays(alerting, range(2), DOWN)
    form: Any = take_alert_action
    state = asyncio.run(form("shop", ActionOptions(alert=1, action="restart", by="yui"), return_state=True))
    assert (state.is_failed(), state.name) == (True, "HeldBack")
    assert state.message == "action restart: held-back: less than 9000 min since the last time"
    with alerting.history.begin() as connection:
        connection.execute(text("DELETE FROM alert_actions"))
    state = asyncio.run(form("shop", ActionOptions(alert=1, action="restart", by="yui"), return_state=True))
    assert (state.is_completed(), state.name) == (True, "Taken")
    assert state.message == "action restart: done: exit status 0; restarted"
    assert actions(alerting) == [("done", "awaited")]
    for alert, action, said in (
        (1, "reboot", "no action 'reboot' in [[alerts.action]]; known: restart"),
        (99, "restart", "shop has no alert 99. `rounds alerts list` shows them"),
    ):
        with pytest.raises(ActionRefused, match=re.escape(said)):
            asyncio.run(act_by_hand(alerting.settings, alerting.history, alert, action, "yui"))


@pytest.mark.parametrize(
    ("action", "name", "status"),
    [
        (command("pass"), "Taken", 0),
        ("command = ['true']", "DryRun", 0),
        (command("raise SystemExit(3)"), "ActionFailed", 3),
        (command("pass", cooldown_min=9000), "HeldBack", 3),
    ],
)
def test_an_action_by_hand_ends_as_it_went(act: Act, prefect: object, action: str, name: str, status: int) -> None:
    alerting, form = act(action), cast(Any, take_alert_action)
    plays(alerting, range(2), DOWN)

    def forget() -> None:
        """Nothing holds the next one back."""
        if name != "HeldBack":
            with alerting.history.begin() as connection:
                connection.execute(text("DELETE FROM alert_actions"))

    forget()
    state = asyncio.run(form("shop", ActionOptions(alert=1, action="restart", by="yui"), return_state=True))
    assert (state.is_failed(), state.name) == (status == 3, name)
    forget()
    arguments = ["alerts", "act", "1", "restart", "--by", "yui", "--service", str(alerting.settings.path)]
    assert CliRunner().invoke(app, arguments).exit_code == status
