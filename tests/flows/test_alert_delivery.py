"""Messages of alerts on their way to a real chat and a real mail server that refuse, wait, hang and close."""

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from flows import delivery as sending
from flows.messages import ALERT_TEST
from tasks.alerts.addresses import addresses
from tasks.alerts.outgoing import message_to
from tasks.check_result import Severity
from tasks.history.opened import history_of
from tasks.history.outbox import lease_next, put_now
from tasks.processes import free_port
from tasks.settings import load_settings
from tests.fixtures.chat import HANG_S, Reply

if TYPE_CHECKING:
    from tests.fixtures.chat import Chat
    from tests.operated import Operate, Operated, PostOffice

OPS = '[{ address = "ops@shop.example", locale = "en" }]'
SLACK, PAGER, TOKEN = "slackhook", "pagerhook", "3ccdd113474722377935511fc85d3dd4"
LATER = "2001-01-01 00:00:00.000000"


@pytest.fixture
def shop(operate: "Operate", chat: "Chat", post: "PostOffice") -> "Operated":
    """A service whose level 1 goes to two channels that fall back to mail."""
    return operated(operate, chat, post)


def operated(operate: "Operate", chat: "Chat", post: "PostOffice", more: str = "", url: str = "") -> "Operated":
    slack = url or f'"{chat.url(SLACK, "?rto=1")}"'
    return operate(
        mail=f'smtp = "{post.url}"\ntimeout_s = 2\n',
        recipients=OPS,
        locales='["en"]',
        more=f'\n[[alerts.channel]]\nname = "slack"\nurl = {slack}\nper_minute = 600\n{more}'
        f'[[alerts.channel]]\nname = "pager"\nurl = "{chat.url(PAGER)}"\nper_minute = 600\n',
    )


def put(shop: "Operated", number: int = 1, *names: str) -> None:
    """Messages about one cause to who is notified at level 1, or to those named of them."""
    found = addresses(shop.settings, Severity.INFORMATION, None)
    payload = {"severity": 1, "at": datetime.now(UTC).isoformat(), "by": "kim"}
    messages = [message_to(to, ALERT_TEST, f"alert/{number:02}", payload) for to in found if to.recipient in names]
    put_now(shop.history, shop.name, messages, datetime.now(UTC))


def deliver(shop: "Operated", warn: Callable[[str], None] = lambda _text: None, **longest: float) -> Counter[str]:
    return asyncio.run(sending.deliver(shop.settings, history_of(shop.settings), warn, **longest))


def due_again(shop: "Operated") -> None:
    """Let the time pass until what waits is due and nothing is paused; when it was put does not change."""
    shop.rows(
        "UPDATE outbox SET due_at = :past, leased_until = CASE WHEN lease IS NULL THEN NULL ELSE :past END", past=LATER
    )
    shop.rows("DELETE FROM outbox_pauses")


def states(shop: "Operated") -> dict[str, str]:
    return {f"{key.split('/')[1]} {to}": state for key, to, state in shop.messages()}


def mails(post: "PostOffice") -> list[str]:
    return [str(message.get_body(("plain",)).get_content()) for _, message in post.kept]  # type: ignore[union-attr]


def test_a_message_arrives_in_the_chat_once(shop: "Operated", chat: "Chat", post: "PostOffice") -> None:
    put(shop, 1, "slack")
    assert deliver(shop) == Counter(sent=1)
    assert deliver(shop) == Counter()
    [text] = chat.texts(SLACK)
    assert "[TEST] shop: test of alert level 1, nothing is wrong" in text and "Started by: kim" in text
    assert post.kept == []


def test_case_4_a_notifier_that_answers_500_is_retried_and_then_mailed_instead(
    shop: "Operated", chat: "Chat", post: "PostOffice"
) -> None:
    chat.replies[SLACK] = [Reply(500)] * 3
    put(shop, 1, "slack")
    warnings: list[str] = []
    assert deliver(shop, warnings.append) == Counter(waiting=1)
    due_again(shop)
    assert deliver(shop, warnings.append) == Counter(waiting=1)
    assert mails(post) == []
    due_again(shop)
    assert deliver(shop, warnings.append) == Counter(failed=1, sent=1)
    assert "apprise to slack: failed: Mattermost answered HTTP 500" in warnings[-1]
    [mail] = mails(post)
    assert "In place of: slack" in mail and len(chat.heard) == 3
    assert states(shop) == {"01 slack": "failed", "01 ops@shop.example": "sent"}


