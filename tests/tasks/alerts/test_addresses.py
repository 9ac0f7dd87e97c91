"""Who is notified at which level, who is notified instead, and that every chain ends."""

from pathlib import Path

import pytest

from tasks.alerts.addresses import Address, addresses, fallbacks_of, url_of, wakes
from tasks.alerts.outgoing import message_to, messages_instead
from tasks.alerts.reach import unreached, warnings
from tasks.check_result import Severity
from tasks.oncall.settings import Person
from tasks.settings import Settings, load_settings

INFORMATION, WARNING, EMERGENCY = Severity
CHANNELS = """[[alerts.channel]]
name = "slack"
url = { env = "SLACK" }
locale = "en"
fallback = "chat"
[[alerts.channel]]
name = "chat"
url = { env = "CHAT" }
[[alerts.channel]]
name = "pager"
url = { env = "PAGER" }
wakes = true
"""
PEOPLE = """[oncall]
person = [
  { name = "kim", mail = "kim@shop.example", url = { env = "KIM" }, locale = "en", timezone = "Europe/Paris" },
  { name = "sato", mail = "sato@shop.example" },
  { name = "lee", url = { env = "LEE" } },
]
"""
ROTA = '[[oncall.shift]]\npeople = ["kim", "sato"]\n'
MAIL = """[mail]
smtp = "smtp://mail.shop.example"
to = [{ address = "ops@shop.example", locale = "en" }, { address = "lead@shop.example" }]
"""
WRITTEN = MAIL.replace('smtp = "smtp://mail.shop.example"\n', "")


@pytest.fixture
def service(tmp_path: Path) -> "Service":
    return Service(tmp_path)


class Service:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "service.toml"

    def __call__(self, *parts: str) -> Settings:
        head = '[service]\nname = "shop"\nbase_url = "http://shop.example"\ntimezone = "Asia/Tokyo"\n'
        self.file.write_text(head + "".join(parts))
        return load_settings(self.file)


def who(settings: Settings, level: Severity, on_call: Person | None = None) -> list[str]:
    return [f"{found.channel} {found.recipient}" for found in addresses(settings, level, on_call)]


OPS, LEAD = "mail ops@shop.example", "mail lead@shop.example"


def test_each_level_goes_where_the_guide_says(service: Service) -> None:
    settings = service("[alerts]\n", CHANNELS, PEOPLE, ROTA, MAIL)
    kim, sato, _ = settings.oncall.person
    assert who(settings, INFORMATION) == ["apprise slack", "apprise chat"]
    assert who(settings, WARNING, kim) == ["apprise oncall:kim"]
    assert who(settings, WARNING, sato) == ["mail sato@shop.example"]
    assert who(settings, EMERGENCY, kim) == ["apprise oncall:kim", "mail sato@shop.example", "apprise oncall:lee"]


def test_case_15_without_a_rota_the_whole_team_is_told(service: Service) -> None:
    team = ["apprise oncall:kim", "mail sato@shop.example", "apprise oncall:lee"]
    assert who(service("[alerts]\n", PEOPLE, MAIL), WARNING) == team
    assert who(service("[alerts]\n", MAIL), WARNING) == [OPS, LEAD]
    assert who(service(MAIL), WARNING) == [OPS, LEAD]


def test_information_goes_by_mail_where_every_channel_wakes_people(service: Service) -> None:
    pager = CHANNELS[CHANNELS.index('[[alerts.channel]]\nname = "pager"') :]
    assert who(service("[alerts]\n", pager, MAIL), INFORMATION) == [OPS, LEAD]


def test_nobody_is_named_twice_and_the_order_is_kept(service: Service) -> None:
    levels = '[alerts.levels]\nwarning = ["oncall", "slack", "team", "mail", "slack"]\n'
    people = PEOPLE.replace("sato@shop.example", "ops@shop.example")
    settings = service(levels, CHANNELS, people, ROTA, MAIL)
    assert who(settings, WARNING, settings.oncall.person[0]) == [
        *("apprise oncall:kim", "apprise slack", OPS, "apprise oncall:lee", LEAD),
    ]


def test_each_reads_it_in_their_own_language_and_time(service: Service) -> None:
    settings = service("[alerts]\n", CHANNELS, PEOPLE, ROTA, MAIL)
    assert addresses(settings, WARNING, settings.oncall.person[0]) == (
        Address("apprise", "oncall:kim", "en", "Europe/Paris"),
    )
    assert [found.locale for found in addresses(settings, INFORMATION, None)] == ["en", "ja"]
    assert {found.timezone for found in addresses(settings, INFORMATION, None)} == {"Asia/Tokyo"}


@pytest.mark.parametrize(
    ("channel", "recipient", "level", "instead"),
    [
        ("apprise", "slack", INFORMATION, "apprise chat"),
        ("apprise", "chat", INFORMATION, OPS),
        ("apprise", "gone", INFORMATION, OPS),
        ("apprise", "oncall:kim", WARNING, "mail kim@shop.example"),
        ("apprise", "oncall:lee", WARNING, OPS),
        ("apprise", "oncall:gone", WARNING, OPS),
        ("mail", "kim@shop.example", EMERGENCY, "apprise oncall:kim"),
        ("mail", "ops@shop.example", INFORMATION, "apprise slack"),
        ("mail", "ops@shop.example", None, "apprise slack"),
    ],
)
def test_case_4_who_is_told_instead(
    service: Service, channel: str, recipient: str, level: Severity | None, instead: str
) -> None:
    found = fallbacks_of(service("[alerts]\n", CHANNELS, PEOPLE, ROTA, MAIL), channel, recipient, level)
    assert f"{found[0].channel} {found[0].recipient}" == instead
    assert len({(to.channel, to.recipient) for to in found} - {(channel, recipient)}) == len(found)


