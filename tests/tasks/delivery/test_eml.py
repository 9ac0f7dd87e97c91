"""A message as a file: whole or not there, one file an id, readable again."""

import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tasks.delivery.eml import write_eml
from tasks.delivery.errors import DeliveryError, MailOutcome


def mail(message_id: str | None = "<daily.2026-11-24.r1.a@example.com>", body: str = "本文です。\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "r@example.com", "田中@example.com", "日次点検"
    if message_id is not None:
        message["Message-ID"] = message_id
    message.set_content(body)
    return message


def test_the_file_is_the_message(tmp_path: Path) -> None:
    file = write_eml(mail(), tmp_path / "outbox" / "2026")
    got = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (got["Subject"], got.get_content()) == ("日次点検", "本文です。\n")
    assert "To: 田中@example.com\r\n".encode() in file.read_bytes()
    assert file.name.startswith("daily.2026-11-24.r1.a-example.com-") and file.suffix == ".eml"


def test_the_same_id_is_one_file_with_the_last_text(tmp_path: Path) -> None:
    assert write_eml(mail(body="first\n"), tmp_path) == write_eml(mail(body="second\n"), tmp_path)
    (file,) = tmp_path.iterdir()
    assert b"second" in file.read_bytes()


@pytest.mark.parametrize(
    "message_id",
    [
        "<../../etc/passwd@x>",
        "</abs@x>",
        "<..@x>",
        "<.hidden@x>",
        f"<{'a' * 500}@x>",
        "<点検@x>",
        "<a b\t*?|@x>",
    ],
)
def test_a_name_is_safe_and_bounded(tmp_path: Path, message_id: str) -> None:
    file = write_eml(mail(message_id), tmp_path)
    assert [file] == list(tmp_path.iterdir())
    assert len(file.name) < 120 and file.name.isascii() and not file.name.startswith(".")


def test_ids_that_differ_only_in_unsafe_or_cut_characters_are_two_files(tmp_path: Path) -> None:
    ids = ["<a/b@x>", "<a:b@x>", f"<{'a' * 200}1@x>", f"<{'a' * 200}2@x>"]
    assert len({write_eml(mail(i), tmp_path) for i in ids}) == 4


def test_a_message_without_id_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Message-ID"):
        write_eml(mail(None), tmp_path)


def test_a_folder_that_cannot_be_written_is_retried_and_named(tmp_path: Path) -> None:
    in_the_way = tmp_path / "mail"
    in_the_way.write_text("a file")
    with pytest.raises(DeliveryError) as caught:
        write_eml(mail(), in_the_way)
    assert caught.value.kind is MailOutcome.RETRY
    assert str(in_the_way) in str(caught.value) and "[mail] smtp" in str(caught.value)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    taken = write_eml(mail(), tmp_path)
    taken.unlink()
    taken.mkdir()  # a folder under the final name: the rename fails after the text was written
    with pytest.raises(DeliveryError):
        write_eml(mail(), tmp_path)
    assert list(tmp_path.iterdir()) == [taken]


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    bodies = [f"{n}\n" * 20_000 for n in range(8)]
    threads = [threading.Thread(target=write_eml, args=(mail(body=body), tmp_path)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (file,) = tmp_path.iterdir()
    assert file.read_text(encoding="utf-8").partition("\n\n")[2] in bodies