def test_case_4_a_notifier_that_recovers_gets_its_message(shop: "Operated", chat: "Chat", post: "PostOffice") -> None:
    chat.replies[SLACK] = [Reply(500)]
    put(shop, 1, "slack")
    deliver(shop)
    due_again(shop)
    assert deliver(shop) == Counter(sent=1)
    assert (len(chat.heard), post.kept) == (2, [])


@pytest.mark.parametrize("reply", [Reply(404, body="no such hook"), Reply(410)])
def test_case_4_a_notifier_that_answers_404_is_mailed_instead_at_once(
    shop: "Operated", chat: "Chat", post: "PostOffice", reply: Reply
) -> None:
    chat.replies[SLACK] = [reply]
    put(shop, 1, "slack", "pager")
    assert deliver(shop) == Counter(failed=1, sent=2)
    assert (len(chat.texts(SLACK)), len(chat.texts(PAGER)), len(post.kept)) == (1, 1, 1)
    assert post.kept[0][1]["Subject"] == "[TEST] shop: test of alert level 1, nothing is wrong"


@pytest.mark.parametrize("as_date", [False, True])
def test_case_4_a_notifier_that_answers_429_is_left_alone_as_long_as_it_asks(
    shop: "Operated", chat: "Chat", as_date: bool
) -> None:
    now = datetime.now(UTC)
    wait = format_datetime(now + timedelta(seconds=200), usegmt=True) if as_date else "200"
    chat.replies[SLACK] = [Reply(429, {"Retry-After": wait})]
    for number in (1, 2, 3):
        put(shop, number, "slack", "pager")
    assert deliver(shop) == Counter(waiting=1, sent=3)
    assert (len(chat.texts(SLACK)), len(chat.texts(PAGER))) == (1, 3)
    [pause] = shop.rows("SELECT until FROM outbox_pauses WHERE recipient = 'slack'")
    left = datetime.fromisoformat(pause.until).replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(seconds=185) < left < timedelta(seconds=202)
    assert deliver(shop) == Counter()
    due_again(shop)
    assert deliver(shop) == Counter(sent=3)


def test_case_4_a_short_retry_after_is_waited_for(shop: "Operated", chat: "Chat") -> None:
    chat.replies[SLACK] = [Reply(429, {"Retry-After": "1"})]
    put(shop, 1, "slack")
    put(shop, 2, "slack")
    began = time.monotonic()
    assert deliver(shop) == Counter(waiting=1, sent=1)
    assert time.monotonic() - began >= 1


def test_case_4_a_notifier_that_hangs_delays_no_mail_and_is_sent_once_more(
    shop: "Operated", chat: "Chat", post: "PostOffice"
) -> None:
    chat.replies[SLACK] = [Reply(hangs=True), Reply(closes=True)]
    chat.replies[PAGER] = [Reply(404)]
    put(shop, 1, "slack", "pager")
    began = time.monotonic()
    assert deliver(shop) == Counter(unknown=1, failed=1, sent=1)
    assert time.monotonic() - began < HANG_S / 2
    assert len(post.kept) == 1
    shop.rows("DELETE FROM outbox WHERE channel = 'mail'")
    due_again(shop)
    assert deliver(shop) == Counter(failed=1, sent=1)
    assert (len(chat.texts(SLACK)), len(post.kept)) == (2, 2)


@pytest.mark.parametrize("longest_s", [60.0, 0.2])
def test_a_message_that_hangs_delays_no_new_one_of_another_channel(
    operate: "Operate", chat: "Chat", post: "PostOffice", longest_s: float
) -> None:
    shop = operated(operate, chat, post, url=f'"{chat.url(SLACK, "?rto=8")}"')
    chat.replies[SLACK] = [Reply(hangs=True)]
    put(shop, 1, "slack")
    with ThreadPoolExecutor(1) as pool:
        delivering = pool.submit(deliver, shop, longest_s=longest_s, beside_what_hangs=True)
        wait_for(lambda: chat.texts(SLACK))
        time.sleep(0.4)  # it waits now, for longer than it may begin others
        put(shop, 2, "pager")
        wait_for(lambda: chat.texts(PAGER))
        assert states(shop)["01 slack"] == "waiting", "the new one has waited for the one that hangs"
        chat.released.set()
        assert delivering.result()["sent"] == 1