def test_case_4_where_nobody_else_is_known_nobody_is_told(service: Service) -> None:
    alone = service("[alerts]\n", MAIL.replace(', { address = "lead@shop.example" }', ""))
    assert fallbacks_of(alone, "mail", "ops@shop.example", WARNING) == ()
    assert fallbacks_of(service("[alerts]\n", CHANNELS), "apprise", "chat", WARNING) == ()


def test_mail_that_is_only_written_to_a_file_is_sent_in_nobodys_place(service: Service) -> None:
    settings = service("[alerts]\n", CHANNELS, PEOPLE, ROTA, WRITTEN)
    found = [to.recipient for to in fallbacks_of(settings, "apprise", "oncall:kim", EMERGENCY)]
    assert found == ["oncall:lee"]
    assert [to.recipient for to in fallbacks_of(settings, "mail", "sato@shop.example", EMERGENCY)] == [
        *("oncall:kim", "oncall:lee"),
    ]


def test_case_4_who_was_notified_instead_of_whom_is_said(service: Service) -> None:
    settings = service("[alerts]\n", CHANNELS, PEOPLE, ROTA, MAIL)
    [kim] = addresses(settings, WARNING, settings.oncall.person[0])
    first = messages_instead(settings, message_to(kim, "alert-test", "cause", {"severity": 2}))[0]
    second = messages_instead(settings, first)[0]
    assert (first.recipient, first.payload["instead_of"]) == ("kim@shop.example", "oncall:kim")
    assert second.payload["instead_of"] == "oncall:kim, kim@shop.example"
    assert (first.locale, first.payload["timezone"]) == ("en", "Europe/Paris")
    assert {message.dedupe_key.rpartition("/")[0] for message in (first, second)} == {"cause"}


def test_a_url_is_named_by_its_key(service: Service) -> None:
    settings = service("[alerts]\n", CHANNELS, PEOPLE, MAIL)
    keys = {name: (url_of(settings, name) or ("",))[0] for name in ("chat", "oncall:lee", "oncall:sato", "gone")}
    assert keys == {
        "chat": "alerts.channel.1.url",
        "oncall:lee": "oncall.person.2.url",
        "oncall:sato": "",
        "gone": "",
    }


def test_who_is_woken(service: Service) -> None:
    settings = service(
        '[alerts.levels]\nemergency = ["slack", "pager", "oncall", "mail"]\n', CHANNELS, PEOPLE, ROTA, MAIL
    )
    found = addresses(settings, EMERGENCY, settings.oncall.person[0])
    assert [address.recipient for address in found if wakes(settings, address)] == ["pager", "oncall:kim"]


def test_a_level_that_wakes_nobody_and_a_rota_that_is_missing_are_warned_of(service: Service) -> None:
    assert warnings(service(MAIL)) == unreached(service(MAIL)) == []
    how = "name a channel with wakes = true, or give people a url"
    assert warnings(service("[alerts]\n", MAIL)) == [
        "alerts.levels.warning: oncall is named, but there is no [[oncall.shift]]: the whole team is notified",
        f"alerts.levels.warning: nobody is woken: {how}",
        f"alerts.levels.emergency: nobody is woken: {how}",
    ]
    assert warnings(service("[alerts]\n", PEOPLE, ROTA, MAIL)) == [
        f"alerts.levels.warning: nobody is woken while sato is on call: {how}"
    ]
    without = PEOPLE.replace(', url = { env = "KIM" }', "")
    assert f"alerts.levels.warning: nobody is woken while kim or sato is on call: {how}" in warnings(
        service("[alerts]\n", without, ROTA, MAIL)
    )
    woken = '[alerts.levels]\nwarning = ["oncall", "pager"]\n'
    assert warnings(service(woken, CHANNELS, PEOPLE, ROTA, MAIL)) == []


def test_a_level_that_reaches_nobody_is_named_by_its_key(service: Service) -> None:
    how = "nobody is notified: set [mail] to, or name a channel of [[alerts.channel]]"
    assert unreached(service("[alerts]\n")) == [
        f"alerts.levels.{level}: {how}" for level in ("information", "warning", "emergency")
    ]
    assert unreached(service("[alerts]\n", CHANNELS)) == [
        f"alerts.levels.{level}: {how}" for level in ("warning", "emergency")
    ]
    assert unreached(service("[alerts]\n", MAIL)) == []


def test_a_level_that_only_a_file_reaches_reaches_nobody(service: Service) -> None:
    how = "without [mail] smtp, mails are only written to files; set it, or name a channel of [[alerts.channel]]"
    assert unreached(service("[alerts]\n", WRITTEN)) == [
        f"alerts.levels.{level}: nobody is notified: {how}" for level in ("information", "warning", "emergency")
    ]
    assert unreached(service("[alerts]\n", CHANNELS, PEOPLE, ROTA, WRITTEN)) == [
        f"alerts.levels.warning: nobody is notified: {how}"  # while sato is on call
    ]
