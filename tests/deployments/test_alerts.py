"""`rounds alerts test`, the same as a form, and what `rounds config check` says of levels and channels."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, ValidationError
from typer.testing import CliRunner

from deployments.cli.app import app
from flows.alert_test import AlertTestOptions, alert_test
from flows.alerts import AcknowledgementOptions, ActionOptions
from flows.incident_forms import Acknowledgement, Dismissal, DoneAction
from flows.silences import EndOptions
from tests.fixtures.chat import Reply

if TYPE_CHECKING:
    from tests.fixtures.chat import Chat
    from tests.operated import Operate, Operated, PostOffice

LEVELS = '\n[alerts.levels]\nemergency = ["slack", "team"]\n'
TOKEN = "3ccdd113474722377935511fc85d3dd4"


@pytest.fixture
def shop(operate: "Operate", chat: "Chat", post: "PostOffice") -> "Operated":
    """Level 1 goes to a chat, level 2 to who is on call, level 3 to the chat and the team."""
    channel = f'[[alerts.channel]]\nname = "slack"\nurl = "{chat.url(TOKEN)}"\nlocale = "ja"\n'
    people = (
        f'[oncall]\nperson = [{{ name = "kim", mail = "kim@shop.example", url = "{chat.url("kims")}" }},'
        ' { name = "sato", mail = "sato@shop.example", timezone = "Europe/Paris" }]\n'
        '[[oncall.shift]]\npeople = ["kim", "sato"]\n'
    )
    return operate(
        mail=f'smtp = "{post.url}"\n',
        recipients='[{ address = "ops@shop.example" }]',
        more=LEVELS + channel + people,
    )


def rounds(*arguments: str) -> tuple[int, str]:
    """A command's exit status and all that it printed."""
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def alerts_test(shop: "Operated", level: str) -> tuple[int, str]:
    return rounds("alerts", "test", level, "--by", "kim", "--service", str(shop.settings.path))


def test_each_recipient_of_a_level_gets_a_test_that_says_so(shop: "Operated", chat: "Chat", post: "PostOffice") -> None:
    assert alerts_test(shop, "3") == (
        0,
        "apprise slack: sent: accepted by Mattermost (HTTP 200)\n"
        "apprise oncall:kim: sent: accepted by Mattermost (HTTP 200)\n"
        "mail sato@shop.example: sent: 250 2.0.0 kept\n",
    )
    [slack], [kim] = chat.texts(TOKEN), chat.texts("kims")
    assert "[テスト] shop: アラートレベル 3 のテスト（異常なし）" in slack and "レベル: 3 緊急" in slack
    assert "[TEST] shop: test of alert level 3, nothing is wrong" in kim
    [(to, mail)] = post.kept
    assert (to, mail["Subject"]) == ("sato@shop.example", "[TEST] shop: test of alert level 3, nothing is wrong")
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]  # type: ignore[attr-defined]
    text = str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    assert "nothing has to be done" in text and "Europe/Paris" in text and "Recipient: sato@shop.example" in text


def test_a_test_is_a_new_one_each_time(shop: "Operated", chat: "Chat") -> None:
    assert alerts_test(shop, "1")[0] == alerts_test(shop, "1")[0] == 0
    assert len(chat.texts(TOKEN)) == 2


def test_what_is_not_delivered_is_named_with_what_went_instead_and_fails(
    shop: "Operated", chat: "Chat", post: "PostOffice"
) -> None:
    chat.replies[TOKEN] = [Reply(404, body="no such hook")]
    assert alerts_test(shop, "1") == (
        3,
        "apprise slack: failed: Mattermost answered HTTP 404: no such hook; correct alerts.channel.0.url\n"
        "mail ops@shop.example in place of slack: sent: 250 2.0.0 kept\n",
    )
    chat.replies["kims"] = [Reply(500, body="")]
    assert alerts_test(shop, "2") == (3, "apprise oncall:kim: waiting: Mattermost answered HTTP 500\n")
    assert [to for to, _ in post.kept] == ["ops@shop.example"]


def test_a_level_that_reaches_nobody_and_a_level_that_is_none_are_refused(operate: "Operate") -> None:
    alone = operate(recipients="[]")
    status, output = alerts_test(alone, "2")
    assert status == 2 and "nobody is" in output
    assert alerts_test(alone, "4")[0] == 2


def test_mail_that_is_only_written_to_a_file_is_not_called_sent(operate: "Operate") -> None:
    shop = operate(recipients='[{ address = "ops@shop.example" }]')
    status, output = alerts_test(shop, "2")
    assert status == 3
    assert output.startswith("mail ops@shop.example: written to /") and ".eml, not sent: set [mail] smtp" in output