def wait_for(seen: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_case_4_a_notifier_that_is_down_is_mailed_instead(operate: "Operate", chat: "Chat", post: "PostOffice") -> None:
    shop = operated(operate, chat, post, url=f'"mmost://127.0.0.1:{free_port()}/{TOKEN}"')
    put(shop, 1, "slack")
    for _ in range(3):
        deliver(shop)
        due_again(shop)
    assert len(post.kept) == 1


@pytest.mark.parametrize(("answer", "attempts"), [("550 5.1.1 no such mailbox", 1), ("451 4.7.1 later", 3)])
def test_case_4_a_mail_that_is_not_taken_goes_to_the_chat(
    operate: "Operate", chat: "Chat", post: "PostOffice", answer: str, attempts: int
) -> None:
    shop = operated(operate, chat, post, more='[alerts.levels]\ninformation = ["mail", "slack"]\n')
    post.recipients["ops@shop.example"] = [answer] * attempts
    put(shop, 1, "ops@shop.example")
    for _ in range(attempts):
        deliver(shop)
        due_again(shop)
    deliver(shop)
    [text] = chat.texts(SLACK)
    assert "In place of: ops@shop.example" in text


def test_case_4_where_all_refuse_nothing_goes_round_in_circles(
    shop: "Operated", chat: "Chat", post: "PostOffice"
) -> None:
    chat.replies[SLACK] = chat.replies[PAGER] = [Reply(404)] * 9
    post.recipients["ops@shop.example"] = ["550 no"] * 9
    put(shop, 1, "slack", "pager")
    for _ in range(4):
        deliver(shop)
        due_again(shop)
    assert states(shop) == {"01 slack": "failed", "01 pager": "failed", "01 ops@shop.example": "failed"}


def test_case_4_while_nothing_can_be_reached_nothing_is_lost(
    shop: "Operated", chat: "Chat", post: "PostOffice"
) -> None:
    chat.replies[SLACK], chat.replies[PAGER] = [Reply(500)] * 9, [Reply(500)] * 9
    post.recipients["ops@shop.example"] = ["451 later"] * 12
    put(shop, 1, "slack")
    for _ in range(14):
        deliver(shop)
        due_again(shop)
    assert "sent" in states(shop).values()


def test_one_channel_that_refuses_three_times_stops_alone(shop: "Operated", chat: "Chat") -> None:
    chat.replies[SLACK] = [Reply(500)] * 9
    for number in range(6):
        put(shop, number, "slack", "pager")
    assert deliver(shop) == Counter(waiting=3, sent=6)
    assert (len(chat.texts(SLACK)), len(chat.texts(PAGER))) == (3, 6)


def test_twenty_messages_to_one_channel_stay_within_its_rate(shop: "Operated", chat: "Chat") -> None:
    put(shop, 1, "pager")
    deliver(shop)  # what the first message of a process waits for, all of Apprise, says nothing of a rate
    for number in range(20):
        put(shop, number, "slack")
    with ThreadPoolExecutor(2) as pool:
        totals = list(pool.map(lambda _: deliver(shop), range(2)))
    assert sum(totals, Counter()) == Counter(sent=20)
    times = [at for hook, _, at in chat.heard if hook == SLACK]
    assert len(times) == 20 and times[-1] - times[0] > 1.5  # 1.9 s, but for a machine's hiccup


def test_what_is_paused_for_longer_than_there_is_time_is_not_waited_for(shop: "Operated", chat: "Chat") -> None:
    for number in range(20):
        put(shop, number, "slack")
    assert 1 <= deliver(shop, longest_s=0.5)["sent"] <= 6


def test_a_secret_that_is_missing_goes_to_the_fallback_and_stops_no_other(
    operate: "Operate", chat: "Chat", post: "PostOffice"
) -> None:
    shop = operated(operate, chat, post, url='{ env = "SHOP_SLACK_UNSET" }')
    put(shop, 1, "slack", "pager")
    warnings: list[str] = []
    assert deliver(shop, warnings.append) == Counter(failed=1, sent=2)
    assert "alerts.channel.0.url: the environment variable SHOP_SLACK_UNSET is not set" in warnings[0]
    assert len(post.kept) == 1


def test_a_mail_login_that_is_missing_stops_no_chat_and_no_fallback(
    operate: "Operate", chat: "Chat", post: "PostOffice"
) -> None:
    shop = operated(operate, chat, post)
    text = shop.settings.path.read_text().replace(
        "timeout_s = 2\n[h", 'username = "a"\npassword = { env = "UNSET" }\n[h'
    )
    shop.settings.path.write_text(text)
    shop = replace(shop, settings=load_settings(shop.settings.path))
    put(shop, 1, "slack")
    chat.replies[SLACK] = [Reply(404)]
    warnings: list[str] = []
    assert deliver(shop, warnings.append) == Counter(failed=2, sent=1)
    assert states(shop) == {"01 slack": "failed", "01 ops@shop.example": "failed", "01 pager": "sent"}
    assert "mail.password: the environment variable UNSET is not set" in warnings[1]
    assert "In place of: slack, ops@shop.example" in chat.texts(PAGER)[0]


def test_a_message_that_breaks_the_program_stops_no_other(
    shop: "Operated", chat: "Chat", caplog: pytest.LogCaptureFixture
) -> None:
    put(shop, 1, "slack")
    shop.rows("UPDATE outbox SET payload = replace(payload, :old, :new)", old=str(datetime.now(UTC).year), new="soon")
    put(shop, 2, "slack", "pager")
    warnings: list[str] = []
    assert deliver(shop, warnings.append)["sent"] == 2
    assert "opsrounds failed unexpectedly (ValueError): its log has the details" in warnings[0]
    assert states(shop)["01 slack"] == "failed" and len(chat.heard) == 2
    assert "fromisoformat" in caplog.text


def test_a_channel_that_the_file_no_longer_names_goes_to_the_fallback(
    shop: "Operated", chat: "Chat", post: "PostOffice"
) -> None:
    put(shop, 1, "slack")
    shop.rows("UPDATE outbox SET recipient = 'gone'")
    assert deliver(shop) == Counter(failed=1, sent=1)
    assert "the service file no longer names gone" in str(shop.rows("SELECT answer FROM outbox"))


def test_a_planted_secret_is_in_no_answer_and_no_warning(
    operate: "Operate", chat: "Chat", post: "PostOffice", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SLACK", chat.url(TOKEN))
    shop = operated(operate, chat, post, url='{ env = "SHOP_SLACK" }')
    chat.replies[TOKEN] = [Reply(404, body=f"/hooks/{TOKEN} is gone")]
    put(shop, 1, "slack")
    warnings: list[str] = []
    assert deliver(shop, warnings.append) == Counter(failed=1, sent=1)
    assert "is gone" in warnings[0]
    for said in (*warnings, str(shop.rows("SELECT * FROM outbox")), *mails(post)):
        assert TOKEN not in said


def _lease_and_wait(shop: "Operated") -> None:
    lease_next(shop.history, shop.name, datetime.now(UTC))
    time.sleep(60)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_case_5_killed_before_or_after_sending_it_is_sent_again_and_at_most_twice(
    shop: "Operated", chat: "Chat", moment: str
) -> None:
    put(shop, 1, "slack")
    chat.replies[SLACK] = [Reply(hangs=True)]
    shop.history.dispose()
    context = multiprocessing.get_context("fork")
    work = _lease_and_wait if moment == "before" else deliver
    process = context.Process(target=work, args=(shop,))
    process.start()
    wait_for(lambda: chat.heard if moment == "after" else _is_leased(shop))
    process.kill()
    process.join(10)
    chat.replies[SLACK] = []
    assert deliver(shop) == Counter()  # its lease is not over
    due_again(shop)
    assert deliver(shop) == Counter(sent=1)
    assert len(chat.heard) == (2 if moment == "after" else 1)


def _is_leased(shop: "Operated") -> bool:
    return bool(shop.rows("SELECT 1 FROM outbox WHERE lease IS NOT NULL"))


@pytest.mark.deep
@pytest.mark.study  # the monitoring is killed in `make deep`
def test_case_5_killed_at_twenty_moments_no_message_is_lost_and_each_kill_doubles_one_at_most(
    shop: "Operated", chat: "Chat", post: "PostOffice"
) -> None:
    for number in range(60):
        put(shop, number, "slack", "pager")
    shop.history.dispose()
    context, kills = multiprocessing.get_context("fork"), 0
    for moment in range(20):
        process = context.Process(target=deliver, args=(shop,))
        process.start()
        time.sleep(0.05 + moment * 0.037 % 0.3)
        kills += process.is_alive()
        process.kill()
        process.join(10)
        due_again(shop)
        shop.history.dispose()
    while deliver(shop):
        due_again(shop)
    assert kills >= 10 and set(states(shop).values()) == {"sent"}
    arrived = len(chat.heard) + len(post.kept)
    assert len(states(shop)) <= arrived <= len(states(shop)) + 2 * kills  # one on each channel may be on its way
