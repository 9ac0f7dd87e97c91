"""Messages on their way to a real mail server that accepts, refuses, delays and drops."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from prefect import State

from deployments.schedules import note_schedules
from flows import delivery as sending
from flows.outbox import outbox
from tasks.history.opened import history_of
from tasks.history.outbox import read_counts
from tasks.processes import free_port
from tasks.schedule.store import read_scheduled
from tasks.settings import Settings

if TYPE_CHECKING:
    from tests.operated import Operate, Operated, PostOffice

pytestmark = pytest.mark.usefixtures("prefect")
DROP = "drop"


def recipients(*names: str) -> str:
    return "[" + ", ".join(f'{{ address = "{name}@shop.example", locale = "en" }}' for name in names) + "]"


def smtp(post: "PostOffice") -> str:
    return f'smtp = "{post.url}"\ntimeout_s = 2\n'


def deliver(settings: Settings, warn: Callable[[str], None]) -> Counter[str]:
    return asyncio.run(sending.deliver(settings, history_of(settings), warn))


def nothing_to_say(text: str) -> None:
    raise AssertionError(text)


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def language_of(message: EmailMessage) -> str:
    """The language in which both the subject and the text are written."""
    content = f"{message['Subject']}\n{text_of(message)}"
    found = {"ja": content.count("日次チェックリスト") >= 2, "en": content.count("Daily checklist") >= 2}
    [language] = [language for language, there in found.items() if there]
    return language


class TestDelivered:
    """Once to each recipient, under an id that never changes."""

    def test_each_recipient_gets_one_message_with_a_stable_id(self, operate: "Operate", post: "PostOffice") -> None:
        shop = operate(mail=smtp(post))
        shop.record_daily()
        assert deliver(shop.settings, nothing_to_say) == Counter(sent=2)
        assert deliver(shop.settings, nothing_to_say) == Counter()
        period = shop.runs()[0].period
        assert [to for to, _ in post.kept] == ["oncall@shop.example", "lead@shop.example"]
        for to, message in post.kept:
            assert (message["To"], message["From"]) == (to, "opsrounds@localhost")
            assert str(message["Message-ID"]).startswith(f"<daily-checklist.{period}.r1.")
            assert str(message["Message-ID"]).endswith("@shop.opsrounds>")
            assert shop.runs()[0].chained in text_of(message)
        assert set(post.ids.values()) == {1} and len(post.ids) == 2
        rows = shop.rows("SELECT state, answer, lease, attempts, finished_at FROM outbox")
        assert [(row.state, row.lease, row.attempts) for row in rows] == [("sent", None, 1)] * 2
        assert all("kept" in row.answer and row.finished_at for row in rows)

    def test_each_reads_it_in_their_own_language(self, operate: "Operate", post: "PostOffice") -> None:
        shop = operate(mail=smtp(post))
        shop.record_daily()
        deliver(shop.settings, nothing_to_say)
        assert {to: language_of(message) for to, message in post.kept} == {
            "oncall@shop.example": "ja",
            "lead@shop.example": "en",
        }

    def test_a_recipient_without_a_language_gets_the_first_of_the_reports(
        self, operate: "Operate", post: "PostOffice"
    ) -> None:
        shop = operate(mail=smtp(post), recipients='[{ address = "any@shop.example" }]')
        shop.record_daily()
        deliver(shop.settings, nothing_to_say)
        assert [language_of(message) for _, message in post.kept] == ["en"]

    def test_without_a_server_they_become_files(self, operate: "Operate") -> None:
        shop = operate()
        shop.record_daily()
        assert deliver(shop.settings, nothing_to_say) == Counter(sent=2)
        files = sorted((shop.settings.output / "shop" / "mail").iterdir())
        mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
        assert {file.suffix for file in files} == {".eml"}
        assert {mail["To"] for mail in mails} == {"oncall@shop.example", "lead@shop.example"}
        assert "No mail server is configured" in shop.runs()[0].report

    def test_two_that_deliver_at_once_send_each_message_once(self, operate: "Operate", post: "PostOffice") -> None:
        post.delay_s = 0.03
        names = [f"person{number}" for number in range(12)]
        shop = operate(mail=smtp(post), recipients=recipients(*names))
        shop.record_daily()
        with ThreadPoolExecutor(3) as pool:
            totals = list(pool.map(lambda _: deliver(shop.settings, nothing_to_say), range(3)))
        assert sum(totals, Counter()) == Counter(sent=12)
        assert sum(bool(total) for total in totals) > 1  # they did share the work
        assert sorted(to for to, _ in post.kept) == sorted(f"{name}@shop.example" for name in names)
        assert set(post.ids.values()) == {1}


class TestNotDelivered:
    """What a server's answer allows: never again, again later, or once more."""

    def test_a_rejected_recipient_is_recorded_and_the_others_get_theirs(
        self, operate: "Operate", post: "PostOffice"
    ) -> None:
        post.recipients["gone@shop.example"] = ["550 5.1.1 no such mailbox"]
        shop = operate(mail=smtp(post), recipients=recipients("first", "gone", "last"))
        shop.record_daily()
        warnings: list[str] = []
        assert deliver(shop.settings, warnings.append) == Counter(sent=2, failed=1)
        assert [to for to, _ in post.kept] == ["first@shop.example", "last@shop.example"]
        assert len(warnings) == 1 and "gone@shop.example: failed" in warnings[0] and "no such mailbox" in warnings[0]
        [(to, answer)] = read_counts(shop.history, "shop").failed
        assert to == "gone@shop.example" and "550 5.1.1 no such mailbox" in answer
        shop.all_due()
        assert deliver(shop.settings, nothing_to_say) == Counter()

    def test_a_message_that_is_put_off_arrives_when_it_is_due_again(
        self, operate: "Operate", post: "PostOffice"
    ) -> None:
        post.recipients["slow@shop.example"] = ["451 4.7.1 come back later"]
        shop = operate(mail=smtp(post), recipients=recipients("slow"))
        shop.record_daily()
        warnings: list[str] = []
        assert deliver(shop.settings, warnings.append) == Counter(waiting=1)
        assert "come back later" in warnings[0]
        assert deliver(shop.settings, warnings.append) == Counter()  # not due yet
        shop.all_due()
        assert deliver(shop.settings, nothing_to_say) == Counter(sent=1)
        assert [to for to, _ in post.kept] == ["slow@shop.example"]
        assert [row.attempts for row in shop.rows("SELECT attempts FROM outbox")] == [2]

    def test_a_server_that_is_down_is_asked_three_times_and_no_message_is_lost(self, operate: "Operate") -> None:
        shop = operate(
            mail=f'smtp = "smtp://127.0.0.1:{free_port()}"\n', recipients=recipients("a", "b", "c", "d", "e")
        )
        shop.record_daily()
        warnings: list[str] = []
        assert deliver(shop.settings, warnings.append) == Counter(waiting=3)
        assert len(warnings) == 3 and all("refused the connection" in text for text in warnings)
        rows = shop.rows("SELECT state, attempts, lease, leased_until FROM outbox ORDER BY id")
        assert [(row.state, row.lease, row.leased_until) for row in rows] == [("waiting", None, None)] * 5
        assert [row.attempts for row in rows] == [1, 1, 1, 0, 0]  # what was not tried counts no attempt
        assert deliver(shop.settings, warnings.append) == Counter(waiting=2)

    def test_a_message_dropped_after_its_end_is_sent_once_more_under_its_id_and_then_given_up(
        self, operate: "Operate", post: "PostOffice"
    ) -> None:
        post.endings = [DROP, DROP]
        shop = operate(mail=smtp(post), recipients=recipients("one"))
        shop.record_daily()
        warnings: list[str] = []
        assert deliver(shop.settings, warnings.append) == Counter(unknown=1)
        shop.all_due()
        assert deliver(shop.settings, warnings.append) == Counter(failed=1)
        assert "may or may not have been accepted" in read_counts(shop.history, "shop").failed[0][1]
        shop.all_due()
        assert deliver(shop.settings, warnings.append) == Counter()
        assert list(post.ids.values()) == [2] and post.kept == []

    def test_a_message_dropped_after_its_end_may_arrive_the_second_time(
        self, operate: "Operate", post: "PostOffice"
    ) -> None:
        post.endings = [DROP]
        shop = operate(mail=smtp(post), recipients=recipients("one"))
        shop.record_daily()
        deliver(shop.settings, lambda _text: None)
        shop.all_due()
        assert deliver(shop.settings, nothing_to_say) == Counter(sent=1)
        assert list(post.ids.values()) == [2] and len(post.kept) == 1

    def test_a_password_that_cannot_be_found_leaves_the_messages_waiting(
        self, operate: "Operate", post: "PostOffice"
    ) -> None:
        shop = operate(mail=f'{smtp(post)}username = "ops"\npassword = {{ env = "SHOP_MAIL_UNSET" }}\n')
        shop.record_daily()
        warnings: list[str] = []
        assert deliver(shop.settings, warnings.append) == Counter(waiting=2)
        assert all("mail.password: the environment variable SHOP_MAIL_UNSET" in warning for warning in warnings)

    def test_a_password_that_the_server_repeats_is_masked(
        self, operate: "Operate", post: "PostOffice", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_MAIL_PASSWORD", "pw-7d21c4-repeated")

        def refuse(*_: Any) -> AuthResult:
            return AuthResult(success=False, handled=False, message="535 5.7.8 wrong: pw-7d21c4-repeated")

        controller = Controller(
            post, hostname="127.0.0.1", port=free_port(), authenticator=refuse, auth_require_tls=False
        )
        controller.start()
        try:
            login = 'username = "ops"\npassword = { env = "SHOP_MAIL_PASSWORD" }\n'
            url = f'smtp = "smtp://127.0.0.1:{controller.port}"\n'
            shop = operate(mail=url + login, recipients=recipients("one"))
            shop.record_daily()
            warnings: list[str] = []
            assert deliver(shop.settings, warnings.append) == Counter(failed=1)
        finally:
            controller.stop()
        assert "wrong: ••••••" in warnings[0] and "repeated" not in warnings[0]
        assert "repeated" not in str(shop.rows("SELECT * FROM outbox"))

    def test_a_channel_that_nobody_sends_by_is_given_up_and_stops_no_other(
        self, operate: "Operate", post: "PostOffice"
    ) -> None:
        shop = operate(mail=smtp(post), recipients=recipients("first", "perched", "last"))
        shop.record_daily()
        shop.rows("UPDATE outbox SET channel = 'pigeon' WHERE recipient = 'perched@shop.example'")
        warnings: list[str] = []
        assert deliver(shop.settings, warnings.append) == Counter(sent=2, failed=1)
        assert warnings == [
            "pigeon to perched@shop.example: failed: "
            "this version of opsrounds cannot send by 'pigeon', only by mail or apprise: upgrade it"
        ]
        assert [to for to, _ in post.kept] == ["first@shop.example", "last@shop.example"]
        shop.all_due()
        assert deliver(shop.settings, nothing_to_say) == Counter()


class TestFlow:
    """The flow that runs every minute for all services of a machine."""

    @staticmethod
    def run(service: str | None = None) -> State[Any]:
        state: State[Any] = asyncio.run(outbox(service, return_state=True))  # type: ignore[arg-type]
        return state

    @pytest.fixture
    def both(self, operate: "Operate", post: "PostOffice") -> "list[Operated]":
        """Two services with one message each."""
        found = [operate(name=name, mail=smtp(post), recipients=recipients(name)) for name in ("bar", "cafe")]
        for operated in found:
            operated.record_daily()
        return found

    def test_it_delivers_for_every_service(self, both: "list[Operated]", post: "PostOffice") -> None:
        for shop in both:
            note_schedules({shop.name: shop.settings}, datetime.now(UTC))
        state = self.run()
        assert (state.type.value, state.message) == ("COMPLETED", "2 sent")
        for shop in both:
            flows = read_scheduled(shop.history, shop.name, datetime.now(UTC))
            assert [flow.schedule.flow for flow in flows if flow.last_run_at is not None] == ["outbox"]
        assert sorted(to for to, _ in post.kept) == ["bar@shop.example", "cafe@shop.example"]
        again = self.run()
        assert (again.type.value, again.message) == ("COMPLETED", "nothing was due")

    @pytest.mark.deep
    def test_it_delivers_for_one_service_when_asked(self, both: "list[Operated]", post: "PostOffice") -> None:
        assert self.run("cafe").message == "1 sent"
        assert [to for to, _ in post.kept] == ["cafe@shop.example"]

    @pytest.mark.deep
    def test_a_service_that_cannot_be_served_stops_no_other(self, both: "list[Operated]", post: "PostOffice") -> None:
        broken = both[0]
        broken.history.dispose()
        for file in broken.settings.path.parent.glob("bar.db*"):
            file.unlink()
        (broken.settings.path.parent / "bar.db").mkdir()
        state = self.run()
        assert (state.type.value, state.name) == ("FAILED", "NotDelivered")
        assert [to for to, _ in post.kept] == ["cafe@shop.example"]

    @pytest.mark.deep
    def test_a_file_that_cannot_be_read_stops_no_other(self, both: "list[Operated]", post: "PostOffice") -> None:
        both[0].settings.path.write_text("[service")
        state = self.run()
        assert (state.type.value, state.name, state.message) == ("FAILED", "NotDelivered", "1 failed, 1 sent")
        assert [to for to, _ in post.kept] == ["cafe@shop.example"]

    def test_a_message_whose_report_is_damaged_is_given_up_and_stops_no_other(
        self, both: "list[Operated]", post: "PostOffice"
    ) -> None:
        both[0].rows("DROP TRIGGER runs_no_update")
        both[0].rows("UPDATE runs SET report = 'gone'")
        assert self.run().message == "1 failed, 1 sent"
        assert "a stored report cannot be read" in read_counts(both[0].history, "bar").failed[0][1]

    def test_a_message_that_failed_fails_the_run(self, both: "list[Operated]", post: "PostOffice") -> None:
        post.recipients["cafe@shop.example"] = ["550 no"]
        state = self.run()
        assert (state.name, state.message) == ("NotDelivered", "1 failed, 1 sent")

    def test_a_message_that_waits_is_named_and_a_run_that_sent_nothing_is_red(
        self, both: "list[Operated]", post: "PostOffice"
    ) -> None:
        post.recipients["cafe@shop.example"] = ["451 later", "451 later"]
        state = self.run()
        assert (state.type.value, state.name, state.message) == ("COMPLETED", "PartlySent", "1 sent, 1 waiting")
        both[1].all_due()
        state = self.run()
        assert (state.type.value, state.name, state.message) == ("FAILED", "NotDelivered", "1 waiting")
