"""A message that is no report: the same words for chat, for the text of a mail and for its HTML."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from hashlib import sha256

from reports.envelope import atom, envelope, mail_html
from reports.text import wrapped
from reports.view import Tone
from reports.words import Words
from tasks.observation import printable

MOST_LINES = 40
_LONGEST_SUBJECT = 150
_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Notice:
    """What a message of the outbox says: title and text for chat, and a mail, which is made only for who gets one.

    `tone` is the name of a tone: a chat colours the message by it.
    """

    tone: str
    title: str
    text: str
    mail: Callable[[], EmailMessage]


@dataclass(frozen=True, slots=True)
class Content:
    """What a notice says, in the reader's language: a sentence, facts with their labels, links, and notes at its end.

    Its parts may come from outside: they are bounded and spelt out where they are shown.
    """

    service: str
    environment: str
    tone: Tone
    title: str
    sentence: str
    facts: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The title with its tone, on one line."""
        return printable(f"[{self.tone.word}] {self.title}", _LONGEST_SUBJECT)


@dataclass(frozen=True, slots=True)
class Post:
    """From whom a mail comes, to whom it goes, and which one it is: the same `key` is the same Message-ID.

    Mails of one `thread` are shown together.
    """

    sender: str
    recipient: str
    key: str
    thread: str
    at: datetime


def notice(content: Content, words: Words, post: Post) -> Notice:
    """A notice in every form."""
    text = "\n".join(_lines(content))
    return Notice(content.tone.name, content.subject, text, lambda: _mail(content, text, words, post))


def _lines(content: Content) -> Iterator[str]:
    yield _cut(content.sentence)
    for pairs in (content.facts, content.links):
        if pairs:
            yield ""
        yield from (f"{_cut(label)}: {_cut(value)}" for label, value in pairs[:MOST_LINES])
    if content.notes:
        yield ""
    yield from map(_cut, content.notes[:MOST_LINES])


def _mail(content: Content, text: str, words: Words, post: Post) -> EmailMessage:
    html = mail_html("notice.html.j2", words, c=content, most=MOST_LINES, cut=_cut)
    # An address that is broken is no link any more.
    lines = (line for long in text.split("\n") for line in ([long] if "://" in long else wrapped(long, "", "  ")))
    body = "\n".join(lines)
    mail = envelope(f"{body}\n", _headers(content, words, post))
    mail.add_alternative(html, subtype="html")
    return mail


def _headers(content: Content, words: Words, post: Post) -> Iterator[tuple[str, object]]:
    service = atom(content.service)
    thread = f"<{sha256(post.thread.encode()).hexdigest()[:32]}@{service}.opsrounds>"
    yield "Subject", content.subject
    yield "From", post.sender
    yield "To", post.recipient
    yield "Date", post.at
    yield "Message-ID", f"<{sha256(post.key.encode()).hexdigest()[:32]}.m@{service}.opsrounds>"
    yield "In-Reply-To", thread
    yield "References", thread
    yield "List-Id", f"<alerts.{service}.opsrounds>"
    yield "Auto-Submitted", "auto-generated"
    yield "Content-Language", words.locale


def _cut(text: str) -> str:
    return printable(text, _LONGEST_LINE)