@pytest.mark.parametrize("minutes", ["nan", "inf", "1e300", "0.0001", "0.99", "10080.1", "-5"])
def test_an_acknowledgement_holds_for_a_minute_to_a_week(shop: "Operated", minutes: str) -> None:
    status, output = rounds("alerts", "ack", "1", f"--minutes={minutes}", "--service", str(shop.settings.path))
    refused = f"an acknowledgement holds for 1 minute to 7 days, not {float(minutes):g} min\n"
    assert (status, output) == (2, refused)
    for least_or_most in ("1", "10080"):
        assert (
            "has no alert 1"
            in rounds("alerts", "ack", "1", "--minutes", least_or_most, "--service", str(shop.settings.path))[1]
        )


@pytest.mark.parametrize(
    "arguments",
    [
        "alerts ack %s",
        "alerts act %s restart",
        "oncall remove %s",
        "silence end %s",
        "incident ack %s",
        "incident action done 1 %s",
        "incident merge 1 %s",
    ],
)
def test_a_number_that_the_history_cannot_hold_is_refused(shop: "Operated", arguments: str) -> None:
    largest, refused = 2**31 - 1, "less than or equal to 2147483647"
    status, output = rounds(*(arguments % largest).split(), "--service", str(shop.settings.path))
    assert status == 2 and refused not in output
    for number in (largest + 1, 99999999999999999999):
        status, output = rounds(*(arguments % number).split(), "--service", str(shop.settings.path))
        assert status == 2 and refused in " ".join(output.replace("│", "").split())


@pytest.mark.parametrize(
    ("form", "given"),
    [
        (AcknowledgementOptions, {"alert": 1, "by": "kim"}),
        (ActionOptions, {"alert": 1, "action": "restart", "by": "kim"}),
        (EndOptions, {"number": 1}),
        (Acknowledgement, {"incident": 1, "by": "kim"}),
        (DoneAction, {"action": 1, "incident": 1, "by": "kim"}),
        (Dismissal, {"into": 1, "incident": 1, "text": "test", "by": "kim"}),
    ],
)
def test_a_form_refuses_such_a_number_too(form: type[BaseModel], given: dict[str, Any]) -> None:
    number = next(iter(given))
    form.model_validate({**given, number: 2**31 - 1})
    with pytest.raises(ValidationError, match="less than or equal to 2147483647"):
        form.model_validate({**given, number: 2**31})


@pytest.mark.usefixtures("prefect")
def test_the_form_sends_the_same_test(shop: "Operated", chat: "Chat") -> None:
    def sent() -> Any:
        return asyncio.run(alert_test(shop.name, AlertTestOptions(level="information", by="sato"), return_state=True))

    state = sent()
    assert (state.name, state.message) == ("Delivered", "apprise slack: sent: accepted by Mattermost (HTTP 200)")
    assert "実行者: sato" in chat.texts(TOKEN)[0]
    chat.replies[TOKEN] = [Reply(503, body="")]
    state = sent()
    assert (state.is_failed(), state.name) == (True, "NotDelivered")
    assert "apprise slack: waiting: Mattermost answered HTTP 503" in str(state.message)


def check(tmp_path: Path, text: str) -> tuple[int, str]:
    file = tmp_path / "service.toml"
    file.write_text(f'[service]\nname = "shop"\nbase_url = "http://shop.example"\n{text}')
    return rounds("config", "check", str(file), "--offline")


def test_config_check_warns_of_levels_that_wake_nobody(tmp_path: Path) -> None:
    status, output = check(
        tmp_path, '[alerts]\n[mail]\nsmtp = "smtp://127.0.0.1"\nto = [{ address = "ops@shop.example" }]\n'
    )
    assert status == 0
    assert "alerts.levels.warning: oncall is named, but there is no [[oncall.shift]]" in output
    assert "alerts.levels.emergency: nobody is woken" in output


def test_config_check_refuses_levels_that_reach_nobody(tmp_path: Path) -> None:
    status, output = check(tmp_path, "[alerts]\n")
    assert status == 2 and "alerts.levels.emergency: nobody is notified" in output
    status, output = check(tmp_path, '[alerts]\n[mail]\nto = [{ address = "ops@shop.example" }]\n')
    assert status == 2 and "mails are only written to files" in output


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f'"nonsense://{TOKEN}"', "alerts.channel.0.url: Apprise cannot send by this URL"),
        ('{ env = "SLACK_UNSET" }', "alerts.channel.0.url: the environment variable SLACK_UNSET is not set"),
    ],
)
def test_config_check_names_the_key_of_a_url_that_cannot_be_used(tmp_path: Path, url: str, problem: str) -> None:
    mail = '[mail]\nsmtp = "smtp://127.0.0.1"\nto = [{ address = "ops@shop.example" }]\n'
    status, output = check(tmp_path, f'[[alerts.channel]]\nname = "slack"\nurl = {url}\n{mail}')
    assert status == 2 and problem in output and TOKEN not in output


def test_config_check_masks_what_it_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK", f"mmost://127.0.0.1/{TOKEN}")
    mail = '[mail]\nsmtp = "smtp://127.0.0.1"\nto = [{ address = "ops@shop.example" }]\n'
    status, output = check(tmp_path, f'[[alerts.channel]]\nname = "slack"\nurl = {{ env = "SLACK" }}\n{mail}')
    assert status == 0 and TOKEN not in output
